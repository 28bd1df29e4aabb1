-- name: watched
-- Every nomination whose measures follow the facts.
select nomination, season, province, category, kind, candidate from watched

-- name: watch
-- Follows the facts about a nomination's candidate.
insert into watched (nomination, season, province, category, kind, candidate) values ($1, $2, $3, $4, $5, $6)
on conflict (nomination) do nothing

-- name: unwatch
-- Follows nothing of a season any more.
delete from watched where season = $1

-- name: measured_batches
-- Up to which batch of each partition measures were taken.
select p.place, p.topic, p.partition, coalesce(m.batch, 0) as batch from places p left join measured_batches m using (place)

-- name: batch_measured
-- Notes that a batch of a place was taken into account.
insert into measured_batches (place, batch) values ($1, $2)
on conflict (place) do update set batch = excluded.batch where measured_batches.batch < excluded.batch

-- name: touched
-- Those of some subjects ($2) that batches (places $3, versions $4) said something about, of months ($1).
select distinct subject from facts
where month = any($1::date[]) and subject = any($2::text[])
  and (place, batch) in (select * from unnest($3::smallint[], $4::integer[]))

-- name: said_of
-- Everybody about whom batches (places $2, versions $3, from $4 to $5) said something, of months ($1): where candidates
-- are so many that looking for each is more than reading the batches. The `case` has the months read once, not for each
-- batch: what was written a moment ago no index of batches knows yet.
select distinct subject from facts
where month = any($1::date[]) and batch between $4 and $5
  and case when (place, batch) in (select * from unnest($2::smallint[], $3::integer[])) then true end

-- name: corrected
-- Whom the corrections and reversals in batches (places $2, versions $3), of months ($1), take something from.
with said as materialized (
    select distinct f.publisher, f.target
    from unnest($2::smallint[], $3::integer[]) as b(place, batch)
    join facts f on f.place = b.place and f.batch = b.batch and f.target is not null
    where f.month = any($1::date[])
)
select f.subject from said join facts f on f.publisher = said.publisher and f.id = said.target
union
select f.subject from said join facts f on f.publisher = said.publisher and f.target = said.target

-- name: awaited
-- Those of some subjects ($2) whose corrections waited for a fact in batches (places $3, versions $4), of months ($1).
-- The corrections are few and come first; a scalar query for each keeps the planner from reading all facts instead.
with corrections as materialized (
    select distinct subject, publisher, target from facts where target is not null and subject = any($2::text[])
)
select distinct c.subject from corrections c
where (
    select true from facts f
    where f.publisher = c.publisher and f.id = c.target and f.month = any($1::date[])
      and (f.place, f.batch) in (select * from unnest($3::smallint[], $4::integer[]))
    limit 1
)

-- name: awaited_from
-- Everybody whose corrections waited for a fact in batches (places $2, versions $3, from $4 to $5), of months ($1):
-- asked from the facts, where they are fewer than the candidates. Each is looked for by itself.
with said as materialized (
    select distinct publisher, id from facts
    where month = any($1::date[]) and batch between $4 and $5
      and case when (place, batch) in (select * from unnest($2::smallint[], $3::integer[])) then true end
)
select distinct c.subject from said
cross join lateral (
    select subject from facts f where f.publisher = said.publisher and f.target = said.id offset 0
) c

-- name: awaited_in_bulk
-- The same, where the facts are many too: all corrections may be read once.
with said as materialized (
    select distinct publisher, id from facts
    where month = any($1::date[]) and batch between $4 and $5
      and case when (place, batch) in (select * from unnest($2::smallint[], $3::integer[])) then true end
)
select distinct f.subject from said
join facts f on f.publisher = said.publisher and f.target = said.id
where f.target is not null

-- name: facts_about
-- The facts about some subjects ($1), of batches up to those named (places $2, versions $3).
select f.subject, f.publisher, f.id, f.kind, f.target, f.place, f.document from facts f
join unnest($2::smallint[], $3::integer[]) as b(place, batch) on f.place = b.place and f.batch <= b.batch
where f.subject = any($1::text[])

-- name: facts_correcting
-- What corrects or reverses facts (publishers $1, ids $2), of batches up to those named (places $3, versions $4).
select f.subject, f.publisher, f.id, f.kind, f.target, f.place, f.document
from unnest($1::text[], $2::text[]) as n(publisher, id)
join facts f on f.publisher = n.publisher and f.target = n.id
join unnest($3::smallint[], $4::integer[]) as b(place, batch) on f.place = b.place and f.batch <= b.batch

-- name: facts_named
-- Facts by their names (publishers $1, ids $2), of batches up to those named (places $3, versions $4).
select f.subject, f.publisher, f.id, f.kind, f.target, f.place, f.document
from unnest($1::text[], $2::text[]) as n(publisher, id)
join facts f on f.publisher = n.publisher and f.id = n.id
join unnest($3::smallint[], $4::integer[]) as b(place, batch) on f.place = b.place and f.batch <= b.batch
