-- What continuous verification remembers: alarms, how far each service's feed was compared, what is in doubt.
--
-- All of it can be made again by looking anew, but for alarms that were found once and those that somebody answered for.

create table alarms (
    alarm bigint generated always as identity primary key,
    kind text not null,
    place text collate "C" not null,
    said text not null,
    since timestamptz not null default clock_timestamp(),
    seen timestamptz not null default clock_timestamp(),
    ended timestamptz,
    acknowledged timestamptz,
    acknowledged_by text,
    reason text,
    unique (kind, place)
);
comment on table alarms is 'What does not fit, where, since when; one row for each kind and place, kept when it ended.';
comment on column alarms.ended is 'When it was no longer so, or when somebody answered for what does not pass by itself.';
create index alarms_standing on alarms (kind) where ended is null;

create table feeds (
    service text primary key,
    epoch integer not null default 0,
    xid xid8 not null default '0',
    position bigint not null default 0,
    received_epoch integer not null default 0,
    received_xid xid8 not null default '0',
    received_position bigint not null default 0,
    round_stream text collate "C" not null default '',
    round_version bigint not null default 0,
    rounds bigint not null default 0
);
comment on table feeds is
    'How far a service''s feed was compared in its own order, the events received of it were, and the round by streams is.';

create table fed (
    stream text collate "C" primary key,
    version bigint not null
);
comment on table fed is 'Up to which version each stream was seen in its service''s feed.';

create table feed_doubts (
    service text not null,
    stream text collate "C" not null,
    version bigint not null,
    kind text not null check (kind in ('late', 'unfed')),
    hash text,
    epoch integer not null,
    xid xid8 not null,
    position bigint not null,
    since timestamptz not null,
    published timestamptz,
    primary key (service, stream, version)
);
comment on table feed_doubts is
    'Events that a feed has and this store lacks (late), or the other way round (unfed), until either is explained.';

create table live_places (
    name text primary key,
    at bigint not null
);
comment on table live_places is 'Where a check that goes round and round goes on.';

-- The three kinds of events that are listed for auditors.
create index events_listed on events (epoch, xid, position) where type in (
    'id.go.paritrana.scoring.SheetRead.v1', 'id.go.paritrana.scoring.MarksSeen.v1',
    'id.go.paritrana.service.CommandRefused.v1');

grant select, insert, update on alarms, feeds, fed, live_places to {login};
grant select, insert, update, delete on feed_doubts to {login};
