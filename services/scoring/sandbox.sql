-- What was tried in the sandbox topics, and what the gate said.

-- name: keep
-- Keeps verdicts; what is read again, perhaps of a topic that was made anew, replaces what was there.
insert into sandbox_verdicts
    (topic, partition, kafka_offset, received, publisher, id, kind, subject, month, target, document, reason, field,
     value, english, indonesian)
select * from unnest($1::text[], $2::integer[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                     $15::text[], $16::text[])
on conflict (topic, partition, kafka_offset) do update set
    received = excluded.received, publisher = excluded.publisher, id = excluded.id, kind = excluded.kind,
    subject = excluded.subject, month = excluded.month, target = excluded.target, document = excluded.document,
    reason = excluded.reason, field = excluded.field, value = excluded.value, english = excluded.english,
    indonesian = excluded.indonesian

-- name: forget_old
-- Removes some of the verdicts from before an instant ($1), at most $2.
with old as (
    select topic, partition, kafka_offset from sandbox_verdicts where received < $1 order by received limit $2
), gone as (
    delete from sandbox_verdicts using old
    where sandbox_verdicts.topic = old.topic and sandbox_verdicts.partition = old.partition
      and sandbox_verdicts.kafka_offset = old.kafka_offset
    returning 1
)
select count(*) from gone

-- name: forget_more
-- Removes some of a publisher's verdicts beyond its newest $1, and of all beyond the newest $2; at most $3.
with ranked as (
    select topic, partition, kafka_offset,
           row_number() over (
               partition by publisher order by received desc, topic desc, partition desc, kafka_offset desc
           ) as own_place,
           row_number() over (order by received desc, topic desc, partition desc, kafka_offset desc) as place
    from sandbox_verdicts
), more as (
    select topic, partition, kafka_offset from ranked where own_place > $1 or place > $2 limit $3
), gone as (
    delete from sandbox_verdicts using more
    where sandbox_verdicts.topic = more.topic and sandbox_verdicts.partition = more.partition
      and sandbox_verdicts.kafka_offset = more.kafka_offset
    returning 1
)
select count(*) from gone

-- name: of_name
-- Verdicts on messages of topics ($3) that claimed a publisher ($1) and an id ($2), the newest first.
select * from sandbox_verdicts where publisher = $1 and id = $2 and topic = any($3)
order by received desc, topic desc, partition desc, kafka_offset desc limit 100

-- name: latest
-- Verdicts on messages of topics ($1), of a publisher ($2) or of any, the newest first, after a key.
select * from sandbox_verdicts
where topic = any($1) and ($2::text is null or publisher = $2)
  and ($3::timestamptz is null or (received, topic, partition, kafka_offset) < ($3, $4, $5, $6))
order by received desc, topic desc, partition desc, kafka_offset desc limit $7
