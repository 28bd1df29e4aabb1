-- name: kinds
-- How many streams and events there are, by kind of stream; streams of a service's own by service.
select split_part(stream, '/', 1) as kind,
       case when split_part(stream, '/', 1) in ('service', 'refusal') then split_part(stream, '/', 2) else '' end as owner,
       count(*) as streams, sum(version)::bigint as events
from heads where version > 0 group by 1, 2 order by 1, 2

-- name: held
-- How many events wait for one before them.
select count(*) from held

-- name: heads_after
-- Where streams end, in order of their names.
select stream, version, encode(hash, 'hex') as hash, recorded
from heads where version > 0 and stream > $1 order by stream limit $2

-- name: head
-- Where one stream ends.
select stream, version, encode(hash, 'hex') as hash, recorded from heads where version > 0 and stream = $1

-- name: events_after
-- Events in the order in which this store has them, after a position, up to the oldest running transaction.
select epoch, xid, position, stream, version, id, type, document
from events
where (epoch, xid, position) > ($1, $2::xid8, $3)
  and (epoch < (select max(epoch) from epochs) or xid < pg_snapshot_xmin(pg_current_snapshot()))
order by epoch, xid, position limit $4

-- name: stream_after
-- A stream's events after a version.
select epoch, xid, position, stream, version, id, type, document
from events where stream = $1 and version > $2 order by version limit $3

-- name: export_page
-- Events up to a position in the order of stream and version, after one of them.
select stream, version, document, topic_partition as partition, topic_offset as "offset"
from events
where (stream, version) > ($1, $2) and (epoch, xid, position) <= ($3, $4::xid8, $5)
order by stream, version limit $6

-- name: export_leaves
-- Events that are among the first leaves of the log, in the order of stream and version, after one of them.
select e.stream, e.version, e.document, l.index, e.topic_partition as partition, e.topic_offset as "offset"
from log_leaves l join events e using (stream, version)
where (l.stream, l.version) > ($1, $2) and l.index < $3
order by l.stream, l.version limit $4

-- name: export_some
-- Those of them whose streams lie in ranges, from a lower to below an upper name; or only the first of each stream.
select e.stream, e.version, e.document, l.index, e.topic_partition as partition, e.topic_offset as "offset"
from unnest($5::text[], $6::text[]) as range (lower, upper)
join log_leaves l on l.stream >= range.lower and l.stream < range.upper
join events e using (stream, version)
where (l.stream, l.version) > ($1, $2) and l.index < $3 and (l.version = 1 or not $7)
order by l.stream, l.version limit $4
