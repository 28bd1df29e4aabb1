-- What the relay, the receiver and the reactors remember beside the log.

create table relayed (
    topic text not null,
    partition integer not null,
    acknowledged bigint not null,
    digest bytea not null,
    primary key (topic, partition)
);
comment on table relayed is 'The last record of ours that a partition acknowledged: its offset and the hash of its event.';

create table relay_checkpoint (
    one boolean primary key default true check (one),
    epoch integer not null,
    xid xid8 not null,
    position bigint not null,
    cluster text
);
comment on table relay_checkpoint is 'Up to where own events were acknowledged by the broker whose cluster id is named.';
insert into relay_checkpoint (epoch, xid, position) values (0, '0', 0);

create table relay_stopped (
    stream text collate "C" primary key,
    version bigint not null,
    reason text not null,
    since timestamptz not null default clock_timestamp()
);
comment on table relay_stopped is 'Streams published no further than this version; tried again when a relay starts.';

create table received (
    topic text not null,
    partition integer not null,
    next_offset bigint not null,
    digest bytea,
    cluster text not null,
    primary key (topic, partition)
);
comment on table received is 'Where to seek in a partition, with the SHA-256 of the record before it.';

create table held (
    stream text collate "C" not null,
    version bigint not null,
    topic text not null,
    partition integer not null,
    topic_offset bigint not null,
    since timestamptz not null default clock_timestamp(),
    document text not null,
    primary key (stream, version)
);
comment on table held is 'Events that came before their predecessor; they wait until the gap closes.';

create table checkpoints (
    handler text primary key,
    epoch integer not null,
    xid xid8 not null,
    position bigint not null,
    enabled_epoch integer not null default 0,
    enabled_xid xid8 not null default '0',
    enabled_position bigint not null default 0,
    generation integer not null default 0
);
comment on column checkpoints.generation is 'Counted up by a rebuild, so that whoever folds drops what it keeps in memory.';
comment on table checkpoints is 'Up to where each projection and reaction has folded the log, and from where a reaction acts.';

create table stalled (
    handler text not null,
    stream text collate "C" not null,
    version bigint not null,
    reason text not null,
    since timestamptz not null default clock_timestamp(),
    primary key (handler, stream)
);
comment on table stalled is 'Streams that a handler cannot read further than before this version; mended code goes on from there.';

create table projection_members (
    projection text collate "C" not null,
    grp text collate "C" not null,
    stream text collate "C" not null,
    primary key (projection, grp, stream)
);
comment on table projection_members is 'Which streams a projection''s group is folded from.';

grant select, insert, update on relay_checkpoint, received, checkpoints to {login};
grant select, insert, update, delete on relayed, relay_stopped, held, stalled, projection_members to {login};
