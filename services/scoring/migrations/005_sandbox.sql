-- What the gate said of messages in the sandbox topics, for their publishers; nothing counts, and nothing is kept long.

create table sandbox_verdicts (
    topic text not null,
    partition integer not null,
    kafka_offset bigint not null,
    received timestamptz not null,
    publisher text collate "C",
    id text collate "C",
    kind text,
    subject text,
    month text,
    target text,
    document text,
    reason text,
    field text,
    value text,
    english text,
    indonesian text,
    primary key (topic, partition, kafka_offset),
    check ((document is null) <> (reason is null))
);
comment on table sandbox_verdicts is 'Messages of the sandbox topics: the fact that each would be, or why it is none; removed after some days.';
comment on column sandbox_verdicts.document is 'The canonical JSON of what would be a fact; null for what is refused.';
create index sandbox_verdicts_by_claim on sandbox_verdicts (publisher, id);
create index sandbox_verdicts_by_time on sandbox_verdicts (received, topic, partition, kafka_offset);
create index sandbox_verdicts_by_publisher on sandbox_verdicts
    (publisher, received desc, topic desc, partition desc, kafka_offset desc);

grant select, insert, update, delete on sandbox_verdicts to {login};
