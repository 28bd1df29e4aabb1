-- name: by_position
-- Some of the log after ($1, $2, $3) in its order, up to the oldest running transaction; documents of own events only.
select epoch, xid, position, stream, version, type, own, case when own then document end as document
from events
where (epoch, xid, position) > ($1, $2::xid8, $3)
  and (epoch < (select max(epoch) from epochs) or xid < pg_snapshot_xmin(pg_current_snapshot()))
order by epoch, xid, position limit $4

-- name: by_stream
-- Own events after ($1, $2) in the order of stream and version, of the kinds of streams that begin with one of $3.
select e.epoch, e.xid, e.position, e.stream, e.version, e.type, e.document
from unnest($3::text[]) as kind (begins)
cross join lateral (
    select epoch, xid, position, stream, version, type, document from events
    where own and stream >= kind.begins and stream < kind.begins || '0' and (stream, version) > ($1, $2)
    order by stream, version limit $4
) e
order by e.stream, e.version limit $4

-- name: of_stream
-- Own events of one stream after a version.
select epoch, xid, position, stream, version, type, document
from events where own and stream = $1 and version > $2 order by version limit $3
