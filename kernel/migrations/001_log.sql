-- The local log of a service: one table of events, its own and those it received, in one local order.
--
-- The service's login role owns nothing here and can write events only through append(), which checks the head of
-- every stream it touches. Rows can be neither changed nor removed; triggers say so even to the owner.

create table epochs (
    epoch integer primary key,
    opened timestamptz not null default clock_timestamp(),
    reason text not null,
    system_identifier text not null
);
comment on table epochs is 'A new epoch begins where xid8 may have gone back: after a restore, on a new cluster.';

insert into epochs (epoch, reason, system_identifier)
select 1, 'new-cluster', system_identifier::text from pg_control_system();

create table heads (
    stream text collate "C" primary key,
    version bigint not null,
    hash bytea not null,
    recorded timestamptz not null
) with (fillfactor = 70);
comment on table heads is 'Where each stream ends. Its row is the lock under which the stream grows; it is also the inbox.';

create table events (
    epoch integer not null,
    xid xid8 not null,
    position bigint generated always as identity,
    stream text collate "C" not null,
    version bigint not null,
    id uuid not null,
    type text collate "C" not null,
    own boolean not null,
    hash bytea not null,
    document text not null,
    topic_partition integer,
    topic_offset bigint,
    command_actor text collate "C",
    command_route text collate "C",
    command_key text collate "C",
    command_digest bytea,
    primary key (stream, version)
);
comment on column events.document is 'The canonical bytes as they were written; never jsonb, never made again.';
comment on column events.topic_offset is 'Where a received event was read; null for own ones.';
create unique index events_order on events (epoch, xid, position);
comment on column events.command_key is
    'On the first event of a command: its id, unique per actor and route. One taken back from a topic has the route "".';
create unique index events_id on events (id);
create unique index events_command on events (command_actor, command_key, command_route) where command_key is not null;

create table texts (
    digest text primary key,
    salt text not null,
    body text,
    written timestamptz not null default clock_timestamp()
);
comment on table texts is 'Free texts (reasons, comments) that events cite by salted digest; the body can be erased by law.';

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % is refused', tg_table_name, tg_op using errcode = 'PA003';
end $$;

create trigger events_rows before update or delete on events for each row execute function refuse_change();
create trigger events_truncate before truncate on events execute function refuse_change();
create trigger heads_rows before delete on heads for each row execute function refuse_change();
create trigger heads_truncate before truncate on heads execute function refuse_change();
create trigger epochs_rows before update or delete on epochs for each row execute function refuse_change();
create trigger epochs_truncate before truncate on epochs execute function refuse_change();

create function heads_only_grow() returns trigger language plpgsql as $$
begin
    raise exception 'the head of % can only grow', old.stream using errcode = 'PA003';
end $$;
create trigger heads_growth before update on heads for each row
    when (new.version <= old.version or new.stream <> old.stream) execute function heads_only_grow();

create type stream_lock as (
    stream text collate "C", writes boolean, version bigint, hash bytea,
    new_version bigint, new_hash bytea, new_recorded timestamptz
);
comment on type stream_lock is
    'A head as it was read, and what becomes of it. One that is not written is a guard: it must still be where it was.';

create type new_event as (
    stream text collate "C", version bigint, id uuid, type text collate "C", hash bytea, document text,
    topic_partition integer, topic_offset bigint,
    command_actor text collate "C", command_route text collate "C", command_key text collate "C", command_digest bytea
);

-- Appends events of one or several streams and commands, all or none, under the heads of every stream written or guarded.
-- The locks are in the order of stream names, so that two appends meet them in one order.
-- A command that is remembered already violates events_command. Raises PA001 (a stream moved; detail: its name),
-- PA004 (something was written before: then a late reader could see versions out of order).
create function append(
    is_own boolean, locks stream_lock[], new_events new_event[],
    out epoch integer, out xid xid8, out last_position bigint
) language plpgsql security definer as $$
#variable_conflict use_column
declare
    lock public.stream_lock;
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'append must be the first write of its transaction' using errcode = 'PA004';
    end if;
    perform pg_advisory_xact_lock_shared(4711, 1);
    select max(e.epoch) into append.epoch from public.epochs e;
    foreach lock in array locks loop
        if lock.writes and lock.version > 0 then
            update public.heads h
            set version = lock.new_version, hash = lock.new_hash, recorded = lock.new_recorded
            where h.stream = lock.stream and h.version = lock.version and h.hash = lock.hash;
        elsif lock.writes then
            insert into public.heads as h (stream, version, hash, recorded)
            values (lock.stream, lock.new_version, lock.new_hash, lock.new_recorded)
            on conflict (stream) do update
            set version = excluded.version, hash = excluded.hash, recorded = excluded.recorded
            where h.version = 0;
        else
            if lock.version = 0 then
                insert into public.heads (stream, version, hash, recorded)
                values (lock.stream, 0, ''::bytea, '-infinity') on conflict (stream) do nothing;
            end if;
            perform 1 from public.heads h
            where h.stream = lock.stream and h.version = lock.version for share;
        end if;
        if not found then
            raise exception 'the stream moved' using errcode = 'PA001', detail = lock.stream;
        end if;
    end loop;
    append.xid := pg_current_xact_id();
    insert into public.events
        (epoch, xid, stream, version, id, type, own, hash, document, topic_partition, topic_offset,
         command_actor, command_route, command_key, command_digest)
    select append.epoch, append.xid, u.stream, u.version, u.id, u.type, is_own, u.hash, u.document, u.topic_partition,
           u.topic_offset, u.command_actor, u.command_route, u.command_key, u.command_digest
    from unnest(new_events) as u;
    -- Without events it only holds its guards, and there is no position.
    if found then
        last_position := currval('public.events_position_seq');
    end if;
end $$;

-- Opens a new epoch, alone: every append holds the same lock shared while it reads the epoch.
create function open_epoch(why text) returns integer language plpgsql security definer as $$
declare
    opened integer;
begin
    perform pg_advisory_xact_lock(4711, 1);
    insert into public.epochs (epoch, reason, system_identifier)
    select (select max(epoch) + 1 from public.epochs), why, system_identifier::text from pg_control_system()
    returning epoch into opened;
    return opened;
end $$;

revoke all on all tables in schema public from public;
revoke all on all functions in schema public from public;
grant usage on schema public to {login};
grant select on epochs, heads, events to {login};
grant select, insert on texts to {login};
grant execute on function append, open_epoch to {login};
