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

-- name: place_of_plenary
-- The province (00: the nation) for which a plenary ($1) was convened.
select document::json #>> '{data,province}' from events where stream = 'plenary/' || $1 and version = 1

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
select province, nominating_body, home, contact, body from nominations where grp = $1

-- name: nominations_citing
-- The nominations that cite a document, and whom they concern.
select id, province, nominating_body, home, contact from nominations where evidence @> array[$1::text]

-- name: keep_evidence
-- Keeps a document under the SHA-256 of its bytes; the same bytes are kept once.
insert into evidence (sha256, media_type, body) values ($1, $2, $3) on conflict (sha256) do nothing

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

-- name: results
-- Announced results of a season ($1), in the order of their announcement, after ($2, $3, $4).
select grp, id, announced, appeals_until, body from results
where season = $1 and ($2::timestamptz is null or (announced, grp, id) > ($2, $3, $4))
order by announced, grp, id
limit $5
