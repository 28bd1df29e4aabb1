-- name: checkpoint
-- How far a handler has folded the log, and from where it acts.
select epoch, xid, position, enabled_epoch, enabled_xid, enabled_position, generation from checkpoints
where handler = $1

-- name: start_checkpoint
-- A handler begins at the start of the log.
insert into checkpoints (handler, epoch, xid, position) values ($1, 0, '0', 0) on conflict (handler) do nothing

-- name: enable
-- From where a reaction acts: the position of its ReactionEnabled.
update checkpoints set enabled_epoch = $2, enabled_xid = $3::xid8, enabled_position = $4 where handler = $1

-- name: move_checkpoint
-- Compare-and-set: nobody else has moved it since it was read.
update checkpoints set epoch = $5, xid = $6::xid8, position = $7
where handler = $1 and epoch = $2 and xid = $3::xid8 and position = $4 and generation = $8

-- name: move_projection
-- The same for a projection whose rows stay as they are: it too waits while a rebuild holds the projection still, since
-- the code that is rebuilding may see a change in what is passed here.
with held as (select pg_advisory_xact_lock_shared(4712, hashtext($1)))
update checkpoints set epoch = $5, xid = $6::xid8, position = $7 from held
where handler = $1 and epoch = $2 and xid = $3::xid8 and position = $4 and generation = $8

-- name: stalled
-- Streams that a handler waits on.
select stream, version from stalled where handler = $1

-- name: stall
-- A handler cannot read this stream from this version on.
insert into stalled (handler, stream, version, reason) values ($1, $2, $3, $4)
on conflict (handler, stream) do nothing

-- name: unstall
-- Mended code has read what the stream had to say.
delete from stalled where handler = $1 and stream = $2

-- name: members
-- The streams a group is folded from.
select stream from projection_members where projection = $1 and grp = $2

-- name: add_member
-- A stream touched a group for the first time.
insert into projection_members (projection, grp, stream) values ($1, $2, $3) on conflict do nothing

-- name: history
-- The events of some streams up to a position, in the log's order.
select epoch, xid, position, stream, version, id, type, own, hash, document
from events
where stream = any($1) and (epoch, xid, position) <= ($2, $3::xid8, $4)
order by epoch, xid, position

-- name: stream_until
-- A stream from a version on, up to a position.
select epoch, xid, position, stream, version, id, type, own, hash, document
from events
where stream = $1 and version >= $2 and (epoch, xid, position) <= ($3, $4::xid8, $5)
order by version

-- name: share_projection
-- Rows are written under this lock, which a rebuild takes alone while it compares and swaps.
select pg_advisory_xact_lock_shared(4712, hashtext($1))
