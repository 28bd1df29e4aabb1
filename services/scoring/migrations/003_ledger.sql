-- The ledger of facts that other systems publish, and what was refused. A fact is never changed: what counts is a
-- function of the whole set. Each batch is told by a FactsIngested event, so a changed row is found.

create table places (
    place smallint generated always as identity primary key,
    topic text not null,
    partition integer not null,
    unique (topic, partition)
);
comment on table places is 'Partitions of fact topics, by a short number.';

create table facts (
    month date not null,
    kafka_offset bigint not null,
    batch integer not null,
    place smallint not null,
    publisher text collate "C" not null,
    id text collate "C" not null,
    kind text collate "C" not null,
    subject text collate "C" not null,
    target text collate "C",
    document text not null
) partition by list (month);
comment on table facts is 'Every accepted fact once, in the partition of the month that it is about.';
comment on column facts.batch is 'Version of the FactsIngested event, on the stream of the place, that told of it.';
comment on column facts.subject is 'Whom it is about: an employer''s number (NPP) or a region''s code.';
comment on column facts.target is 'The id of the fact that it corrects or reverses.';
comment on column facts.document is 'Its canonical JSON; with a zero byte before it, what the RFC 6962 leaf is hashed from.';

create trigger facts_rows before update or delete on facts for each row execute function refuse_change();

-- Makes the partition of a month, unless it is there. It is made beside the table and then attached, so that neither
-- readers nor other writers are kept waiting.
create function ensure_month(wanted date) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    part text := 'facts_' || to_char(wanted, 'YYYY_MM');
begin
    if wanted <> date_trunc('month', wanted)::date then
        raise exception 'a partition begins on the first day of a month, not on %', wanted;
    end if;
    if to_regclass('public.' || part) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(4711, 2);
    if to_regclass('public.' || part) is not null then
        return;
    end if;
    execute format('create table public.%I (like public.facts including comments)', part);
    execute format('alter table public.%I add constraint %I check (month = %L)', part, part || '_month', wanted);
    execute format('create unique index %I on public.%I (publisher, id)', part || '_id', part);
    execute format('create index %I on public.%I (subject)', part || '_subject', part);
    execute format('create index %I on public.%I (publisher, target) where target is not null', part || '_target', part);
    execute format('create index %I on public.%I using brin (place, batch) with (pages_per_range = 16, autosummarize = on)',
                   part || '_batch', part);
    execute format('create trigger %I before truncate on public.%I execute function public.refuse_change()',
                   part || '_truncate', part);
    execute format('alter table public.facts attach partition public.%I for values in (%L)', part, wanted);
    execute format('grant select, insert on public.%I to {login}', part);
end $$;

create table refused_facts (
    topic text not null,
    partition integer not null,
    kafka_offset bigint not null,
    received timestamptz not null,
    publisher text collate "C",
    id text collate "C",
    reason text not null,
    field text not null,
    value text not null,
    english text not null,
    indonesian text not null,
    primary key (topic, partition, kafka_offset)
);
comment on table refused_facts is 'Messages that were not taken for facts, and why; kept as long as their dead letters.';
create index refused_facts_by_claim on refused_facts (publisher, id);
create index refused_facts_by_day on refused_facts (received);

create table ingest_switch (
    topic text primary key,
    paused boolean not null
);
comment on table ingest_switch is 'Topics of which operators paused the ingest.';

create table watched (
    nomination text primary key,
    season text not null,
    province text not null,
    category text not null,
    kind text not null,
    candidate text collate "C" not null
);
comment on table watched is 'Nominations whose measures follow the facts, with the candidate that they are about.';
create index watched_by_candidate on watched (candidate);

create table measured_batches (
    place smallint primary key,
    batch integer not null
);
comment on table measured_batches is 'Up to which batch of each place measures have been taken.';

revoke all on function ensure_month from public;
grant execute on function ensure_month to {login};
grant select, insert on places, facts to {login};
grant select, insert, delete on refused_facts, watched to {login};
grant select, insert, update on ingest_switch, measured_batches to {login};
