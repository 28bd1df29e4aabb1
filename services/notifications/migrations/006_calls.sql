-- Notices to all who hold a role of identity's, until they are told; and for which government a nominee was nominated.

create table calls (
    call uuid primary key,
    role text not null,
    document text not null,
    recorded timestamptz not null,
    attempts integer not null default 0,
    next_try timestamptz not null default clock_timestamp(),
    told timestamptz
);
create index calls_due on calls (next_try, call) where told is null;
comment on table calls is 'Whom identity says to hold a role is told of these, once; no person is named here.';
grant select, insert, update on calls to {login};

alter table nominations add column body text not null default '';
comment on column nominations.body is 'The code of the nominating body: 75 or 75.71.';

-- A store that was filled before does not know the bodies: it is folded anew from its start, as by 005.
truncate began, seats, conflicts, plenaries, announced, stages, assigned, freezes, extensions, nominations, seasons, wide;

update checkpoints set enabled_epoch = epoch, enabled_xid = xid, enabled_position = position
where handler = 'notifications/intents' and enabled_epoch > 0
  and (enabled_epoch, enabled_xid, enabled_position) < (epoch, xid, position);
update checkpoints set epoch = 0, xid = '0', position = 0, generation = generation + 1
where handler = 'notifications/intents';
