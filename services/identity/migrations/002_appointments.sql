-- Who sits where and whom a nomination names as its contact, as nomination's events say; grants follow from them.

create table office (
    season text not null,
    body text not null,
    office text not null,
    roles text[] not null,
    primary key (season, body, office)
);
comment on table office is 'The roles that an office of a season''s rulebook brings, in the place that its holder sits for.';

create table seat (
    season text not null,
    province text not null,
    body text not null,
    office text not null,
    seat integer not null,
    person_id uuid not null,
    primary key (season, province, body, office, seat)
);
create index seat_person on seat (person_id);
comment on table seat is 'Taken seats. A person may be unknown here: then nothing is granted.';

create table contact (
    nomination uuid primary key,
    person_id uuid not null
);
create index contact_person on contact (person_id);
comment on table contact is 'The contact person of each nomination.';

grant select, insert, update, delete on office, seat to {login};
grant select, insert, update on contact to {login};
