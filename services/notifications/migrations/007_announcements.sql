-- A nominee hears of a result by its announcement: which motions were made public, and what verdicts rest on one seal.
-- Notices of a decision wait in `waiting` for `motion/<plenary>/<number>`.

create table motions (
    plenary uuid not null,
    motion integer not null,
    seal uuid not null,
    verdict timestamptz,
    announced timestamptz,
    primary key (plenary, motion)
);
create index motions_of_seal on motions (seal);
comment on table motions is 'Carried motions by when their results were announced, and verdicts that changed a ranking by when they were recorded.';
comment on column motions.verdict is 'A verdict that is followed by another one before it is announced is made public with that one.';
comment on column waiting.needs is 'What it waits for: nomination/<id>, season/<code> or motion/<plenary>/<number>.';
grant select, insert, update, delete on motions to {login};

-- A store that was filled before does not know what was announced: it is folded anew from its start, as by 005.
truncate began, seats, conflicts, plenaries, announced, stages, assigned, freezes, extensions, nominations, seasons, wide;

update checkpoints set enabled_epoch = epoch, enabled_xid = xid, enabled_position = position
where handler = 'notifications/intents' and enabled_epoch > 0
  and (enabled_epoch, enabled_xid, enabled_position) < (epoch, xid, position);
update checkpoints set epoch = 0, xid = '0', position = 0, generation = generation + 1
where handler = 'notifications/intents';
