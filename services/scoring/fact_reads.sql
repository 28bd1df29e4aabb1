-- Facts for their publishers, operators and auditors, read from the ledger that `ingest` writes; and repairs.

-- name: repairs_to_send
-- Approved repairs that are not noted as sent; one whose text was erased by law is never published.
select r.id, r.topic, r.partition, r.kafka_offset, r.proposed_by, r.approved_by, t.body,
       coalesce(t.body::json -> 'data' ->> case r.topic when 'bpjs.coverage.v1' then 'region' else 'employer' end, '') as subject
from repairs r join texts t on t.digest = r.content_digest
where r.status = 'approved' and not exists (select from repairs_sent s where s.repair = r.id)
order by r.approved, r.id limit 100

-- name: repair_sent
-- Notes where a repair was published.
insert into repairs_sent (repair, partition, kafka_offset, sent) values ($1, $2, $3, $4) on conflict (repair) do nothing

-- name: dead_letter
-- One message that was set aside.
select topic, partition, kafka_offset, received, publisher, id, reason, field, value, english, indonesian
from refused_facts where topic = $1 and partition = $2 and kafka_offset = $3

-- name: repair
-- One repair, with its texts, what it stands for, and where it was published.
select r.id as repair, r.topic, r.partition, r.kafka_offset, r.publisher, r.fact, r.leaf, r.status, r.proposed,
       r.proposed_by, r.approved, r.approved_by, content.body as document, reason.body as why,
       s.partition as sent_partition, s.kafka_offset as sent_offset, s.sent
from repairs r
left join texts content on content.digest = r.content_digest
left join texts reason on reason.digest = r.reason_digest
left join repairs_sent s on s.repair = r.id
where r.id = $1

-- name: repairs
-- Repairs of some topics in the order in which they were proposed, after a key; $2: only those that wait.
select id as repair, topic, partition, kafka_offset, publisher, fact, status, proposed, proposed_by, approved, approved_by
from repairs
where topic = any($1) and (not $2 or status = 'proposed')
  and ($3::text is null or (proposed collate "C", id) > ($3, $4))
order by proposed collate "C", id limit $5
