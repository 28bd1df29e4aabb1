-- Who is to be told what, and whether they were. No names, no addresses: persons are pseudonyms here as in the events.

create table seasons (
    season text primary key,
    version integer not null,
    rulebook text not null
);
comment on table seasons is 'Each season''s rulebook in force, as JSON: titles, deadlines, and who is told of what.';

create table nominations (
    nomination uuid primary key,
    nominated_by uuid not null,
    contact uuid not null,
    candidate text not null
);
comment on table nominations is 'Whom a nomination''s messages go to, and the candidate''s official name.';

create table waiting (
    cause uuid not null,
    nomination uuid not null,
    season text not null,
    template text not null,
    params text not null,
    sample boolean not null,
    recorded timestamptz not null,
    primary key (cause, nomination)
);
comment on table waiting is 'Events about a nomination that was not received yet; they become intents when it is.';

create table intents (
    message_id uuid primary key,
    cause uuid not null,
    person uuid not null,
    role text not null check (role in ('nominating-body', 'contact', 'both')),
    template text not null,
    season text not null,
    params text not null,
    nominations uuid[] not null,
    sample boolean not null,
    recorded timestamptz not null,
    state text not null default 'pending' check (state in ('pending', 'sent', 'failed', 'omitted')),
    attempts integer not null default 0,
    next_try timestamptz not null default clock_timestamp(),
    settled timestamptz
);
comment on table intents is 'What is to be sent, committed before it is sent; message_id is derived from cause, person and template.';
comment on column intents.recorded is 'The recorded time of the cause, by the award''s clock; next_try and settled are by the machine''s.';
create index intents_due on intents (next_try, message_id) where state = 'pending';
create index intents_of_person on intents (person, recorded desc, message_id);

grant select, insert, update on seasons, nominations, intents to {login};
grant select, insert, delete on waiting to {login};
