-- name: paused
-- Topics of which operators paused the ingest.
select topic from ingest_switch where paused

-- name: place
-- The number of a partition ($1, $2), a new one if it has none; nothing if another is making one at this moment.
-- It is looked for first: each insert that is tried uses a number up.
with known as (
    select place from places where topic = $1 and partition = $2
), made as (
    insert into places (topic, partition) select $1, $2 where not exists (select from known)
    on conflict do nothing returning place
)
select place from known union all select place from made

-- name: ensure_month
-- Makes the partition of a month ($1, its first day), unless it is there.
select ensure_month($1)

-- name: known
-- Those of the ids ($4) of a publisher ($3) that the ledger holds of a topic ($1) in a month ($2), with the leaf of what
-- it holds.
select f.id, sha256('\x00'::bytea || convert_to(f.document, 'UTF8')) as leaf
from facts f
where f.month = $2 and f.publisher = $3 and f.id = any($4)
  and f.place in (select p.place from places p where p.topic = $1)

-- name: refuse
-- Keeps why messages were refused, with the first time; another message at the same place, of a topic that was made anew,
-- replaces what was there.
insert into refused_facts
    (topic, partition, kafka_offset, received, publisher, id, reason, field, value, english, indonesian, kind, subjects)
select * from unnest($1::text[], $2::integer[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
on conflict (topic, partition, kafka_offset) do update set
    received = excluded.received, publisher = excluded.publisher, id = excluded.id, reason = excluded.reason,
    field = excluded.field, value = excluded.value, english = excluded.english, indonesian = excluded.indonesian,
    kind = excluded.kind, subjects = excluded.subjects
where (refused_facts.publisher, refused_facts.id, refused_facts.reason, refused_facts.field, refused_facts.value,
       refused_facts.kind, refused_facts.subjects)
      is distinct from (excluded.publisher, excluded.id, excluded.reason, excluded.field, excluded.value,
                        excluded.kind, excluded.subjects)

-- name: forget_refused
-- Removes why some of the messages from before an instant ($1) were refused, at most $2.
with old as (
    select topic, partition, kafka_offset from refused_facts where received < $1 order by received limit $2
    for update skip locked
), gone as (
    delete from refused_facts using old
    where refused_facts.topic = old.topic and refused_facts.partition = old.partition
      and refused_facts.kafka_offset = old.kafka_offset
    returning 1
)
select count(*) from gone
