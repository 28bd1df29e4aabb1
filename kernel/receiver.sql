-- name: held_of
-- Events of some streams that wait for their predecessor.
select stream, version, topic, partition, topic_offset, document from held where stream = any($1)

-- name: hashes
-- The hashes of those of the given (stream, version) that are in the log.
select e.stream, e.version, e.hash
from unnest($1::text[], $2::bigint[]) as u (stream, version)
join events e on e.stream = u.stream and e.version = u.version

-- name: used_ids
-- Those of the given event ids that the log knows.
select id::text from events where id = any($1::uuid[])

-- name: hold
-- Keeps events until the gap before them closes.
insert into held (stream, version, topic, partition, topic_offset, document)
select u.stream, u.version, u.topic, u.partition, u.topic_offset, u.document
from unnest($1::text[], $2::bigint[], $3::text[], $4::integer[], $5::bigint[], $6::text[])
    as u (stream, version, topic, partition, topic_offset, document)
on conflict (stream, version) do nothing

-- name: let_go
-- Held events that were stored, or are not needed any more.
delete from held using unnest($1::text[], $2::bigint[]) as u (stream, version)
where held.stream = u.stream and held.version = u.version

-- name: move
-- Moves positions, each only from where its batch began, in the cluster it came from; returns those that were there.
update received r set next_offset = u.next_offset, digest = u.digest
from unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bytea[])
    as u (topic, partition, expected, next_offset, digest)
where r.topic = u.topic and r.partition = u.partition and r.next_offset = u.expected and r.cluster = $6
returning r.topic, r.partition

-- name: positions
-- Where to read on in partitions.
select topic, partition, next_offset, digest, cluster from received where topic = any($1)

-- name: place
-- Sets where to read on in a partition, when it is read for the first time or again from the earliest offset.
insert into received (topic, partition, next_offset, digest, cluster) values ($1, $2, $3, null, $4)
on conflict (topic, partition) do update
set next_offset = excluded.next_offset, digest = null, cluster = excluded.cluster

-- name: waiting
-- Streams with held events of some topics: the first one held, how long ago, and whether its predecessor is there.
select h.stream, h.topic, min(h.version) as version, count(*) as events,
       extract(epoch from clock_timestamp() - min(h.since))::float8 as seconds,
       min(h.version) <= coalesce((select version from heads where heads.stream = h.stream), 0) + 1 as closed
from held h where h.topic = any($1) group by h.stream, h.topic
