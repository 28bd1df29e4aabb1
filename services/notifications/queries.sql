-- === the fold: what is known, and whom it leads to telling ========================================================

-- name: began
-- The first event that was ever folded.
select epoch, xid, position from began

-- name: begin
-- Notes the first event that was folded, or an earlier one that was held until now.
insert into began (epoch, xid, position) values ($1, $2::xid8, $3)
on conflict (one) do update set epoch = excluded.epoch, xid = excluded.xid, position = excluded.position

-- name: forget
-- Forgets what was known, because it is folded again from the start; intents, calls, choices and endpoints stay.
with a as (delete from seats), b as (delete from conflicts), c as (delete from plenaries), d as (delete from announced),
     e as (delete from stages), f as (delete from assigned), g as (delete from freezes), h as (delete from extensions),
     i as (delete from nominations), j as (delete from seasons), k as (delete from wide), l as (delete from motions)
delete from waiting

-- name: known_nominations
-- Some nominations, and all of some seasons.
select nomination, nominated_by, contact, candidate, season, home, at, since, standing, sample, kind, code, body,
       mend_until, interview, heard_at
from nominations where nomination = any($1::uuid[]) or season = any($2::text[])

-- name: known_rulebooks
-- The rulebooks in force of some seasons.
select season, version, rulebook from seasons where season = any($1::text[])

-- name: known_seats
-- All seats of some seasons.
select season, province, body, office, seat, person, held from seats where season = any($1::text[])

-- name: known_plenaries
-- Some meetings, and those of some seasons that are after an instant.
select plenary, season, province, body, scheduled, agenda, cause, recorded
from plenaries where plenary = any($1::uuid[]) or (season = any($2::text[]) and scheduled > $3)

-- name: known_wide
-- What was said to all of a stage or season, in some seasons, recorded from an instant on.
select stages, home, notice from wide where season = any($1::text[]) and recorded >= $2 order by recorded, cause

-- name: known_announced
-- Which of some stages were announced.
select ranking from announced where ranking = any($1::text[])

-- name: known_motions
-- What was announced, and which verdicts there were: of some meetings, and on some seals and all that those decided on.
select plenary, motion, seal, verdict, announced from motions
where plenary = any($1::uuid[]) or seal = any($2::uuid[])
   or seal in (select seal from motions where plenary = any($1::uuid[]))

-- name: waiting_for
-- What waits for some nominations, seasons or announcements.
select needs, notice from waiting where needs = any($1::text[]) order by cause, template, needs

-- name: put_season
-- Keeps a season's newest rulebook.
insert into seasons (season, version, rulebook) values ($1, $2, $3)
on conflict (season) do update set version = excluded.version, rulebook = excluded.rulebook
where seasons.version < excluded.version

-- name: freeze_season
-- A season is frozen, or goes on.
update seasons set frozen = $2 where season = $1

-- name: put_nomination
-- Keeps whom a nomination's messages go to, and where it stands.
insert into nominations (nomination, nominated_by, contact, candidate, season, home, at, since, standing, sample, kind,
                         code, body, mend_until, interview, heard_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict (nomination) do update
set nominated_by = excluded.nominated_by, contact = excluded.contact, candidate = excluded.candidate,
    season = excluded.season, home = excluded.home, at = excluded.at, since = excluded.since, standing = excluded.standing,
    sample = excluded.sample, kind = excluded.kind, code = excluded.code, body = excluded.body,
    mend_until = excluded.mend_until, interview = excluded.interview, heard_at = excluded.heard_at

-- name: put_seat
-- Keeps who holds a seat, or that nobody does.
insert into seats (season, province, body, office, seat, person, held, employer, government)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (season, province, body, office, seat) do update
set person = excluded.person, held = excluded.held, employer = excluded.employer, government = excluded.government

-- name: put_plenary
-- Keeps a meeting.
insert into plenaries (plenary, season, province, body, scheduled, agenda, cause, recorded)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (plenary) do nothing

-- name: put_announced
-- Keeps a stage's latest announcement.
insert into announced (ranking, season, eliminated, appeals_until) values ($1, $2, $3, $4)
on conflict (ranking) do update set eliminated = excluded.eliminated, appeals_until = excluded.appeals_until

-- name: put_motion
-- Keeps that a motion's results were announced, or that it is a verdict which changed a ranking.
insert into motions (plenary, motion, seal, verdict, announced) values ($1, $2, $3, $4, $5)
on conflict (plenary, motion) do update
set verdict = coalesce(motions.verdict, excluded.verdict), announced = coalesce(motions.announced, excluded.announced)

-- name: put_conflict
-- A declared conflict holds.
insert into conflicts (season, province, body, person, category, nomination) values ($1, $2, $3, $4, $5, $6)
on conflict do nothing

-- name: end_conflict
-- It no longer does.
delete from conflicts
where (season, province, body, person, category, nomination) = ($1, $2, $3, $4::uuid, $5, $6::uuid)

-- name: put_stage
-- A stage was opened for scoring.
insert into stages (ranking, season, province, category, body, offices, closes, whole_category, own_employer,
                    own_government, is_open)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, true) on conflict (ranking) do nothing

-- name: extend_stage
-- Its sheets may be handed in until later.
update stages set closes = $2 where ranking = $1

-- name: close_stage
-- No sheet of it may be handed in any more.
update stages set is_open = false where ranking = $1

-- name: put_assigned
-- A member is to score a nominee.
insert into assigned (ranking, nomination, member) values ($1, $2, $3) on conflict do nothing

-- name: put_freeze
-- An appeal holds a stage.
insert into freezes (appeal, ranking) values ($1, $2) on conflict do nothing

-- name: end_freezes
-- The appeal is decided.
delete from freezes where appeal = $1

-- name: put_extension
-- The window for nominations closes later.
insert into extensions (season, province, until) values ($1, $2, $3)
on conflict (season, province) do update set until = excluded.until

-- name: put_wide
-- Keeps what is said to all nominees of some stages or of a season, for those that are received later.
insert into wide (cause, season, stages, home, recorded, notice) values ($1, $2, $3, $4, $5, $6) on conflict do nothing

-- name: put_waiting
-- Keeps what is to be told when a nomination or a rulebook is known, or a result is announced.
insert into waiting (cause, template, needs, nomination, notice) values ($1, $2, $3, $4, $5) on conflict do nothing

-- name: end_waiting
-- It is known; nothing waits for it any more.
delete from waiting where needs = $1

-- name: put_intent
-- Commits the intent to tell a person, once.
insert into intents (message_id, cause, person, template, season, params, nominations, sample, recorded)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (message_id) do nothing

-- name: put_call
-- Commits the intent to tell all who hold a role, once; what was told before stays told.
insert into calls (call, role, document, recorded) values ($1, $2, $3, $4) on conflict (call) do nothing

-- === those who hold a role ===========================================================================================

-- name: calls_due
-- Whom a role tells of what, and whose time has come.
select call, role, document, attempts from calls
where told is null and next_try <= clock_timestamp() order by next_try, call limit $1

-- name: end_call
-- All who hold the role now are to be told, by intents of the same transaction; no row when they were before.
update calls set told = clock_timestamp() where call = $1 and told is null returning call

-- name: postpone_call
-- A call could not be answered for a reason of its own; $2 seconds from now it is tried again.
update calls set attempts = attempts + 1, next_try = clock_timestamp() + make_interval(secs => $2)
where call = $1 and told is null

-- === choices ======================================================================================================

-- name: drop_replaced
-- Forgets the URL and secret of a webhook that a newer choice ($2) no longer uses.
delete from endpoints e using subscriptions s
where s.person = $1 and e.person = $1 and s.version < $2 and e.digest in (s.webhook, s.previous)
  and e.digest is distinct from $3 and e.digest is distinct from $4

-- name: put_subscription
-- Keeps a person's newest choice.
insert into subscriptions (person, version, steps, deadlines, meetings, results, appeals, zone, webhook, previous,
                           previous_until)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (person) do update
set version = excluded.version, steps = excluded.steps, deadlines = excluded.deadlines, meetings = excluded.meetings,
    results = excluded.results, appeals = excluded.appeals, zone = excluded.zone, webhook = excluded.webhook,
    previous = excluded.previous, previous_until = excluded.previous_until
where subscriptions.version < excluded.version

-- name: reroute
-- What a person has not been sent yet goes by the newest choice; a message that was held for a digest too.
update intents set channel = null, state = 'pending', next_try = clock_timestamp()
where person = $1 and not forced and digest is null and state in ('pending', 'held')

-- name: keep_endpoint
-- Keeps a webhook's URL and secret before the event that holds their digest.
insert into endpoints (digest, person, salt, url, secret) values ($1, $2, $3, $4, $5)

-- name: endpoint
-- A webhook's URL and secret.
select url, secret, made from endpoints where digest = $1

-- name: webhook_owners
-- Whose webhooks are kept.
select distinct person from endpoints order by person

-- name: uncited_endpoints
-- What was made for a choice more than a day ago, and is in no choice that was folded.
select e.digest, e.person from endpoints e left join subscriptions s using (person)
where e.made < clock_timestamp() - interval '1 day'
  and e.digest is distinct from s.webhook and e.digest is distinct from s.previous

-- name: erase_endpoint
-- Nobody's choice: it is erased.
delete from endpoints where digest = $1

-- name: erase_endpoints
-- A person was erased: so are the webhooks.
delete from endpoints where person = any($1::uuid[])

-- === sending ======================================================================================================

-- name: route
-- Chooses how what is due goes: $1 and $2 say which group each template is in, $3 how many at most.
with chosen as (
    select i.message_id,
           case g.grp when 'steps' then s.steps when 'deadlines' then s.deadlines when 'meetings' then s.meetings
                      when 'results' then s.results when 'appeals' then s.appeals end as wanted,
           exists (select from endpoints e where e.digest = s.webhook) as has_webhook
    from intents i
    left join unnest($1::text[], $2::text[]) as g (template, grp) using (template)
    left join subscriptions s using (person)
    where i.state = 'pending' and i.channel is null
    order by i.next_try limit $3
)
update intents i
set channel = case when c.wanted is null or (c.wanted = 'webhook' and not c.has_webhook) then 'mail' else c.wanted end,
    state = case c.wanted when 'digest' then 'held' when 'none' then 'omitted' else 'pending' end,
    settled = case c.wanted when 'none' then clock_timestamp() end
from chosen c
where i.message_id = c.message_id and i.state = 'pending' and i.channel is null
returning i.template, i.state

-- name: due_intents
-- What can be sent by a channel now: its time has come, and the rulebook (unless it is of no season) and all nominations
-- that it names are here.
select i.message_id, i.cause, i.person, i.template, i.season, i.params, i.nominations, i.sample, i.recorded,
       i.attempts, i.channel, extract(epoch from clock_timestamp() - i.first_failed)::float8 as failing, s.version as rulebook_version
from intents i left join seasons s using (season)
where i.state = 'pending' and i.channel = $1 and i.next_try <= clock_timestamp()
  and (i.season is null or s.season is not null)
  and not exists (select from unnest(i.nominations) as n (nomination)
                  where not exists (select from nominations k where k.nomination = n.nomination))
order by i.next_try, i.message_id limit $2

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
-- A message was sent, given up, or is not to be sent; with a digest, what it held too.
update intents set state = $2, settled = clock_timestamp()
where (message_id = $1 and state = 'pending') or (digest = $1 and state = 'held')

-- name: reroute_one
-- A message goes by another channel.
update intents set channel = $2, attempts = 0, first_failed = null, next_try = clock_timestamp()
where message_id = $1 and state = 'pending'

-- name: postpone_intent
-- A message could not be sent now; $2 seconds from now it is tried again.
update intents
set attempts = attempts + 1, next_try = clock_timestamp() + make_interval(secs => $2),
    first_failed = coalesce(first_failed, clock_timestamp())
where message_id = $1 and state = 'pending'

-- name: postpone_webhook
-- A person's webhook did not answer: nothing else goes to it before $2 seconds have passed, and the days after which a
-- message is given up are counted for all that waits for it, so that a legal notice behind others is mailed in time.
update intents
set next_try = greatest(next_try, clock_timestamp() + make_interval(secs => $2)),
    first_failed = coalesce(first_failed, clock_timestamp())
where person = $1 and state = 'pending' and channel = 'webhook'

-- name: webhook_answers
-- A person's webhook took a message: what waits for it has not failed there.
update intents set first_failed = null, attempts = 0
where person = $1 and state = 'pending' and channel = 'webhook' and first_failed is not null

-- name: mail_instead
-- A legal notice that a webhook did not take is mailed, as a message of its own ($2).
insert into intents (message_id, cause, person, template, season, params, nominations, sample, recorded, channel, forced)
select $2, cause, person, template, season, params, nominations, sample, recorded, 'mail', true
from intents where message_id = $1
on conflict (message_id) do nothing

-- name: webhooks
-- The webhooks of some persons: URL, secret, and the former secret while it signs too.
select s.person, s.webhook as digest, e.url, e.secret, p.secret as former
from subscriptions s join endpoints e on e.digest = s.webhook
left join endpoints p on p.digest = s.previous and s.previous_until > $2
where s.person = any($1::uuid[])

-- === the day: digests and reminders ===============================================================================

-- name: zones
-- In which zone the day of some persons is told.
select person, zone from subscriptions where person = any($1::uuid[])

-- name: held
-- Whose messages wait for a digest, in which zone, with the instant of the oldest.
select i.person, s.zone, min(i.recorded) as oldest from intents i left join subscriptions s using (person)
where i.state = 'held' and i.digest is null group by i.person, s.zone order by i.person

-- name: held_of
-- A person's messages that wait for a digest, recorded up to an instant.
select i.message_id, i.season, i.sample, i.recorded, i.nominations,
       case i.template when 'reminder' then i.params end as reminder
from intents i left join seasons s using (season)
where i.person = $1 and i.state = 'held' and i.digest is null and i.recorded <= $2
  and (i.season is null or s.season is not null)
  and not exists (select from unnest(i.nominations) as n (nomination)
                  where not exists (select from nominations k where k.nomination = n.nomination))
order by i.recorded, i.message_id limit $3

-- name: put_day
-- Commits the intent to send a digest or a reminder of the day, once.
insert into intents (message_id, cause, person, template, season, params, nominations, sample, recorded, channel, forced)
values ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (message_id) do nothing returning message_id

-- name: put_into_digest
-- What a digest holds.
update intents set digest = $2 where message_id = any($1::uuid[]) and state = 'held' and digest is null

-- name: settle_held
-- A held message was delivered before, or says what has passed: it is in no digest.
update intents set state = $2, settled = clock_timestamp() where message_id = any($1::uuid[]) and state = 'held'

-- name: in_digest
-- What a digest holds, oldest first.
select i.message_id, i.cause, i.person, i.template, i.season, i.params, i.nominations, i.sample, i.recorded, i.attempts,
       i.channel, null::float8 as failing, s.version as rulebook_version
from intents i left join seasons s using (season)
where i.digest = $1 order by i.recorded, i.message_id

-- name: send_alone
-- A held message cannot be written, or finds no room: it goes by itself, and holds up no digest.
update intents set digest = null, state = 'pending', channel = 'mail', forced = true
where message_id = $1 and state = 'held'

-- name: sheets_due
-- Members who score at an open stage that closes within a span, and for how many nominees, recused ones left out.
select t.ranking, t.season, t.province, t.category, t.closes, m.person,
       array_agg(distinct n.nomination) as nominations
from stages t
join seasons y using (season)
join seats m on (m.season, m.province, m.body) = (t.season, t.province, t.body) and m.held and m.office = any(t.offices)
join nominations n on n.at = t.ranking and n.standing in ('competing', 'returned')
where t.is_open and not y.frozen and t.closes > $1 and t.closes <= $2
  and not exists (select from freezes f where f.ranking = t.ranking)
  and (not exists (select from assigned a where a.ranking = t.ranking)
       or exists (select from assigned a
                  where (a.ranking, a.nomination, a.member) = (t.ranking, n.nomination, m.person)))
  and not exists (select from conflicts c
                  where (c.season, c.province, c.person, c.category) = (t.season, t.province, m.person, t.category)
                    and (t.whole_category or c.nomination in (n.nomination, '00000000-0000-0000-0000-000000000000')))
  and not exists (select from seats b
                  where (b.season, b.province, b.person) = (t.season, t.province, m.person) and b.held
                    and case when n.kind = 'employer' then t.own_employer and b.employer = n.code
                             else t.own_government and b.government = n.code end)
group by t.ranking, t.season, t.province, t.category, t.closes, m.person
order by t.closes, t.ranking, m.person

-- name: mending_due
-- Returned nominations whose time to be mended ends within a span.
select n.nomination, n.season, n.at, n.mend_until as until, n.nominated_by, n.contact, n.body, n.home
from nominations n join seasons y using (season)
where n.standing = 'returned' and not y.frozen and n.mend_until > $1 and n.mend_until <= $2
order by n.mend_until, n.nomination

-- name: interviews_due
-- Interviews that begin within a span.
select n.nomination, n.season, n.at, n.interview as until, n.nominated_by, n.contact, n.body, n.home
from nominations n join seasons y using (season)
where n.standing = 'competing' and n.heard_at = n.at and not y.frozen and n.interview > $1 and n.interview <= $2
  and not exists (select from freezes f where f.ranking = n.at)
order by n.interview, n.nomination

-- name: appeals_due
-- Who is out by an announcement that can be appealed until an instant within a span, and has not appealed.
select a.ranking as at, a.season, a.appeals_until as until, n.nomination, n.nominated_by, n.contact, n.body, n.home
from announced a join seasons y using (season) join nominations n on n.nomination = any(a.eliminated)
where not y.frozen and n.standing = 'out' and a.appeals_until > $1 and a.appeals_until <= $2
order by a.appeals_until, a.ranking, n.nomination

-- name: seasons_on
-- Every season that is not frozen, with its extensions.
select s.season, s.version, s.rulebook,
       coalesce((select json_object_agg(e.province, e.until) from extensions e where e.season = s.season), '{}')::text as extensions
from seasons s where not s.frozen order by s.season

-- name: nominating
-- Who nominates for each province in seasons that are not frozen: who did in the season or in the last one before it,
-- and who keeps its committee's record, in the offices that the columns $1 to $3 name by season and body.
with nominators as (
    select distinct season, home as province, nominated_by as person from nominations
    where season is not null and home is not null
)
select s.season, n.province, n.person
from seasons s join nominators n
  on n.season = s.season
     or n.season = (select max(e.season) from nominators e where e.province = n.province and e.season < s.season)
where not s.frozen
union
select s.season, m.province, m.person
from seasons s
join unnest($1::text[], $2::text[], $3::text[]) as o (season, body, office) using (season)
join seats m using (season, body, office)
where not s.frozen and m.held
order by 1, 2, 3

-- === what is read =================================================================================================

-- name: counts
-- How many messages of each template are in each state.
select template, state, count(*) as messages from intents group by template, state order by template, state

-- name: oldest_due
-- For how many seconds the oldest message that could be sent has been waiting.
select coalesce(max(extract(epoch from clock_timestamp() - next_try)), 0)::float8
from intents where state = 'pending' and next_try <= clock_timestamp()

-- name: deliveries_first
-- A person's own messages, newest first.
select message_id, cause, template, season, nominations, sample, recorded, state, channel, settled
from intents where person = $1 order by recorded desc, message_id limit $2

-- name: deliveries_after
-- A person's own messages after one of them.
select message_id, cause, template, season, nominations, sample, recorded, state, channel, settled
from intents where person = $1 and (recorded < $3 or (recorded = $3 and message_id > $4))
order by recorded desc, message_id limit $2
