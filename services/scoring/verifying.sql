-- The ledger as a whole, held to the events that tell of its batches. Run by the owner, who has no time limits.

-- name: look_here
-- Whatever the connection was given: names are those of the tables themselves.
set local search_path = public, pg_temp

-- name: relations
-- What has the name of a table of the ledger ($1) or of a month's partition, or is a partition, wherever it lies.
select n.nspname as schema, c.relname as name, c.relkind::text as kind,
       c.relrowsecurity or c.relforcerowsecurity or exists (select from pg_policy p where p.polrelid = c.oid) as filtered,
       array(select r.rulename::text from pg_rewrite r where r.ev_class = c.oid and c.relkind <> 'v' order by 1) as rules
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_temp_'
  and (c.relname = any($1) or c.relname ~ '^facts_[0-9]{4}_[0-9]{2}$'
       or exists (select from pg_inherits i where i.inhrelid = c.oid and i.inhparent = to_regclass('public.facts')))
order by 1, 2

-- name: triggers
-- The triggers on the ledger's tables ($1) and on the partitions, as they are made.
select c.relname as name, t.tgname as trigger, pg_get_triggerdef(t.oid) as said, t.tgenabled = 'O' as works
from pg_trigger t join pg_class c on c.oid = t.tgrelid
where c.relnamespace = 'public'::regnamespace and not t.tgisinternal
  and (c.relname = any($1) or c.relname ~ '^facts_[0-9]{4}_[0-9]{2}$')
order by 1, 2

-- name: places
-- Every partition that batches are told of or that rows lie under, with its number (null: none) and its stream's length.
select p.place, coalesce(h.stream, 'ingest/' || p.topic || '/' || p.partition) as stream,
       coalesce(h.version, 0) as version
from places p
full join (select stream, version from heads where stream >= 'ingest/' and stream < 'ingest0' and version > 0) h
    on h.stream = 'ingest/' || p.topic || '/' || p.partition
order by 2

-- name: strays
-- Rows under numbers ($1 are those that are known) that stand for no partition.
select place, count(*) as count, min(kafka_offset) as first, max(kafka_offset) as last, min(month) as month
from facts where place <> all($1) group by place order by place

-- name: rows
-- The rows of a place ($1), of some batches ($2) or of all, in the order in which they were told.
select batch, kafka_offset, month, publisher, id, kind, subject, target, document
from facts where place = $1 and ($2::integer[] is null or batch = any($2))
order by batch, kafka_offset

-- name: events
-- The events of a stream ($1), of some versions ($2) or all, in their order.
select version, document from events
where stream = $1 and ($2::integer[] is null or version = any($2)) order by version

-- name: batches_of_month
-- Batches of a place ($1) and its stream ($2) that have a row in a month ($3), or are told to have one ($4).
select batch from facts where place = $1 and month = $3
union
select version::integer from events
where stream = $2 and (document::json #> '{data,months}')::jsonb ? $4

-- name: twice
-- Facts whose publisher used their id more than once, on whichever topics, with where each lies.
select f.publisher, f.id, f.month, f.batch, f.kafka_offset, f.kind, f.subject, f.target, f.document, p.topic, p.partition
from (select publisher, id from facts group by publisher, id having count(*) > 1) d
join facts f using (publisher, id) left join places p using (place)
order by f.publisher, f.id, p.topic, f.month

-- name: twice_of_month
-- The same, of ids that are used in a month ($1) and in another.
select f.publisher, f.id, f.month, f.batch, f.kafka_offset, f.kind, f.subject, f.target, f.document, p.topic, p.partition
from facts f left join places p using (place)
join (
    select distinct a.publisher, a.id from facts a join facts b using (publisher, id)
    where a.month = $1 and b.month <> $1
) d on d.publisher = f.publisher and d.id = f.id
order by f.publisher, f.id, p.topic, f.month

-- name: naming
-- What a publisher ($1) said that corrects or reverses the fact of an id ($2).
select document from facts where publisher = $1 and target = $2

-- name: reports_beside
-- Reports of a kind ($1) about an employer or region ($2), from a month ($3) to another ($4).
select document from facts where kind = $1 and subject = $2 and month between $3 and $4
