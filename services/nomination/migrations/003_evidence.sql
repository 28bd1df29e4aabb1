-- Documents that nominations cite, and what is shown of disputes and interviews.

create table evidence (
    sha256 text collate "C" primary key,
    media_type text not null,
    body bytea not null,
    stored timestamptz not null default clock_timestamp(),
    check (sha256 = encode(sha256(body), 'hex'))
);
comment on table evidence is
    'Documents by the SHA-256 of their bytes, kept before the event that cites them; a name can belong to no other bytes.';
-- Documents are compressed already; out of line and as they are, they are read in pieces without unpacking.
alter table evidence alter column body set storage external;

grant select, insert on evidence to {login};

alter table nominations add column nominating_body text;
alter table nominations add column home text;
alter table nominations add column contact text;
alter table nominations add column evidence text[] not null default '{}';
update nominations set
    nominating_body = body::json ->> 'nominating_body',
    home = coalesce(body::json #>> '{candidate,region}', body::json #>> '{candidate,code}'),
    contact = body::json ->> 'contact';
alter table nominations alter column nominating_body set not null;
alter table nominations alter column home set not null;
alter table nominations alter column contact set not null;
comment on column nominations.home is 'The region that the candidate is, or is at home in.';
create index nominations_evidence on nominations using gin (evidence);

create table disputes (
    grp text collate "C" not null,
    id text collate "C" not null,
    season text not null,
    province text not null,
    nominating_body text not null,
    home text not null,
    publisher text not null,
    disputed timestamptz not null,
    body text not null,
    primary key (grp, id)
);
comment on table disputes is 'One disputed figure; publisher is the topic of the facts that it was measured from.';
create index disputes_listed on disputes (season, disputed, id);

create table interviews (
    grp text collate "C" not null,
    id text collate "C" not null,
    season text not null,
    province text not null,
    nominating_body text not null,
    home text not null,
    contact text not null,
    place text not null,
    stage text not null,
    begins timestamptz not null,
    body text not null,
    primary key (grp, id)
);
comment on table interviews is 'One slot of a nominee that still competes; province: the candidate''s; place: the stage''s.';
create index interviews_listed on interviews (season, begins, grp, id);

grant select, insert, update, delete on disputes, interviews to {login};
