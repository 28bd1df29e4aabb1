-- name: roll_of_stage
-- Nominations of a season ($1) and category ($2) that can have reached a stage of a place ($3; 00: the nation).
select substr(n.stream, length('nomination/') + 1) as nomination
from events n
where n.stream >= 'nomination/' and n.stream < 'nomination0' and n.version = 1
  and n.document::json #>> '{data,entry,season}' = $1
  and n.document::json #>> '{data,entry,category}' = $2
  and ($3 = '00' or n.document::json #>> '{data,entry,province}' = $3)
order by n.stream

-- name: roll_of_plenary
-- Nominations, with their category, that can have reached a stage of the place for which a plenary ($1) was convened.
with convened as (
    select document::json #>> '{data,season}' as season, document::json #>> '{data,province}' as province
    from events where stream = 'plenary/' || $1 and version = 1
)
select substr(n.stream, length('nomination/') + 1) as nomination,
       n.document::json #>> '{data,entry,category}' as category
from events n, convened c
where n.stream >= 'nomination/' and n.stream < 'nomination0' and n.version = 1
  and n.document::json #>> '{data,entry,season}' = c.season
  and (c.province = '00' or n.document::json #>> '{data,entry,province}' = c.province)
order by n.stream

-- name: meetings_beside
-- The other plenaries of the place, body and season of a plenary ($1), with every item of their agendas.
with convened as (
    select document::json #>> '{data,season}' as season, document::json #>> '{data,province}' as province,
           document::json #>> '{data,body}' as body
    from events where stream = 'plenary/' || $1 and version = 1
)
select substr(p.stream, length('plenary/') + 1) as plenary, item ->> 'category' as category, item ->> 'stage' as stage
from events p, convened c, json_array_elements(p.document::json #> '{data,agenda}') item
where p.stream >= 'plenary/' and p.stream < 'plenary0' and p.version = 1 and p.stream <> 'plenary/' || $1
  and p.document::json #>> '{data,season}' = c.season
  and p.document::json #>> '{data,province}' = c.province
  and p.document::json #>> '{data,body}' = c.body
order by p.stream

-- name: meetings_at
-- The plenaries of a season ($1), a place ($2; 00: the nation) and a body ($3) that were convened for an instant ($4).
select substr(p.stream, length('plenary/') + 1) as plenary
from events p
where p.stream >= 'plenary/' and p.stream < 'plenary0' and p.version = 1
  and p.document::json #>> '{data,season}' = $1
  and p.document::json #>> '{data,province}' = $2
  and p.document::json #>> '{data,body}' = $3
  and p.document::json #>> '{data,scheduled}' = $4
order by p.stream

-- name: meetings_ahead
-- The plenaries of the season of a plenary ($1), in its place and in the nation, with every item of their agendas.
with convened as (
    select document::json #>> '{data,season}' as season, document::json #>> '{data,province}' as province
    from events where stream = 'plenary/' || $1 and version = 1
)
select substr(p.stream, length('plenary/') + 1) as plenary, item ->> 'category' as category, item ->> 'stage' as stage
from events p, convened c, json_array_elements(p.document::json #> '{data,agenda}') item
where p.stream >= 'plenary/' and p.stream < 'plenary0' and p.version = 1
  and p.document::json #>> '{data,season}' = c.season
  and p.document::json #>> '{data,province}' in ('00', c.province)
order by p.stream

-- name: place_of_plenary
-- The province (00: the nation) and the season for which a plenary ($1) was convened.
select document::json #>> '{data,province}' as province, document::json #>> '{data,season}' as season
from events where stream = 'plenary/' || $1 and version = 1

-- name: nominations
-- Nominations in the order of their nomination, after ($5, $6); null filters are open; $7 lists the places allowed (a
-- province, or a regency or city that nominated or is the candidate's home), and $8 is who asks, perhaps a contact.
select id, nominated, body from nominations
where ($1::text is null or season = $1)
  and ($2::text is null or province = $2)
  and ($3::text is null or category = $3)
  and ($4::text is null or stage = $4)
  and ($5::timestamptz is null or (nominated, id) > ($5, $6))
  and ($7::text[] is null or province = any($7) or nominating_body = any($7) or home = any($7) or contact = $8)
order by nominated, id
limit $9

-- name: nomination
-- One nomination and whom it concerns.
select season, province, nominating_body, home, contact, body from nominations where grp = $1

-- name: nominations_citing
-- The nominations that cite a document, and whom they concern.
select id, season, province, nominating_body, home, contact from nominations where evidence @> array[$1::text]

-- name: keep_evidence
-- Keeps a document under the SHA-256 of its bytes; the same bytes are kept once.
insert into evidence (sha256, media_type, body) values ($1, $2, $3) on conflict (sha256) do nothing

-- name: has_evidence
-- Whether a document is still kept.
select exists (select from evidence where sha256 = $1)

-- name: evidence
-- A document.
select media_type, body from evidence where sha256 = $1

-- name: texts
-- Free texts by their digests; one that was erased by law is null.
select digest, body from texts where digest = any($1)

-- name: disputes
-- Disputed figures of a season ($1, null: of all), the oldest first, after ($2, $3, $4). Open to who may see one of the
-- places $5 (null: all) or publishes to one of the topics $6.
select grp, id, disputed, body from disputes
where ($1::text is null or season = $1)
  and ($2::timestamptz is null or (disputed, grp, id) > ($2, $3, $4))
  and ($5::text[] is null or province = any($5) or nominating_body = any($5) or home = any($5)
       or publisher = any($6::text[]))
order by disputed, grp, id
limit $7

-- name: interviews
-- Interviews of a season ($1) and stage ($2), null: of all, in their order, after ($3, $4, $5). Open to the people of
-- the places $6 (null: all) where the stage or the candidate belongs, and to the contact $7.
select grp, id, begins, body from interviews
where ($1::text is null or season = $1)
  and ($2::text is null or stage = $2)
  and ($3::timestamptz is null or (begins, grp, id) > ($3, $4, $5))
  and ($6::text[] is null or place = any($6) or province = any($6) or nominating_body = any($6) or home = any($6)
       or contact = $7)
order by begins, grp, id
limit $8

-- name: committees
-- Formed bodies after the key ($3, $4, $5), of a season ($1) and province ($2) if given; $6: the provinces allowed.
select season, province, id, body from committees
where ($1::text is null or season = $1)
  and ($2::text is null or province = $2)
  and ($3::text is null or (season, province, id) > ($3, $4, $5))
  and ($6::text[] is null or province = any($6))
order by season, province, id
limit $7

-- name: committee
-- The bodies of one place, by their code.
select body from committees where season = $1 and province = $2 order by id

-- name: plenaries
-- Meetings by their schedule, after ($3, $4), of a season ($1) and province ($2) if given; $5: the provinces allowed.
select id, scheduled, body from plenaries
where ($1::text is null or season = $1)
  and ($2::text is null or province = $2)
  and ($3::timestamptz is null or (scheduled, id) > ($3, $4))
  and ($5::text[] is null or province = any($5))
order by scheduled, id
limit $6

-- name: plenary
-- One meeting and the place that may see it.
select province, body from plenaries where grp = $1

-- name: seasons
-- Open seasons after a code ($1, null: from the first).
select id, body from seasons where $1::text is null or id > $1 order by id limit $2

-- name: season
-- One season with the content of its newest rulebook.
select body, rulebook from seasons where id = $1

-- name: exceptions
-- Exceptions of a season ($1) in the order of their recording, of a kind ($2) if given, after ($3, $4); $5 lists the
-- provinces allowed, whose people see what concerns the whole season too. The text of a reason is null where it was
-- erased or is kept by another service.
select e.id, e.recorded, e.body, t.body as reason
from exceptions e left join texts t on t.digest = e.reason
where e.season = $1
  and ($2::text is null or e.kind = $2)
  and ($3::timestamptz is null or (e.recorded, e.id) > ($3, $4))
  and ($5::text[] is null or e.province is null or e.province = any($5))
order by e.recorded, e.id
limit $6

-- name: candidacies
-- The nominations of a season ($1) whose candidates have one of these codes ($2), with category and document.
select id, category, body from nominations
where season = $1 and body::json #>> '{candidate,code}' = any($2::text[])
order by category, id

-- name: results
-- Announced results of a season ($1), in the order of their announcement, after ($2, $3, $4).
select grp, id, announced, appeals_until, body from results
where season = $1 and ($2::timestamptz is null or (announced, grp, id) > ($2, $3, $4))
order by announced, grp, id
limit $5

-- name: appeals_of_path
-- Appeals ever lodged on a season ($1) and category ($2) that a place's path ($3; 00: the nation's, and all before it)
-- rests on.
select substr(a.stream, length('appeal/') + 1) as appeal
from events a
where a.stream >= 'appeal/' and a.stream < 'appeal0' and a.version = 1
  and a.document::json #>> '{data,at,season}' = $1
  and a.document::json #>> '{data,at,category}' = $2
  and ($3 = '00' or a.document::json #>> '{data,at,province}' = $3)
order by a.stream

-- name: certificates
-- Certificates in the order of their issue, after ($3, $4, $5), of a season ($1) and category ($2) if given; $6: the
-- provinces allowed, as the award's place or the nominee's home, $7: the nominations whose contact asks.
select c.id, c.number, c.issued, c.body from certificates c
where ($1::text is null or c.season = $1)
  and ($2::text is null or c.category = $2)
  and ($3::timestamptz is null or (c.issued, c.number, c.id) > ($3, $4, $5))
  and ($6::text[] is null or c.place = any($6)
       or c.nomination = any($7)
       or exists (select from nominations n where n.grp = c.nomination and n.province = any($6)))
order by c.issued, c.number, c.id
limit $8

-- name: certificate
-- One certificate, and whose people may print it: those of its season, the award's place and the nominee's home.
select c.nomination, c.season, c.place, n.home, n.nominating_body, n.contact, c.body
from certificates c left join nominations n on n.grp = c.nomination
where c.id = $1

-- name: events_at
-- Events by their streams ($1) and versions ($2), in the log's order.
select e.epoch, e.xid, e.position, e.stream, e.version, e.id, e.type, e.own, e.hash, e.document
from events e join unnest($1::text[], $2::bigint[]) as wanted (stream, version) using (stream, version)
order by e.epoch, e.xid, e.position

-- name: texts_by_digest
-- Free texts that events cite by these digests ($1), with the salt of each; an erased one has no body.
select digest, salt, body from texts where digest = any($1)

-- name: appeals
-- Appeals as they were lodged, after ($4, $5), of a season ($1), place ($2) and category ($3) if given, for who sees the
-- places $6 (null: all), is the appellant ($7) or the contact of the nominations $8.
select a.id, a.lodged, a.body
from appeals a left join nominations n on n.grp = a.nomination
where ($1::text is null or a.season = $1)
  and ($2::text is null or a.province = $2)
  and ($3::text is null or a.category = $3)
  and ($4::timestamptz is null or (a.lodged, a.id) > ($4, $5))
  and ($6::text[] is null or a.province = any($6) or n.province = any($6) or a.appellant = $7 or a.nomination = any($8))
order by a.lodged, a.id
limit $9

-- name: appeal
-- One appeal with its season, the contested stage's place, the nominee's home, who lodged it, and its grounds while they
-- are kept.
select a.season, a.province, n.province as home, a.nomination, a.appellant, a.body, t.body as grounds
from appeals a left join nominations n on n.grp = a.nomination left join texts t on t.digest = a.grounds
where a.grp = $1

-- name: public_appeals
-- Appeals of a season ($1) as they were lodged, after ($2, $3), and whether the ranking that they corrected is announced.
select a.id, a.lodged, a.body, exists (
    select from results r
    where r.season = a.season
      and r.body::json ->> 'plenary' = a.body::json #>> '{decision,plenary}'
      and r.body::json ->> 'motion' = a.body::json #>> '{decision,motion}'
) as announced
from appeals a
where a.season = $1 and ($2::timestamptz is null or (a.lodged, a.id) > ($2, $3))
order by a.lodged, a.id
limit $4

-- name: candidate_names
-- The names of the candidates of nominations ($1).
select id, body::json #>> '{candidate,name}' as name from nominations where grp = any($1)
