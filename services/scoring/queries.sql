-- name: roll_of_stage
-- Nominations of a season ($1) and category ($2) that can have reached a stage of a place ($3; 00: the nation).
select substr(n.stream, length('nomination/') + 1) as nomination
from events n
where n.stream >= 'nomination/' and n.stream < 'nomination0' and n.version = 1
  and n.document::json #>> '{data,entry,season}' = $1
  and n.document::json #>> '{data,entry,category}' = $2
  and ($3 = '00' or n.document::json #>> '{data,entry,province}' = $3)
order by n.stream

-- name: sheets_of_stage
-- Sheet streams of nominations ($1) at a stage ($2, as `provincial-seleksi`), read from the heads: none is missed.
select h.stream
from unnest($1::text[]) as n (nomination)
join heads h on h.stream >= 'sheet/' || n.nomination || '/' || $2 || '/'
            and h.stream < 'sheet/' || n.nomination || '/' || $2 || '0'
where h.version > 0
order by h.stream

-- name: awards_of_category
-- Award streams of a season ($1) and category ($2) in every tier and place, read from the heads: none is missed.
select stream from heads
where stream >= 'award/' || $1 || '/' and stream < 'award/' || $1 || '0'
  and split_part(stream, '/', 5) = $2 and version > 0
order by stream

-- name: ranking
-- The heading and all rows of a ranking, with the names that nominees have now.
select r.grp, r.id, r.ranking, r.nomination, r.place, r.rank, r.shared, r.candidate, coalesce(m.name, r.name) as name,
       r.total, r.shown, r.aspects, r.tie, r.reason, r.lacking, r.sheets, r.sample, r.status, r.seal, r.digest,
       r.announced, r.heading, r.recusals
from rankings r
left join stage_members m on m.grp = 'nomination/' || r.nomination and m.id = r.ranking
where r.ranking = $1
order by r.place

-- name: headings
-- Headings of rankings by their stream, after $1, in a season ($2) and provinces ($3) if given; $4: only open ones.
select ranking, heading, status, announced from rankings
where place = 0
  and ($1::text is null or ranking > $1)
  and ($2::text is null or split_part(grp, '/', 1) = $2)
  and ($3::text[] is null or split_part(grp, '/', 2) = any($3))
  and (not $4 or status = 'open')
order by ranking
limit $5

-- name: announced
-- Headings of announced rankings by their stream, after $1, of a season ($2) if given.
select ranking, heading, announced from rankings
where place = 0 and announced is not null
  and ($1::text is null or ranking > $1)
  and ($2::text is null or split_part(grp, '/', 1) = $2)
order by ranking
limit $3

-- name: history_until
-- The events a place's rankings are folded from, recorded at or before an instant ($2, as events write it).
select e.epoch, e.xid, e.position, e.stream, e.version, e.id, e.type, e.own, e.hash, e.document
from projection_members m
join events e on e.stream = m.stream
where m.projection = 'rankings' and m.grp = $1 and e.document::json ->> 'time' <= $2
order by e.epoch, e.xid, e.position

-- name: desk
-- What a member ($2) has on its desk at stages ($1), after ($3, $4); $5: only what is not handed in. At stages that draw
-- scorers it is what the member was drawn for: stages ($7) and nominations ($8), pair by pair.
select m.id as ranking, m.tier, m.stage, m.nomination, m.candidate, m.name, m.kind, m.sample,
       coalesce(s.status, 'blank') as status, coalesce(s.filed, 0) as filed, s.changed
from stage_members m
left join sheets s on s.ranking = m.id and s.nomination = m.nomination and s.member = $2
where (m.id = any($1) or (m.id, m.nomination) in (select * from unnest($7::text[], $8::text[])))
  and m.here and m.standing = 'competing'
  and ($3::text is null or (m.id, m.nomination) > ($3, $4))
  and (not $5 or coalesce(s.status, 'blank') <> 'submitted')
order by m.id, m.nomination
limit $6

-- name: competing
-- Who stands at a stage ($1) now.
select nomination, candidate, name, kind from stage_members
where id = $1 and here and standing = 'competing'
order by nomination

-- name: progress
-- How far the sheets of a ranking ($1) have come, after ($2, $3). It holds no marks.
select nomination, member, status, filed, changed, sample from sheets
where ranking = $1 and ($2::text is null or (nomination, member) > ($2, $3))
order by nomination, member
limit $4

-- name: place_of_stage
-- The season and the province (00: the nation) of the stage that a nomination ($1) reached at a tier ($2) under a code
-- ($3).
select season, province from stage_members where grp = 'nomination/' || $1 and tier = $2 and stage = $3

-- name: sheets_of_ranking
-- How far every sheet of a ranking ($1) has come. It holds no marks.
select nomination, member, status, filed from sheets where ranking = $1

-- name: has_sheet
-- Whether a person ($2) has a sheet at a ranking ($1), however far it has come: a voided one can be begun anew.
select exists (select from sheets where ranking = $1 and member = $2)
