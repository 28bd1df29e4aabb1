-- name: found
-- Notes what was found; one that is there is seen again, and begins anew if it had ended and is so again or is another.
insert into alarms as a (kind, place, said)
select u.kind, u.place, u.said from unnest($1::text[], $2::text[], $3::text[]) as u (kind, place, said)
where exists (select from alarms b where (b.kind, b.place) = (u.kind, u.place))
   or (select count(*) from alarms b where b.kind = u.kind and b.ended is null) < $5
on conflict (kind, place) do update
set seen = clock_timestamp(), said = excluded.said,
    since = case when a.ended is not null and (not $4 or a.said <> excluded.said)
                 then clock_timestamp() else a.since end,
    acknowledged = case when a.ended is not null and (not $4 or a.said <> excluded.said) then null else a.acknowledged end,
    acknowledged_by =
        case when a.ended is not null and (not $4 or a.said <> excluded.said) then null else a.acknowledged_by end,
    reason = case when a.ended is not null and (not $4 or a.said <> excluded.said) then null else a.reason end,
    ended = case when not $4 or a.said <> excluded.said then null else a.ended end
returning place, xmax = 0 as fresh

-- name: over
-- Ends the alarms of a kind at places that begin with $2, but for those that are so still.
update alarms set ended = clock_timestamp()
where kind = $1 and ended is null and starts_with(place, $2) and place <> all($3::text[])

-- name: acknowledge
-- Notes who answers for an alarm, once; one that does not pass by itself ends with that.
update alarms
set acknowledged = now(), acknowledged_by = $2, reason = $3,
    ended = case when kind = any($4::text[]) then coalesce(ended, now()) else ended end
where alarm = $1 and acknowledged is null

-- name: alarm
-- One alarm.
select alarm, kind, place, said, since, seen, ended, acknowledged, acknowledged_by, reason from alarms where alarm = $1

-- name: alarms
-- Alarms after one of them, the newest first; those that stand, or all.
select alarm, kind, place, said, since, seen, ended, acknowledged, acknowledged_by, reason
from alarms where alarm < $1 and ($2 or ended is null) order by alarm desc limit $3

-- name: standing
-- How many alarms stand for which nobody has answered, by kind.
select kind, count(*) from alarms where ended is null and acknowledged is null group by kind

-- name: gaps
-- Streams that wait for an event for longer than so many seconds: which version is held, and for how long.
select h.stream, min(h.version) as version, extract(epoch from clock_timestamp() - min(h.since))::float8 as seconds
from held h group by h.stream
having min(h.version) > coalesce((select version from heads where heads.stream = h.stream), 0) + 1
   and clock_timestamp() - min(h.since) > make_interval(secs => $1)
order by h.stream limit $2

-- name: held
-- Events of some streams that wait for one before them.
select stream, version from held where stream = any($1::text[])

-- name: received
-- Where topics are read on.
select topic, partition, next_offset from received

-- name: feed
-- How far a service's feed was compared.
select epoch, xid, position, received_epoch, received_xid, received_position, round_stream, round_version, rounds
from feeds where service = $1

-- name: begin_feed
-- A feed that is read for the first time.
insert into feeds (service) values ($1) on conflict do nothing

-- name: read_feed
-- Notes up to where a feed was read in its own order.
update feeds set epoch = $2, xid = $3::xid8, position = $4 where service = $1

-- name: read_received
-- Notes up to where the events received were compared with the feed.
update feeds set received_epoch = $2, received_xid = $3::xid8, received_position = $4 where service = $1

-- name: read_round
-- Notes up to where the round in the order of streams is.
update feeds set round_stream = $2, round_version = $3, rounds = rounds + $4 where service = $1

-- name: seen_in_feed
-- Notes up to which version streams were seen in a feed.
insert into fed (stream, version)
select u.stream, u.version from unnest($1::text[], $2::bigint[]) as u (stream, version)
on conflict (stream) do update set version = excluded.version where fed.version < excluded.version

-- name: fed
-- Up to which version streams were seen in a feed.
select stream, version from fed where stream = any($1::text[])

-- name: hashes
-- The leaf hashes of some events that are here.
select e.stream, e.version, encode(e.hash, 'hex') as hash
from unnest($1::text[], $2::bigint[]) as u (stream, version)
join events e on e.stream = u.stream and e.version = u.version

-- name: between
-- Events received, of the kinds of streams that begin with one of $5, after one event and up to another, in the order of streams.
select e.epoch, e.xid, e.position, e.stream, e.version, encode(e.hash, 'hex') as hash
from unnest($5::text[]) as kind (begins)
cross join lateral (
    select epoch, xid, position, stream, version, hash from events
    where not own and stream >= kind.begins and stream < kind.begins || '0'
      and (stream, version) > ($1, $2) and (stream, version) <= ($3, $4)
    order by stream, version limit $6
) e
order by e.stream, e.version limit $6

-- name: newly_received
-- Some of the events after a position in this store's order, and up to which version each stream was seen in a feed.
select e.epoch, e.xid, e.position, e.stream, e.version, encode(e.hash, 'hex') as hash, e.own,
       coalesce(f.version, 0) as fed
from (
    select epoch, xid, position, stream, version, hash, own from events
    where (epoch, xid, position) > ($1, $2::xid8, $3) and (epoch, xid, position) <= ($4, $5::xid8, $6)
    order by epoch, xid, position limit $7
) e left join fed f on f.stream = e.stream
order by e.epoch, e.xid, e.position

-- name: doubt
-- Notes events that are in doubt.
insert into feed_doubts (service, stream, version, kind, hash, epoch, xid, position, since)
select $1, u.stream, u.version, $2, u.hash, u.epoch, u.xid::text::xid8, u.position, $3
from unnest($4::text[], $5::bigint[], $6::text[], $7::integer[], $8::bigint[], $9::bigint[])
    as u (stream, version, hash, epoch, xid, position)
on conflict do nothing

-- name: doubts
-- What is in doubt of a service, the oldest first.
select stream, version, kind, hash, epoch, xid, position, since, published from feed_doubts
where service = $1 and kind = $2 order by since, stream, version limit $3

-- name: count_doubts
-- How many events are in doubt of a service, and since when.
select count(*) as events, min(since) as since from feed_doubts where service = $1 and kind = $2

-- name: settle
-- Events that are in doubt no more.
delete from feed_doubts using unnest($2::text[], $3::bigint[]) as u (stream, version)
where service = $1 and feed_doubts.stream = u.stream and feed_doubts.version = u.version

-- name: published
-- Notes since when it is known that late events were published.
update feed_doubts set published = $2
where service = $1 and kind = 'late' and published is null and (epoch, xid, position) <= ($3, $4::xid8, $5)

-- name: leaves
-- Leaves with their events, and the hash of the event before each.
select l.index, l.stream, l.version, e.document, e.hash, p.hash as before
from log_leaves l
left join events e using (stream, version)
left join events p on p.stream = l.stream and p.version = l.version - 1
where l.index >= $1 and l.index < $2 order by l.index

-- name: place
-- Where a check goes on.
select at from live_places where name = $1

-- name: move_place
-- Moves where a check goes on.
insert into live_places (name, at) values ($1, $2) on conflict (name) do update set at = excluded.at

-- name: listed
-- Some events of the kinds that are listed for auditors, after a position in this store's order.
select epoch, xid, position, type, document from events
where type in (
    'id.go.paritrana.scoring.SheetRead.v1', 'id.go.paritrana.scoring.MarksSeen.v1',
    'id.go.paritrana.service.CommandRefused.v1')
  and (epoch, xid, position) > ($1, $2::xid8, $3)
  and (epoch < (select max(epoch) from epochs) or xid < pg_snapshot_xmin(pg_current_snapshot()))
order by epoch, xid, position limit $4

-- name: sheet_offices
-- In which office the member of each sheet filled it in.
select distinct on (stream) stream, substring(document from '"office":"([a-z0-9-]+)"') as office
from events
where stream = any($1::text[]) and type = 'id.go.paritrana.scoring.AspectScored.v1' and document like '%","office":"%'
order by stream, version

-- name: feeds
-- What is known of every feed: how often all of it was compared, what has not come here, and what it has not shown.
select f.service, f.rounds,
       count(*) filter (where d.kind = 'late') as behind, min(d.since) filter (where d.kind = 'late') as since,
       count(*) filter (where d.kind = 'unfed') as unfed
from feeds f left join feed_doubts d on d.service = f.service
group by f.service, f.rounds order by f.service
