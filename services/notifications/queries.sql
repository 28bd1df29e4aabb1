-- name: known_nominations
-- Whom the messages of some nominations go to.
select nomination, nominated_by, contact, candidate from nominations where nomination = any($1::uuid[])

-- name: waiting_for
-- What waits for some nominations.
select cause, nomination, season, template, params, sample, recorded from waiting where nomination = any($1::uuid[])

-- name: put_season
-- Keeps a season's newest rulebook.
insert into seasons (season, version, rulebook) values ($1, $2, $3)
on conflict (season) do update set version = excluded.version, rulebook = excluded.rulebook
where seasons.version < excluded.version

-- name: put_nomination
-- Keeps whom a nomination's messages go to.
insert into nominations (nomination, nominated_by, contact, candidate) values ($1, $2, $3, $4)
on conflict (nomination) do nothing

-- name: put_waiting
-- Keeps what a nomination that is not known yet will be told.
insert into waiting (cause, nomination, season, template, params, sample, recorded)
values ($1, $2, $3, $4, $5, $6, $7) on conflict (cause, nomination) do nothing

-- name: end_waiting
-- The nomination is known; nothing of it waits any more.
delete from waiting where nomination = $1

-- name: put_intent
-- Commits the intent to tell a person, once.
insert into intents (message_id, cause, person, role, template, season, params, nominations, sample, recorded)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (message_id) do update set role = 'both' where intents.role <> excluded.role

-- name: due_intents
-- What can be sent now: its time has come, and the rulebook and all nominations that it names are here.
select i.message_id, i.cause, i.person, i.role, i.template, i.season, i.params, i.nominations, i.sample, i.recorded,
       i.attempts, s.version as rulebook_version
from intents i join seasons s using (season)
where i.state = 'pending' and i.next_try <= clock_timestamp()
  and not exists (select from unnest(i.nominations) as n (nomination)
                  where not exists (select from nominations k where k.nomination = n.nomination))
order by i.next_try, i.message_id limit $1

-- name: season
-- A season's rulebook in force.
select season, version, rulebook from seasons where season = $1

-- name: newest_season
-- The season that templates are previewed with when none is asked for.
select season, version, rulebook from seasons order by season desc limit 1

-- name: names
-- The official names of some candidates.
select nomination, candidate from nominations where nomination = any($1::uuid[])

-- name: settle_intent
-- A message was sent, given up, or is not to be sent.
update intents set state = $2, settled = clock_timestamp() where message_id = $1 and state = 'pending'

-- name: postpone_intent
-- A message could not be sent now; $2 seconds from now it is tried again.
update intents set attempts = attempts + 1, next_try = clock_timestamp() + make_interval(secs => $2)
where message_id = $1 and state = 'pending'

-- name: counts
-- How many messages of each template are in each state.
select template, state, count(*) as messages from intents group by template, state order by template, state

-- name: oldest_due
-- For how many seconds the oldest message that could be sent has been waiting.
select coalesce(max(extract(epoch from clock_timestamp() - next_try)), 0)::float8
from intents where state = 'pending' and next_try <= clock_timestamp()

-- name: deliveries_first
-- A person's own messages, newest first.
select message_id, cause, template, season, nominations, sample, recorded, state, settled
from intents where person = $1 order by recorded desc, message_id limit $2

-- name: deliveries_after
-- A person's own messages after one of them.
select message_id, cause, template, season, nominations, sample, recorded, state, settled
from intents where person = $1 and (recorded < $3 or (recorded = $3 and message_id > $4))
order by recorded desc, message_id limit $2
