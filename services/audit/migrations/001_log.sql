-- The log that strangers can check: an RFC 6962 tree over the envelopes of all events, in one order for ever.
--
-- What is here is derived from the topic paritrana.log.v1 and the events, and can be made again from them to the same
-- root. It only grows: the service's login writes through log_integrate() and log_sign(), which check that.

create table log_leaves (
    index bigint primary key,
    stream text collate "C" not null,
    version bigint not null
);
create unique index log_leaves_event on log_leaves (stream, version);
comment on table log_leaves is 'Which event is which leaf of the tree. Its hash is in the tiles, its document in events.';

create table log_tiles (
    level smallint not null,
    number bigint not null,
    hashes bytea not null check (length(hashes) % 32 = 0 and length(hashes) between 32 and 8192),
    primary key (level, number)
);
comment on table log_tiles is 'C2SP tlog-tiles: up to 256 hashes of one level. A narrower tile is a prefix of a wider one.';

create table log_end (
    one boolean primary key default true check (one),
    size bigint not null,
    next_offset bigint not null,
    digest bytea,
    cluster text,
    epoch integer not null,
    xid xid8 not null,
    position bigint not null
);
comment on table log_end is
    'How many leaves there are, up to where the topic was read, and up to where the local log is in the tree.';
comment on column log_end.digest is 'SHA-256 of the record before next_offset: another one there is another topic.';
insert into log_end (size, next_offset, epoch, xid, position) values (0, 0, 0, '0', 0);

create table log_checkpoints (
    size bigint primary key,
    note text not null,
    signed timestamptz not null
);
comment on table log_checkpoints is 'Every signed checkpoint, as it was served.';

create table log_cosignatures (
    size bigint not null references log_checkpoints,
    witness text not null,
    line text not null,
    received timestamptz not null,
    primary key (size, witness)
);
comment on table log_cosignatures is 'What witnesses signed of a checkpoint: one line of a signed note each.';

create trigger log_leaves_rows before update or delete on log_leaves for each row execute function refuse_change();
create trigger log_leaves_truncate before truncate on log_leaves execute function refuse_change();
create trigger log_checkpoints_rows before update or delete on log_checkpoints
    for each row execute function refuse_change();
create trigger log_checkpoints_truncate before truncate on log_checkpoints execute function refuse_change();
create trigger log_cosignatures_rows before update or delete on log_cosignatures
    for each row execute function refuse_change();
create trigger log_tiles_rows before delete on log_tiles for each row execute function refuse_change();
create trigger log_tiles_truncate before truncate on log_tiles execute function refuse_change();

create function tiles_only_widen() returns trigger language plpgsql as $$
begin
    raise exception 'tile %/% can only be widened', old.level, old.number using errcode = 'PA003';
end $$;
create trigger log_tiles_growth before update on log_tiles for each row
    when (new.level <> old.level or new.number <> old.number
          or substring(new.hashes for length(old.hashes)) <> old.hashes)
    execute function tiles_only_widen();

create function log_end_only_grows() returns trigger language plpgsql as $$
begin
    raise exception 'the log can only grow' using errcode = 'PA003';
end $$;
create trigger log_end_growth before update on log_end for each row
    when (new.size < old.size) execute function log_end_only_grows();
create trigger log_end_rows before delete on log_end for each row execute function refuse_change();

-- Takes leaves and widened tiles in, and moves the ends, if they are still where the caller read them; tells if they were.
create function log_integrate(
    was_size bigint, was_offset bigint, was_cluster text,
    streams text[], versions bigint[],
    levels smallint[], numbers bigint[], widened bytea[],
    to_offset bigint, to_digest bytea, to_cluster text
) returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update public.log_end
    set size = was_size + coalesce(array_length(streams, 1), 0),
        next_offset = to_offset, digest = to_digest, cluster = to_cluster
    where size = was_size and next_offset = was_offset and cluster is not distinct from was_cluster;
    if not found then
        return false;
    end if;
    insert into public.log_leaves (index, stream, version)
    select was_size + u.number - 1, u.stream, u.version
    from unnest(streams, versions) with ordinality as u (stream, version, number);
    insert into public.log_tiles as t (level, number, hashes)
    select u.level, u.number, u.hashes from unnest(levels, numbers, widened) as u (level, number, hashes)
    on conflict (level, number) do update set hashes = excluded.hashes;
    return true;
end $$;

-- Notes that everything of the local log up to a position is in the tree, so that it is not read again.
create function log_passed(to_epoch integer, to_xid xid8, to_position bigint) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    update public.log_end set epoch = to_epoch, xid = to_xid, position = to_position
    where (epoch, xid, position) < (to_epoch, to_xid, to_position)
$$;

-- Keeps a signed checkpoint, once it is known that the tree has so many leaves and the last one was not larger.
create function log_sign(of_size bigint, signed_note text, moment timestamptz) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform 1 from public.log_end where size >= of_size for share;
    if not found or exists (select from public.log_checkpoints where size > of_size) then
        return false;
    end if;
    insert into public.log_checkpoints (size, note, signed) values (of_size, signed_note, moment)
    on conflict (size) do nothing;
    return true;
end $$;

revoke all on function log_integrate, log_passed, log_sign from public;
grant execute on function log_integrate, log_passed, log_sign to {login};
grant select on log_leaves, log_tiles, log_end, log_checkpoints, log_cosignatures to {login};
grant insert on log_cosignatures to {login};
