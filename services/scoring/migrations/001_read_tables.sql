-- Read tables of the scoring service, each folded from the log by the projection of its name and made anew at will.

create table rankings (
    grp text collate "C" not null,
    id text collate "C" not null,
    ranking text collate "C" not null,
    nomination text not null,
    place integer not null,
    rank integer,
    shared boolean not null,
    candidate text not null,
    name text not null,
    total text,
    shown text,
    aspects text,
    tie text,
    reason text,
    lacking text,
    sheets integer not null,
    sample boolean not null,
    status text not null,
    seal text,
    digest text,
    announced text,
    heading text,
    primary key (grp, id)
);
comment on table rankings is 'Standings per stage. The row with place 0 is a stage''s heading; totals are exact fractions.';
create index rankings_by_ranking on rankings (ranking, place);
create index rankings_headings on rankings (ranking) where place = 0;

create table sheets (
    grp text collate "C" not null,
    id text collate "C" not null,
    ranking text collate "C" not null,
    season text not null,
    province text not null,
    nomination text not null,
    tier text not null,
    stage text not null,
    member text not null,
    status text not null,
    filed integer not null,
    changed text not null,
    sample boolean not null,
    primary key (grp, id)
);
comment on table sheets is 'How far each sheet has come. It holds no marks.';
create index sheets_by_member on sheets (member, ranking);
create index sheets_by_ranking on sheets (ranking, nomination);

create table stage_members (
    grp text collate "C" not null,
    id text collate "C" not null,
    season text not null,
    province text not null,
    category text not null,
    tier text not null,
    stage text not null,
    nomination text not null,
    candidate text not null,
    name text not null,
    standing text not null,
    here boolean not null,
    sample boolean not null,
    primary key (grp, id)
);
comment on table stage_members is 'Which nominations reached which stage (id: its ranking stream), and whether they still compete there.';
create index stage_members_by_stage on stage_members (id, nomination);
create index stage_members_by_place on stage_members (season, province);

grant select, insert, update, delete on rankings, sheets, stage_members to {login};
