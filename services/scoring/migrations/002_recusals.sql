-- Recusals are shown beside each nominee, and the kind of a candidate tells whose own employer or government it is.

alter table rankings add column recusals text;
comment on column rankings.recusals is 'Of a nominee: the members who take no part in ranking it and why, as JSON.';

alter table stage_members add column kind text not null default '';
comment on column stage_members.kind is 'province, regency, city or employer.';
