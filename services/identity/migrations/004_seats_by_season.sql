-- What a seat brings holds in the season of the seat: whoever administers one season alone could else seat somebody who
-- then acts in every season of the place.
delete from role_grant where origin = 'appointment' and nomination is null;

insert into role_grant (person_id, role, committee, season, origin)
select distinct s.person_id, role, s.province, s.season, 'appointment'
from seat s join office o using (season, body, office) cross join unnest(o.roles) as role
join person on person.id = s.person_id and erased_at is null
on conflict do nothing;
