-- A command that was taken back from a topic is remembered without its route and content, which no event holds: it has
-- the route "" and is the same command on every route. The unique index cannot say so; this does, from the second
-- epoch on, since nothing is taken back before one is opened.

create function refuse_remembered() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from public.events e
        where e.command_actor = new.command_actor and e.command_key = new.command_key and e.command_route = ''
    ) then
        raise unique_violation using
            message = 'the command is remembered, as it was taken back from a topic', constraint = 'events_command';
    end if;
    return new;
end $$;

create trigger events_remembered before insert on events for each row
    when (new.command_route <> '' and new.epoch > 1) execute function refuse_remembered();

-- What runs with the owner's rights finds nothing by the caller's search path.
alter function append set search_path = pg_catalog, pg_temp;
alter function open_epoch set search_path = pg_catalog, pg_temp;

revoke all on function refuse_remembered from public;
