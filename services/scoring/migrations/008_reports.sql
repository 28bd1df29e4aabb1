-- Disputed figures, for the daily reports to publishers: a read table folded from the log.

create table disputes (
    grp text collate "C" not null,
    id text collate "C" not null,
    topic text not null,
    season text not null,
    candidate text not null,
    aspect text not null,
    measure text not null,
    disputed timestamptz not null,
    primary key (grp, id)
);
comment on table disputes is 'Measured figures that were disputed (id: where the event is), with the topic of the facts behind them.';
create index disputes_by_topic on disputes (topic, disputed, id);
grant select, insert, update, delete on disputes to {login};
