-- What a refused message still shows of itself, so that a repair is held to what it repairs. Null: refused before this
-- was kept, or nothing that could be read.

alter table refused_facts add column kind text collate "C", add column subjects text collate "C";
comment on column refused_facts.subjects is
    'Whom the message can be about, by its key and by its data, as far as either can be one; with spaces between.';
