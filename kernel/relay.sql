-- name: checkpoint
-- Up to where own events were acknowledged, and by which cluster.
select epoch, xid, position, cluster from relay_checkpoint

-- name: next_own
-- Own events after ($1, $2, $3): at most $4 of them and, but for the first, $5 bytes. One row more, without a stream,
-- says how far the log could be seen, so that received events are not read past again and again. What is visible must
-- not be materialized: the whole backlog, however long, would be copied for every batch.
with visible as not materialized (
    select epoch, xid, position, stream, version, id, type, hash, document, own from events
    where (epoch, xid, position) > ($1, $2::xid8, $3)
      and (epoch < (select max(epoch) from epochs) or xid < pg_snapshot_xmin(pg_current_snapshot()))
), batch as (
    select * from visible where own order by epoch, xid, position limit $4
), sized as (
    select *, sum(octet_length(document)) over (
        order by epoch, xid, position rows between unbounded preceding and 1 preceding) as before
    from batch
), seen as (
    select epoch, xid, position from visible order by epoch desc, xid desc, position desc limit 1
)
select epoch, xid, position, stream, version, id::text, type, hash, convert_to(document, 'UTF8') as document
from sized where coalesce(before, 0) < $5
union all
select epoch, xid, position, null, null, null, null, null, null from seen
where (select count(*) from batch) < $4
  and not exists (select from sized where before >= $5)
order by epoch, xid, position, stream nulls last

-- name: last_published
-- The last own version of each stream up to a position.
select wanted.stream, coalesce((
    select e.version from events e
    where e.stream = wanted.stream and e.own and (e.epoch, e.xid, e.position) <= ($2, $3::xid8, $4)
    order by e.version desc limit 1), 0) as version
from unnest($1::text[]) as wanted (stream)

-- name: save
-- Moves the checkpoint from ($5, $6, $7) to ($1, $2, $3), and what the broker acknowledged and which streams stopped
-- with it; returns whether it was still there.
with moved as (
    update relay_checkpoint set epoch = $1, xid = $2::xid8, position = $3
    where epoch = $5 and xid = $6::xid8 and position = $7 and cluster is not distinct from $4
    returning true
), acknowledged as (
    insert into relayed (topic, partition, acknowledged, digest)
    select u.topic, u.partition, u.acknowledged, u.digest
    from unnest($8::text[], $9::integer[], $10::bigint[], $11::bytea[]) as u (topic, partition, acknowledged, digest)
    where exists (select from moved)
    on conflict (topic, partition) do update set acknowledged = excluded.acknowledged, digest = excluded.digest
    where relayed.acknowledged < excluded.acknowledged
), stopped as (
    insert into relay_stopped (stream, version, reason)
    select u.stream, u.version, u.reason from unnest($12::text[], $13::bigint[], $14::text[]) as u (stream, version, reason)
    where exists (select from moved)
    on conflict (stream) do nothing
)
select exists (select from moved) as moved

-- name: lag
-- Own events after the checkpoint, counted up to 10,000.
select count(*) from (
    select from events
    where own and (epoch, xid, position) > (select epoch, xid, position from relay_checkpoint)
    limit 10000) as waiting

-- name: stopped
-- Streams that are published no further than a version.
select stream, version from relay_stopped

-- name: stop
-- Publishes a stream no further than a version.
insert into relay_stopped (stream, version, reason) values ($1, $2, $3) on conflict (stream) do nothing

-- name: resume
-- A stopped stream was published up to the checkpoint after all.
delete from relay_stopped where stream = $1

-- name: rest_of_stream
-- Own events of a stream after version $2, up to a position, in the stream's order.
select epoch, xid, position, stream, version, id::text, type, hash, convert_to(document, 'UTF8') as document
from events
where stream = $1 and version > $2 and own and (epoch, xid, position) <= ($3, $4::xid8, $5)
order by version limit 100

-- name: acknowledged
-- The last record of ours that each partition acknowledged.
select topic, partition, acknowledged, digest from relayed

-- name: know_cluster
-- Remembers which cluster the checkpoint speaks of.
update relay_checkpoint set cluster = $1 where cluster is null

-- name: publish_again
-- Publishes from the start of the log, to the cluster $1.
with forgotten as (delete from relayed), resumed as (delete from relay_stopped)
update relay_checkpoint set epoch = 0, xid = '0', position = 0, cluster = $1

-- name: hashes
-- The hashes of those of the given (stream, version) that are in the log.
select e.stream, e.version, e.hash
from unnest($1::text[], $2::bigint[]) as u (stream, version)
join events e on e.stream = u.stream and e.version = u.version

-- name: epoch
-- The current epoch, and whether the database shows that transaction ids may have gone back since it was opened.
select current.epoch, current.reason,
       current.system_identifier = (select system_identifier::text from pg_control_system()) as same_system,
       coalesce((select e.xid from events e where e.epoch = current.epoch
                 order by e.xid desc, e.position desc limit 1)
                < pg_snapshot_xmax(pg_current_snapshot()), true) as ahead
from epochs current order by current.epoch desc limit 1

-- name: open_epoch
-- Opens a new epoch.
select open_epoch($1)
