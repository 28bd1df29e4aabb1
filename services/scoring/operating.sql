-- What operators do to ingest, and what they see of it.

-- name: switch
-- Pauses ($2) or resumes a topic; returns nothing when it is so already.
insert into ingest_switch as s (topic, paused)
select $1, $2 where $2 or exists (select from ingest_switch where topic = $1)
on conflict (topic) do update set paused = excluded.paused where s.paused <> excluded.paused
returning topic

-- name: act
-- Notes what an operator did.
insert into ingest_acts (who, what, topic, said) values ($1, $2, $3, $4)

-- name: switches
-- Of topics ($1) those that are paused, with who paused each since it was resumed last, when, and all that was said why;
-- nobody is known of a row by hand.
select s.topic, a.who, a.at, a.said
from ingest_switch s
left join lateral (
    select (array_agg(p.who order by p.act))[1] as who, min(p.at) as at,
           string_agg(nullif(p.said, ''), '; ' order by p.act) as said
    from ingest_acts p
    where p.topic = s.topic and p.what = 'pause' and p.act > coalesce(
        (select max(r.act) from ingest_acts r where r.topic = s.topic and r.what = 'resume'), 0)
) a on true
where s.paused and s.topic = any($1)

-- name: positions
-- Where ingest reads on in partitions of topics ($1).
select topic, partition, next_offset, cluster from received where topic = any($1) order by topic, partition

-- name: lock_positions
-- The same, held until the transaction ends: a batch that is being committed has moved them, or will find them moved.
select topic, partition, next_offset, cluster from received where topic = any($1) order by topic, partition for update

-- name: move_back
-- Sets positions back to offsets ($3), each only where it lies after it.
update received r set next_offset = u.start, digest = null
from unnest($1::text[], $2::integer[], $3::bigint[]) as u (topic, partition, start)
where r.topic = u.topic and r.partition = u.partition and r.next_offset > u.start

-- name: refused_today
-- Refused messages of topics ($1) from $2 to before $3, by topic, reason and claimed publisher, the most first.
select topic, reason, publisher, count(*) as count
from refused_facts where topic = any($1) and received >= $2 and received < $3
group by topic, reason, publisher order by topic, count desc, reason, publisher nulls first
