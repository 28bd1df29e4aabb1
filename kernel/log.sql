-- name: append
-- Appends events under their heads; see migrations/001_log.sql.
select epoch, xid, last_position from append($1, $2, $3)

-- name: read_after
-- Events after ($1, $2, $3) in the log's order, in the current epoch up to the oldest running transaction.
select epoch, xid, position, stream, version, id, type, own, hash, document
from events
where (epoch, xid, position) > ($1, $2::xid8, $3)
  and (epoch < (select max(epoch) from epochs) or xid < pg_snapshot_xmin(pg_current_snapshot()))
order by epoch, xid, position
limit $4

-- name: read_own_after
-- The same, own events only.
select epoch, xid, position, stream, version, id, type, own, hash, document
from events
where own and (epoch, xid, position) > ($1, $2::xid8, $3)
  and (epoch < (select max(epoch) from epochs) or xid < pg_snapshot_xmin(pg_current_snapshot()))
order by epoch, xid, position
limit $4

-- name: read_stream
-- A stream after a version.
select epoch, xid, position, stream, version, id, type, own, hash, document
from events where stream = $1 and version > $2 order by version

-- name: read_heads
-- Where streams end.
select stream, version, hash, recorded from heads where stream = any($1)

-- name: find_command
-- The first event of a remembered command, by its own route or else as taken back from a topic, and the last position of
-- the transaction that appended it.
select command_digest, epoch, xid, position,
       (select max(e.position) from events e where e.epoch = c.epoch and e.xid = c.xid) as last
from events c
where command_actor = $1 and command_key = $3 and command_route in ($2, '')
order by command_route desc limit 1

-- name: events_of_command
-- What a command led to: its first event ($3) and those after it in the same transaction, up to the next command.
select epoch, xid, position, stream, version, id, type, own, hash, document
from events
where epoch = $1 and xid = $2::xid8 and position >= $3 and position < coalesce(
    (select min(position) from events where epoch = $1 and xid = $2::xid8 and position > $3 and command_key is not null),
    9223372036854775807)
order by position

-- name: position_of
-- Where an event stands.
select epoch, xid, position from events where stream = $1 and version = $2

-- name: end_of_log
-- The last position that a gated reader can see.
select epoch, xid, position from events
where epoch < (select max(epoch) from epochs) or xid < pg_snapshot_xmin(pg_current_snapshot())
order by epoch desc, xid desc, position desc limit 1

-- name: gate_age
-- Seconds that the oldest writer of the whole instance has been open; it holds every reader of it.
select coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::float8 as seconds
from pg_stat_activity where backend_xid is not null

-- name: remember_text
-- Keeps a free text beside the events, under its salted digest.
insert into texts (digest, salt, body) values ($1, $2, $3) on conflict (digest) do nothing

-- name: last_appended
-- The newest event, visible to gated readers or not: a change of it means that somebody appended.
select epoch, xid, position from events order by epoch desc, xid desc, position desc limit 1

-- name: newest
-- The event with the latest recorded time: a head carries its event's, and in no stream time goes back.
select stream, version, recorded from heads where version > 0 order by recorded desc limit 1
