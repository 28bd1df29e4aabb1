-- A store of before 002 to 004 knows no seats, meetings and deadlines: the log is folded anew from its start, by itself,
-- when the service starts. It acts from where the old fold had come to, so nobody is told of what was passed before;
-- what was to be sent, what waits, choices and webhooks stay. In a fresh store there is nothing to do.

insert into waiting (cause, template, needs, nomination, notice)
select cause, template, 'nomination/' || nomination, nomination,
       json_build_object(
           'cause', cause, 'template', template, 'season', season, 'params', params::json, 'sample', sample,
           'recorded', to_char(recorded at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           'about', json_build_array(nomination), 'persons', '[]'::json, 'bodies', '[]'::json, 'own', '{}'::json,
           'to', null, 'nominees_only', true)::text
from carried;
drop table carried;

truncate began, seats, conflicts, plenaries, announced, stages, assigned, freezes, extensions, nominations, seasons, wide;

update checkpoints set enabled_epoch = epoch, enabled_xid = xid, enabled_position = position
where handler = 'notifications/intents' and enabled_epoch > 0
  and (enabled_epoch, enabled_xid, enabled_position) < (epoch, xid, position);
update checkpoints set epoch = 0, xid = '0', position = 0, generation = generation + 1
where handler = 'notifications/intents';
