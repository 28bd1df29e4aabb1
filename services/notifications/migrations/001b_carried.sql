-- What waits where 002 is still to be applied is carried past it, since 002 changes what a waiting row is; 005 brings it
-- back in the new form. Where 002 was applied before this file came, there is nothing to carry.

create table carried (
    cause uuid not null,
    nomination uuid not null,
    season text not null,
    template text not null,
    params text not null,
    sample boolean not null,
    recorded timestamptz not null
);

do $$ begin
    if exists (select from information_schema.columns where table_name = 'waiting' and column_name = 'sample') then
        insert into carried select cause, nomination, season, template, params, sample, recorded from waiting;
        delete from waiting;
    end if;
end $$;
