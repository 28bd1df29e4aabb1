-- What of a season went otherwise than its rules foresee, one row per exception.

create table exceptions (
    grp text collate "C" not null,
    id text collate "C" not null,
    season text not null,
    province text,
    kind text not null,
    recorded timestamptz not null,
    reason text,
    body text not null,
    primary key (grp, id)
);
comment on table exceptions is
    'One extension, override, removal, amendment or freeze. province: null for the whole season; reason: the digest of its text.';
create index exceptions_listed on exceptions (season, recorded, id);

grant select, insert, update, delete on exceptions to {login};
