-- name: end
-- How many leaves there are, up to where the topic was read, and up to where the local log is in the tree.
select size, next_offset, digest, cluster, epoch, xid, position from log_end

-- name: unsequenced
-- Events after a position in the local log's order, up to the oldest running transaction, and whether each is a leaf.
select e.epoch, e.xid, e.position, e.stream, e.version, e.hash, e.type, l.index is not null as known
from events e left join log_leaves l using (stream, version)
where (e.epoch, e.xid, e.position) > ($1, $2::xid8, $3)
  and (e.epoch < (select max(epoch) from epochs) or e.xid < pg_snapshot_xmin(pg_current_snapshot()))
order by e.epoch, e.xid, e.position limit $4

-- name: hashes
-- The leaf hashes of some events that are here.
select e.stream, e.version, e.hash
from unnest($1::text[], $2::bigint[]) as u (stream, version)
join events e on e.stream = u.stream and e.version = u.version

-- name: leaf_ends
-- The last version of some streams that is a leaf.
select u.stream, (select l.version from log_leaves l where l.stream = u.stream order by l.version desc limit 1) as version
from unnest($1::text[]) as u (stream)

-- name: integrate
-- Takes leaves and widened tiles in; see migrations/001_log.sql.
select log_integrate($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: passed
-- Notes how far the local log is in the tree.
select log_passed($1, $2::xid8, $3)

-- name: tile
-- The first hashes of one tile.
select substring(hashes for $3) from log_tiles where level = $1 and number = $2

-- name: entries
-- The documents of some leaves, in order.
select l.index, e.document
from log_leaves l join events e using (stream, version)
where l.index >= $1 and l.index < $2 order by l.index

-- name: leaves
-- Leaves from an index on, with the hashes of their events.
select l.index, l.stream, l.version, e.hash
from log_leaves l join events e using (stream, version)
where l.index >= $1 order by l.index limit $2

-- name: index_of
-- Which leaf an event is.
select index from log_leaves where stream = $1 and version = $2

-- name: sign
-- Keeps a signed checkpoint; see migrations/001_log.sql.
select log_sign($1, $2, $3)

-- name: newest_checkpoint
-- The checkpoint of the largest tree, with what witnesses signed of it.
select c.size, c.note, c.signed,
       coalesce((select string_agg(s.line, '' order by s.witness) from log_cosignatures s where s.size = c.size), '') as lines
from log_checkpoints c order by c.size desc limit 1

-- name: checkpoint
-- The checkpoint of a size, with what witnesses signed of it.
select c.size, c.note, c.signed,
       coalesce((select string_agg(s.line, '' order by s.witness) from log_cosignatures s where s.size = c.size), '') as lines
from log_checkpoints c where c.size = $1

-- name: checkpoints_after
-- Checkpoints of trees larger than a size, in their order.
select c.size, c.note, c.signed,
       coalesce((select string_agg(s.line, '' order by s.witness) from log_cosignatures s where s.size = c.size), '') as lines
from log_checkpoints c where c.size > $1 order by c.size limit $2

-- name: cosign
-- Keeps what a witness signed.
insert into log_cosignatures (size, witness, line, received) values ($1, $2, $3, $4) on conflict do nothing
