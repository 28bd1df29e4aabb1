-- What operators did to ingest: who paused or resumed a topic or set its positions back, when and why.

create table ingest_acts (
    act bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    who text not null,
    what text not null check (what in ('pause', 'resume', 'again')),
    topic text not null,
    said text not null
);
comment on table ingest_acts is 'Acts of operators on ingest, each written in the transaction that did it; never changed.';
comment on column ingest_acts.who is 'The account of the machine on which the command was given.';
comment on column ingest_acts.said is 'The reason that was given; of a day taken again, the day and the offsets too.';
create index ingest_acts_by_topic on ingest_acts (topic, act desc);

create trigger ingest_acts_rows before update or delete on ingest_acts for each row execute function refuse_change();
create trigger ingest_acts_truncate before truncate on ingest_acts execute function refuse_change();

grant select on ingest_acts to {login};
