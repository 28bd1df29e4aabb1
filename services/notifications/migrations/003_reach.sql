-- How far a conflict keeps a member from sheets: the pinned rules' scope, and whom members and nominees belong to.

alter table stages
    add column whole_category boolean not null default false,
    add column own_employer boolean not null default false,
    add column own_government boolean not null default false;
comment on column stages.whole_category is 'A conflict declared over one nominee recuses from all of the category.';
comment on column stages.own_employer is 'A member of an employer does not score it; own_government: of a government.';

alter table seats
    add column employer text,
    add column government text;
alter table nominations
    add column kind text not null default '',
    add column code text not null default '';
