-- Who gave whom which role, and who took it back: a grant that is gone leaves no row in role_grant, and identity's acts
-- are no events of the log. The service's login may add to this table and read it, and change nothing of it.

create table act (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    kind text not null check (kind in ('granted', 'revoked', 'account-opened', 'erased')),
    person_id uuid not null references person (id),
    grant_id uuid,
    role text,
    scope jsonb,
    asked_by text not null,
    second uuid,
    office text,
    check ((kind in ('granted', 'revoked')) = (num_nonnulls(grant_id, role, scope) = 3)),
    check (num_nonnulls(grant_id, role, scope) in (0, 3)),
    check (second is null or (second::text <> asked_by and office is not null))
);
comment on table act is 'Every grant, revocation, opened account and erasure. No name and no login: those can be erased.';
comment on column act.asked_by is 'As role_grant.origin: a person''s id, or what brought it about by itself.';
comment on column act.second is 'The second administrator; null where one was enough.';
comment on column act.office is 'The role in which the person asked; null where no person did.';
comment on column role_grant.origin is
    'Who or what granted it: a person''s id, `development`, `password-file` (the first administrator) or `appointment`.';

create function scope_of(role_grant) returns jsonb language sql stable as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'province', $1.province, 'committee', $1.committee, 'nomination', $1.nomination,
        'publisher', $1.publisher, 'season', $1.season))
$$;
comment on function scope_of is 'Where a role holds, as tokens say it.';

-- What is granted already was granted before anything was kept of it but who granted it and when.
insert into act (at, kind, person_id, grant_id, role, scope, asked_by, office)
select g.granted_at, 'granted', g.person_id, g.id, g.role, scope_of(g), g.origin,
    case when g.origin ~ '^[0-9a-f]{8}-' then 'season-admin' end
from role_grant g order by g.granted_at, g.id;

grant select, insert on act to {login};
