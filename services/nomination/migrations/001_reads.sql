-- The read tables of the nomination service: one row per thing shown, its document as JSON text beside what is filtered.

create table nominations (
    grp text collate "C" not null,
    id text collate "C" not null,
    season text not null,
    province text not null,
    category text not null,
    tier text not null,
    place text not null,
    stage text not null,
    status text not null,
    nominated timestamptz not null,
    body text not null,
    primary key (grp, id)
);
comment on table nominations is 'One nomination: where it stands and its way there. province: the candidate''s; place: the stage''s.';
create index nominations_listed on nominations (season, nominated, id);

create table committees (
    grp text collate "C" not null,
    id text collate "C" not null,
    season text not null,
    province text not null,
    body text not null,
    primary key (grp, id)
);
comment on table committees is 'One formed body of a province or the nation: its seats, their holders, declared conflicts.';
create index committees_listed on committees (season, province, id);

create table plenaries (
    grp text collate "C" not null,
    id text collate "C" not null,
    season text not null,
    province text not null,
    scheduled timestamptz not null,
    body text not null,
    primary key (grp, id)
);
comment on table plenaries is 'One meeting: agenda, attendance, tabled rankings, motions with their votes and decisions.';
create index plenaries_listed on plenaries (season, scheduled, id);

create table seasons (
    grp text collate "C" not null,
    id text collate "C" not null,
    rulebook text not null,
    body text not null,
    primary key (grp, id)
);
comment on table seasons is 'One season; rulebook is the content of the newest version.';

create table results (
    grp text collate "C" not null,
    id text collate "C" not null,
    season text not null,
    announced timestamptz not null,
    appeals_until timestamptz,
    body text not null,
    primary key (grp, id)
);
comment on table results is 'One announced result; what the public may read.';
create index results_listed on results (season, announced, grp, id);

grant select, insert, update, delete on nominations, committees, plenaries, seasons, results to {login};
