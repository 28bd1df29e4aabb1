-- An id is its publisher's own within a topic: who may write to one topic only could else take the ids of another away.
--
-- The topic is told by what a document says, as the gate has it: on contributions every fact names an employer, on
-- coverage none does. No text of a fact can hold a quote, so the name of the field is found where it is one only. The
-- place of a row tells the topic too, yet an index cannot look a place up.

create or replace function ensure_month(wanted date) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    part text := 'facts_' || to_char(wanted, 'YYYY_MM');
begin
    if wanted <> date_trunc('month', wanted)::date then
        raise exception 'a partition begins on the first day of a month, not on %', wanted;
    end if;
    -- As far as the gate takes facts: who has the login only could make tables without end.
    if wanted not between date '1990-01-01' and date '2099-12-01' then
        raise exception 'no fact is about the month of %', wanted;
    end if;
    if to_regclass('public.' || part) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(4711, 2);
    -- Asked of the table itself: what to_regclass remembers is not told anew by a lock of this kind.
    perform from pg_class where relname = part and relnamespace = 'public'::regnamespace;
    if found then
        return;
    end if;
    execute format('create table public.%I (like public.facts including comments)', part);
    execute format('alter table public.%I add constraint %I check (month = %L)', part, part || '_month', wanted);
    execute format('create unique index %I on public.%I (publisher, id, (strpos(document, %L) > 0))', part || '_id', part,
                   '"employer":');
    execute format('create index %I on public.%I (subject)', part || '_subject', part);
    execute format('create index %I on public.%I (publisher, target) where target is not null', part || '_target', part);
    execute format('create index %I on public.%I (place, batch) where target is not null', part || '_correcting', part);
    execute format('create index %I on public.%I (subject) where target is not null', part || '_corrected', part);
    execute format('create index %I on public.%I using brin (place, batch) with (pages_per_range = 16, autosummarize = on)',
                   part || '_batch', part);
    execute format('create trigger %I before truncate on public.%I execute function public.refuse_change()',
                   part || '_truncate', part);
    execute format('alter table public.facts attach partition public.%I for values in (%L)', part, wanted);
    execute format('grant select, insert on public.%I to {login}', part);
end $$;

do $$
declare
    part text;
begin
    for part in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
                where i.inhparent = 'public.facts'::regclass loop
        execute format('drop index public.%I', part || '_id');
        execute format('create unique index %I on public.%I (publisher, id, (strpos(document, %L) > 0))', part || '_id', part,
                       '"employer":');
    end loop;
end $$;
