-- Repairs of dead letters: a read table folded from the log, and where each approved one was published.

create table repairs (
    grp text collate "C" not null,
    id text collate "C" not null,
    topic text not null,
    partition integer not null,
    kafka_offset bigint not null,
    publisher text not null,
    fact text not null,
    leaf text not null,
    content_digest text not null,
    reason_digest text not null,
    status text not null,
    proposed text collate "C" not null,
    proposed_by text not null,
    approved text,
    approved_by text,
    primary key (grp, id)
);
comment on table repairs is 'Facts proposed in place of dead letters, and who agreed; the texts lie in texts.';
create index repairs_by_id on repairs (id);
create index repairs_in_order on repairs (proposed, id);

create table repairs_sent (
    repair text collate "C" primary key,
    partition integer not null,
    kafka_offset bigint not null,
    sent timestamptz not null
);
comment on table repairs_sent is 'Where approved repairs were published; not folded, so that no rebuild publishes again.';

grant select, insert, update, delete on repairs to {login};
grant select, insert on repairs_sent to {login};
