-- Appeals: one row each, its document as JSON text beside what lists are filtered and rights are judged by.

create table appeals (
    grp text collate "C" not null,
    id text collate "C" not null,
    season text not null,
    province text not null,
    category text not null,
    nomination text collate "C" not null,
    appellant text not null,
    grounds text not null,
    lodged timestamptz not null,
    body text not null,
    primary key (grp, id)
);
comment on table appeals is 'One appeal: what it contests, what it holds, its verdict. province: the contested stage''s place; grounds: the digest of its text.';
create index appeals_listed on appeals (season, lodged, id);

grant select, insert, update, delete on appeals to {login};
