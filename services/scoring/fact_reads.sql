-- Facts for their publishers, operators and auditors, read from the ledger that `ingest` writes; and repairs.

-- name: repairs_to_send
-- Approved repairs that are not noted as sent; one whose text was erased by law is never published.
select r.id, r.topic, r.partition, r.kafka_offset, r.proposed_by, r.approved_by, t.body,
       coalesce(t.body::json -> 'data' ->> case r.topic when 'bpjs.coverage.v1' then 'region' else 'employer' end, '') as subject
from repairs r join texts t on t.digest = r.content_digest
where r.status = 'approved' and t.body is not null and not exists (select from repairs_sent s where s.repair = r.id)
order by r.approved, r.id limit 100

-- name: repair_sent
-- Notes where a repair was published.
insert into repairs_sent (repair, partition, kafka_offset, sent) values ($1, $2, $3, $4) on conflict (repair) do nothing

-- name: dead_letter
-- One message that was set aside.
select topic, partition, kafka_offset, received, publisher, id, reason, field, value, english, indonesian,
       kind, subjects
from refused_facts where topic = $1 and partition = $2 and kafka_offset = $3

-- name: became
-- What became of the messages that repairs ($1) were published as: where the ledger holds the fact, why it was refused,
-- and whether ingest has been there.
select r.id as repair, r.topic, s.partition, s.kafka_offset, s.sent, h.partition as held_partition,
       h.kafka_offset as held_offset, l.received, l.publisher, l.id, l.reason, l.field, l.value, l.english, l.indonesian,
       coalesce(i.next_offset > s.kafka_offset, false) as is_read
from repairs r join repairs_sent s on s.repair = r.id
left join lateral (
    select p.partition, f.kafka_offset from facts f join places p using (place)
    where f.publisher = r.publisher and f.id = r.fact and p.topic = r.topic
      and encode(sha256('\x00'::bytea || convert_to(f.document, 'UTF8')), 'hex') = r.leaf
    limit 1
) h on true
left join refused_facts l on l.topic = r.topic and l.partition = s.partition and l.kafka_offset = s.kafka_offset
left join received i on i.topic = r.topic and i.partition = s.partition
where r.id = any($1)

-- name: repair
-- One repair, with its texts, what it stands for, and where it was published.
select r.id as repair, r.topic, r.partition, r.kafka_offset, r.publisher, r.fact, r.leaf, r.status, r.proposed,
       r.proposed_by, r.approved, r.approved_by, content.body as document, reason.body as why
from repairs r
left join texts content on content.digest = r.content_digest
left join texts reason on reason.digest = r.reason_digest
where r.id = $1

-- name: repairs
-- Repairs of some topics in the order in which they were proposed, after a key; $2: only those that wait.
select id as repair, topic, partition, kafka_offset, publisher, fact, status, proposed, proposed_by, approved, approved_by
from repairs
where topic = any($1) and (not $2 or status = 'proposed')
  and ($3::text is null or (proposed collate "C", id) > ($3, $4))
order by proposed collate "C", id limit $5

-- name: fact
-- Every fact of a publisher ($1) under an id ($2) in topics ($3): one in each month of each topic that has it.
select f.subject, encode(sha256('\x00'::bytea || convert_to(f.document, 'UTF8')), 'hex') as leaf
from facts f join places p using (place)
where f.publisher = $1 and f.id = $2 and p.topic = any($3)
order by f.month, p.topic

-- name: facts_about
-- The facts about employers or regions ($1), of some kinds ($2) or of all.
select f.document, f.publisher, f.id, f.kind, f.subject, f.target, f.batch, f.kafka_offset, p.topic, p.partition
from facts f join places p using (place)
where f.subject = any($1) and ($2::text[] is null or f.kind = any($2))

-- name: facts_named
-- The facts that have one of these names (publishers $1, ids $2), and those that correct or reverse them.
with named as (select distinct * from unnest($1::text[], $2::text[]) as n(publisher, id))
select f.document, f.publisher, f.id, f.kind, f.subject, f.target, f.batch, f.kafka_offset, p.topic, p.partition
from named n join facts f on f.publisher = n.publisher and f.id = n.id join places p using (place)
union all
select f.document, f.publisher, f.id, f.kind, f.subject, f.target, f.batch, f.kafka_offset, p.topic, p.partition
from named n join facts f on f.publisher = n.publisher and f.target = n.id join places p using (place)

-- name: refused_of
-- Messages of topics ($3) that claimed a publisher ($1) and an id ($2) and were refused, the newest first.
select topic, partition, kafka_offset, received, publisher, id, reason, field, value, english, indonesian
from refused_facts where publisher = $1 and id = $2 and topic = any($3)
order by received desc, topic, partition, kafka_offset limit 100

-- name: refused_in
-- Messages of topics ($1), of a publisher ($2) or of any, that were refused from $3 to before $4, after a key.
select topic, partition, kafka_offset, received, publisher, id, reason, field, value, english, indonesian
from refused_facts
where topic = any($1) and ($2::text is null or publisher = $2) and received >= $3 and received < $4
  and ($5::timestamptz is null or (received, topic, partition, kafka_offset) > ($5, $6, $7, $8))
order by received, topic, partition, kafka_offset limit $9

-- name: refused_counts
-- The same, counted by publisher and reason; beyond the $5 publishers with the most, those of nobody (null).
with counted as (
    select publisher, reason, count(*) as count
    from refused_facts
    where topic = any($1) and ($2::text is null or publisher = $2) and received >= $3 and received < $4
    group by publisher, reason
), most as (
    select publisher from counted where publisher is not null
    group by publisher order by sum(count) desc, publisher limit $5
)
select m.publisher, c.reason, sum(c.count)::bigint as count
from counted c left join most m using (publisher)
group by m.publisher, c.reason order by m.publisher nulls first, c.reason

-- name: refused_by_topic
-- The same, counted by topic.
select topic, count(*) as count
from refused_facts
where topic = any($1) and ($2::text is null or publisher = $2) and received >= $3 and received < $4
group by topic

-- name: refused_of_nobody
-- How many messages of topics ($1) were refused from $2 to before $3 that name no system that could be one.
select count(*) from refused_facts where topic = any($1) and publisher is null and received >= $2 and received < $3

-- name: ingest_heads
-- The streams on which batches are told, and how long each is.
select stream, version from heads where stream >= 'ingest/' and stream < 'ingest0' and version > 0

-- name: batch_times
-- When batches were recorded: of streams ($1) at versions ($2).
select e.stream, e.document::json ->> 'time' as time
from unnest($1::text[], $2::bigint[]) as asked(stream, version) join events e using (stream, version)

-- name: batch_counts
-- What the batches of streams ($1) from versions ($2) to before versions ($3) came to, by topic.
select d.topic, count(*) as batches, sum(d.records)::bigint as records, sum(d.applied)::bigint as applied,
       sum(d.duplicates)::bigint as duplicates, sum(d.refused)::bigint as refused
from unnest($1::text[], $2::bigint[], $3::bigint[]) as asked(stream, first, after)
join events e on e.stream = asked.stream and e.version >= asked.first and e.version < asked.after
cross join lateral json_to_record(e.document::json -> 'data')
    as d(topic text, records bigint, applied bigint, duplicates bigint, refused bigint)
group by d.topic

-- name: batch_event
-- The event that told of a batch.
select document from events where stream = $1 and version = $2

-- name: batch_facts
-- The facts of a batch (topic $1, partition $2, version $3) of these months ($4), in the order of their offsets.
select f.document from facts f join places p using (place)
where p.topic = $1 and p.partition = $2 and f.batch = $3 and f.month = any($4)
order by f.kafka_offset

-- name: seasons
-- Every season that has rules here.
select stream from heads where stream >= 'season/' and stream < 'season0' and version > 0 order by stream

-- name: nominated_employers
-- Employers that compete in some season, or in one ($1), after a key.
select distinct season, candidate collate "C" as candidate from stage_members
where kind = 'employer' and standing = 'competing' and ($1::text is null or season = $1)
  and ($2::text is null or (season collate "C", candidate collate "C") > ($2, $3))
order by season, candidate limit $4

-- name: measured_at
-- What was measured of a nominee, as it was told on its stream ($1) at versions ($2).
select version, document from events where stream = $1 and version = any($2) order by version

-- === the report of a day ============================================================================================

-- name: batch_offsets
-- Between which offsets batches lie, and when the first was recorded: of streams ($1), from a version ($2) to another
-- ($3). A batch may lie before those before it: positions are set back to read a day again.
select (e.document::json #>> '{data,partition}')::integer as partition,
       min((e.document::json #>> '{data,first}')::bigint) as first,
       max((e.document::json #>> '{data,last}')::bigint) as last,
       min((e.document::json ->> 'time')::timestamptz) as since
from unnest($1::text[], $2::bigint[], $3::bigint[]) as asked(stream, first, last)
join events e on e.stream = asked.stream and e.version between asked.first and asked.last
group by 1

-- name: refused_within
-- What was refused of a topic ($1) within offsets (partitions $2, from $3 to $4), by the system that it claims, why, and
-- on which day in a zone ($6).
-- What was refused long before a batch ($5: its time; clocks may differ a little) had the offset in a topic of before.
-- Beyond the $7 systems with the most, all are counted as of nobody (null): a sender can claim any number of them.
with counted as (
    select r.publisher, r.reason, (r.received at time zone $6)::date as day, count(*) as count
    from unnest($2::integer[], $3::bigint[], $4::bigint[], $5::timestamptz[]) as span(partition, first, last, since)
    join refused_facts r on r.topic = $1 and r.partition = span.partition
                         and r.kafka_offset between span.first and span.last
                         and r.received >= span.since - interval '5 minutes'
    group by 1, 2, 3
), most as (
    select publisher from counted where publisher is not null
    group by publisher order by sum(count) desc, publisher limit $7
)
select m.publisher, c.reason, c.day, sum(c.count)::bigint as count
from counted c left join most m using (publisher)
group by 1, 2, 3 order by m.publisher nulls last, c.reason, c.day

-- name: first_refused_within
-- The first messages of the same, in the order in which they were refused.
select r.partition, r.kafka_offset, r.reason
from unnest($2::integer[], $3::bigint[], $4::bigint[], $5::timestamptz[]) as span(partition, first, last, since)
join refused_facts r on r.topic = $1 and r.partition = span.partition and r.kafka_offset between span.first and span.last
                     and r.received >= span.since - interval '5 minutes'
order by r.received, r.partition, r.kafka_offset limit $6

-- name: disputes
-- The figures measured from a topic's facts ($1) that were disputed, but for some ($2), the oldest first.
select id, grp, season, candidate, aspect, measure, disputed from disputes
where topic = $1 and id <> all($2::text[]) order by disputed, id limit $3
