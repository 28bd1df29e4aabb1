-- What people chose, and what it takes to tell more people of more: seats, meetings, stages, deadlines.
-- `at` and `ranking` are names of ranking streams: ranking/<season>/<tier>/<province>/<category>/<stage>.

create table began (
    one boolean primary key default true check (one),
    epoch bigint not null,
    xid xid8 not null,
    position bigint not null
);
comment on table began is 'The first event that was ever folded: whoever folds it again begins anew, and forgets the rest first.';

alter table seasons add column frozen boolean not null default false;

alter table nominations
    add column season text,
    add column home text,
    add column at text,
    add column standing text not null default 'competing'
        check (standing in ('late', 'competing', 'returned', 'won', 'out')),
    add column sample boolean not null default false,
    add column mend_until timestamptz,
    add column interview timestamptz,
    add column heard_at text;
create index nominations_of_season on nominations (season);
create index nominations_at on nominations (at);

create table seats (
    season text not null,
    province text not null,
    body text not null,
    office text not null,
    seat integer not null,
    person uuid not null,
    held boolean not null,
    primary key (season, province, body, office, seat)
);
comment on table seats is 'Who holds each seat of each body, or held it last.';

create table conflicts (
    season text not null,
    province text not null,
    body text not null,
    person uuid not null,
    category text not null,
    nomination uuid not null default '00000000-0000-0000-0000-000000000000',
    primary key (season, province, body, person, category, nomination)
);
comment on table conflicts is 'Declared conflicts that hold; the nil nomination stands for the whole category.';

create table plenaries (
    plenary uuid primary key,
    season text not null,
    province text not null,
    body text not null,
    scheduled timestamptz not null,
    agenda text not null,
    cause uuid not null,
    recorded timestamptz not null
);
create index plenaries_of_season on plenaries (season);

create table announced (
    ranking text primary key,
    season text not null,
    eliminated uuid[] not null,
    appeals_until timestamptz
);
comment on table announced is 'The latest announcement of each stage: who is out by it, and until when that can be appealed.';

create table stages (
    ranking text primary key,
    season text not null,
    province text not null,
    category text not null,
    body text not null,
    offices text[] not null,
    closes timestamptz not null,
    is_open boolean not null
);
comment on table stages is 'Stages that were opened for scoring, the offices that score there, and the deadline in force.';

create table assigned (
    ranking text not null,
    nomination uuid not null,
    member uuid not null,
    primary key (ranking, nomination, member)
);

create table freezes (
    appeal uuid not null,
    ranking text not null,
    primary key (appeal, ranking)
);

create table extensions (
    season text not null,
    province text not null default '',
    until timestamptz not null,
    primary key (season, province)
);
comment on table extensions is 'Later ends of the window for nominations; an empty province stands for everywhere.';

create table subscriptions (
    person uuid primary key,
    version integer not null,
    steps text not null,
    deadlines text not null,
    meetings text not null,
    results text not null,
    appeals text not null,
    zone text not null,
    webhook text,
    previous text,
    previous_until timestamptz
);
comment on table subscriptions is 'What each person chose; who chose nothing is written to by mail.';

create table endpoints (
    digest text primary key,
    person uuid not null,
    salt text not null,
    url text not null,
    secret text not null,
    made timestamptz not null default clock_timestamp()
);
comment on table endpoints is 'Webhooks'' URLs and secrets, beside the events that hold their salted digests; can be erased.';
create index endpoints_of_person on endpoints (person);

-- A notice may wait for a season's rulebook too, and is kept whole; none can wait already where this is applied first.
alter table waiting drop constraint waiting_pkey;
alter table waiting
    alter column nomination drop not null,
    drop column season,
    drop column params,
    drop column sample,
    drop column recorded,
    add column needs text not null,
    add column notice text not null,
    add primary key (cause, template, needs);
comment on column waiting.needs is 'What it waits for: nomination/<id> or season/<code>.';

alter table intents
    drop column role,
    drop constraint intents_state_check,
    add column channel text check (channel in ('mail', 'webhook', 'digest', 'none')),
    add column forced boolean not null default false,
    add column first_failed timestamptz,
    add column digest uuid;
alter table intents add constraint intents_state_check check (state in ('pending', 'held', 'sent', 'failed', 'omitted'));
comment on column intents.channel is 'How it goes, chosen when it is due; null until then, and again when the person chooses anew.';
comment on column intents.forced is 'The channel is not the person''s choice: the daily digest itself, or mail in place of a dead webhook.';
comment on column intents.digest is 'The message that held it, or will: held messages wait for the day''s digest.';
drop index intents_due;
create index intents_due on intents (channel, next_try, message_id) where state = 'pending';
create index intents_held on intents (person) where state = 'held';
create index intents_in_digest on intents (digest) where digest is not null;

grant select, insert, update, delete on began, seats, conflicts, plenaries, announced, stages, assigned, freezes,
    extensions, subscriptions, endpoints, seasons, nominations to {login};
