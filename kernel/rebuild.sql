-- name: bound
-- Up to where the live projection has folded.
select epoch, xid, position from checkpoints where handler = $1

-- name: fold_range
-- The events of some types after one position up to another, for a cursor.
select epoch, xid, position, stream, version, id::text, type, own, hash, document
from events
where type = any($1) and (epoch, xid, position) > ($2, $3::xid8, $4) and (epoch, xid, position) <= ($5, $6::xid8, $7)
order by epoch, xid, position

-- name: hold_projection
-- Nobody writes the live rows while this session holds the lock.
select pg_advisory_lock(4712, hashtext($1))

-- name: release_projection
-- The live projection goes on.
select pg_advisory_unlock(4712, hashtext($1))

-- name: forget_members
-- Which streams the groups were folded from, before the rebuild.
delete from projection_members where projection = $1

-- name: next_generation
-- Whoever folds drops what it keeps in memory.
update checkpoints set generation = generation + 1 where handler = $1
