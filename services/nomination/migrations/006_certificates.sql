-- Issued certificates (piagam), in force or revoked: what their owners print and everybody may check.

create table certificates (
    grp text collate "C" not null,
    id text collate "C" not null,
    season text not null,
    place text not null,
    category text not null,
    nomination text not null,
    number text collate "C" not null,
    issued timestamptz not null,
    body text not null,
    primary key (grp, id)
);
comment on table certificates is 'One certificate. grp: its award''s stream; place: the province of the award, 00: the nation.';
create index certificates_listed on certificates (season, issued, number);
create index certificates_by_id on certificates (id);

grant select, insert, update, delete on certificates to {login};
