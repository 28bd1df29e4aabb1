-- What was said to all nominees of some stages or of a season, for those whose own events are received later.

create table wide (
    cause uuid primary key,
    season text not null,
    stages text[],
    home text,
    recorded timestamptz not null,
    notice text not null
);
create index wide_of_season on wide (season, recorded);
comment on table wide is 'Notices to all who stand somewhere; without stages to a season, with home to a province of it.';

alter table nominations add column since timestamptz not null default 'epoch';
comment on column nominations.since is 'The recorded time of the event that brought it to where it stands.';

-- What one notice says to several nominees that came late may wait for one rulebook.
alter table waiting drop constraint waiting_pkey;
create unique index waiting_once on waiting (cause, template, needs, nomination) nulls not distinct;

grant select, insert, update, delete on wide to {login};
