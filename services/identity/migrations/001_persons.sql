-- Who the pseudonymous ids of the events are. Nothing of this is in any event, so that it can be erased by law while
-- every proof still holds; that is why these tables, unlike the log beside them, may be changed.

create table person (
    id uuid primary key,
    name text,
    email text,
    locale text not null default 'id' check (locale in ('id', 'en')),
    registered_at timestamptz not null default clock_timestamp(),
    registered_by text not null,
    erased_at timestamptz,
    check (char_length(name) between 1 and 255),
    check (char_length(email) between 3 and 254),
    check ((erased_at is null) = (name is not null)),
    check (erased_at is null or email is null)
);
comment on table person is 'A pseudonymous id and, until erased, the name and address behind it.';

create table account (
    login text collate "C" primary key,
    person_id uuid not null references person (id),
    password_hash text not null,
    created_at timestamptz not null default clock_timestamp()
);
create index account_person on account (person_id);
comment on table account is 'How a person signs in; the password is an Argon2id hash.';

create table role_grant (
    id uuid primary key default gen_random_uuid(),
    person_id uuid not null references person (id),
    role text not null,
    province text,
    committee text,
    nomination text,
    publisher text,
    season text,
    origin text not null,
    granted_at timestamptz not null default clock_timestamp(),
    unique nulls not distinct (person_id, role, province, committee, nomination, publisher, season)
);
comment on column role_grant.origin is 'Who or what granted it: a person''s id, or `development`.';

create table answered (
    actor text collate "C" not null,
    route text collate "C" not null,
    key text collate "C" not null,
    digest bytea,
    answer text,
    person_id uuid,
    at timestamptz not null default clock_timestamp(),
    primary key (actor, route, key)
);
create index answered_person on answered (person_id) where person_id is not null;
comment on table answered is 'Commands done and their answers. The digest of a person''s data goes when the data goes.';

grant select, insert, update on person to {login};
grant select, insert, update, delete on account to {login};
grant select, insert, delete, update (role) on role_grant to {login};
grant select, insert, update on answered to {login};
