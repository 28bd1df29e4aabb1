-- name: begin_answer
-- Claims a command's id for this transaction; no row when it was claimed before.
INSERT INTO answered (actor, route, key, digest) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING key;

-- name: find_answer
-- The answer that a command's id got.
SELECT digest, answer FROM answered WHERE actor = $1 AND route = $2 AND key = $3;

-- name: keep_answer
-- Remembers the answer and whose data the request held.
UPDATE answered SET answer = $4, person_id = $5 WHERE actor = $1 AND route = $2 AND key = $3;

-- name: insert_person
-- Registers a person.
INSERT INTO person (id, name, email, locale, registered_by) VALUES ($1, $2, $3, $4, $5);

-- name: find_persons
-- Names and addresses of some persons.
SELECT id, name, email, locale, erased_at IS NOT NULL AS erased FROM person WHERE id = ANY($1::uuid[]) ORDER BY id;

-- name: find_holders
-- Who has a role, and where each grant of it holds, from after a person on ($2, null for the first).
SELECT g.person_id AS id, array_agg(scope_of(g)::text ORDER BY g.id) AS scopes
FROM role_grant g JOIN person ON person.id = g.person_id AND erased_at IS NULL
WHERE g.role = $1 AND ($2::uuid IS NULL OR g.person_id > $2)
GROUP BY g.person_id ORDER BY g.person_id LIMIT $3;

-- name: erase_person
-- Takes name and address away and keeps the id; the first erasure's time stays.
UPDATE person SET name = NULL, email = NULL, erased_at = coalesce(erased_at, clock_timestamp())
WHERE id = $1 RETURNING id;

-- name: erase_accounts
-- A login name tells who somebody is, so it goes with the name.
DELETE FROM account WHERE person_id = $1;

-- name: erase_digests
-- A digest of a name and an address can be guessed, so it goes with them.
UPDATE answered SET digest = NULL WHERE person_id = $1;

-- name: find_account
-- What signing in needs.
SELECT person_id, password_hash FROM account WHERE login = $1;

-- name: insert_account
-- Gives a person a way to sign in; no row when the login is taken.
INSERT INTO account (login, person_id, password_hash) VALUES ($1, $2, $3)
ON CONFLICT (login) DO NOTHING RETURNING login;

-- name: rehash_account
-- Puts a stronger hash of the same password in the place of an older one.
UPDATE account SET password_hash = $2 WHERE login = $1 AND password_hash = $3;

-- name: change_password
-- Puts the hash of another password in the place of one's own, if it is still that; no row when it is not.
UPDATE account SET password_hash = $2 WHERE login = $1 AND password_hash = $3 RETURNING login;

-- name: find_grants
-- A person's roles and where they hold.
SELECT id, role, province, committee, nomination, publisher, season FROM role_grant
WHERE person_id = $1 ORDER BY role, province, committee, nomination, publisher, season, id;

-- name: insert_grant
-- Grants a role and keeps the act; the same grant again is the one that exists, and no act. Of a row that was there the
-- upsert leaves its lock in xmax, of a new one nothing.
WITH granted AS (
    INSERT INTO role_grant AS g (person_id, role, province, committee, nomination, publisher, season, origin)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (person_id, role, province, committee, nomination, publisher, season) DO UPDATE SET role = EXCLUDED.role
    RETURNING id, person_id, role, scope_of(g) AS scope, xmax = 0 AS is_new
), kept AS (
    INSERT INTO act (kind, person_id, grant_id, role, scope, asked_by, second, office)
    SELECT 'granted', person_id, id, role, scope, $8, $9, $10 FROM granted WHERE is_new
)
SELECT id FROM granted;

-- name: find_role
-- The role that a grant gives.
SELECT role FROM role_grant WHERE id = $1;

-- name: delete_grant
-- Takes a grant back and keeps the act.
WITH revoked AS (
    DELETE FROM role_grant AS g WHERE id = $1 RETURNING id, person_id, role, scope_of(g) AS scope
)
INSERT INTO act (kind, person_id, grant_id, role, scope, asked_by, second, office)
SELECT 'revoked', person_id, id, role, scope, $2, $3, $4 FROM revoked
RETURNING grant_id;

-- name: keep_act
-- Keeps what was done with a person's account or data.
INSERT INTO act (kind, person_id, asked_by, second, office) VALUES ($1, $2, $3, $4, $5);

-- name: tell_names
-- Names of some persons, with one act for each whose name is told: who asked ($2), and in which office ($3).
WITH found AS (
    SELECT id, name, erased_at IS NOT NULL AS erased FROM person WHERE id = ANY($1::uuid[])
), kept AS (
    INSERT INTO act (kind, person_id, asked_by, office) SELECT 'named', id, $2, $3 FROM found WHERE NOT erased
)
SELECT id, name, erased FROM found ORDER BY id;

-- name: find_acts
-- What was done, the latest first, from before an act on ($1, null for the latest).
SELECT id, at, kind, person_id, grant_id, role, scope, asked_by, second, office FROM act
WHERE $1::bigint IS NULL OR id < $1 ORDER BY id DESC LIMIT $2;

-- name: take_turns
-- Lets one command after the other see and change who holds which role, until the transaction's end.
SELECT pg_advisory_xact_lock(6300174285);

-- name: find_season_admins
-- Those who may administer every season, or one ($1) if given, and grant roles, and can sign in to do so.
SELECT DISTINCT person_id FROM role_grant JOIN account USING (person_id)
WHERE role = 'season-admin' AND (season IS NULL OR season = $1);

-- name: holds_any
-- Whether a person has one of some roles.
SELECT EXISTS (SELECT FROM role_grant WHERE person_id = $1 AND role = ANY($2::text[]));

-- name: is_seated
-- Whether a person sits in a body of some season.
SELECT EXISTS (SELECT FROM seat WHERE person_id = $1);

-- name: acts_already
-- Whether a person can sign in, sits in a body, or has one of some roles ($2).
SELECT EXISTS (SELECT FROM account WHERE person_id = $1)
    OR EXISTS (SELECT FROM seat WHERE person_id = $1)
    OR EXISTS (SELECT FROM role_grant WHERE person_id = $1 AND role = ANY($2::text[]));

-- name: put_persons
-- Registers many persons at once; those that exist stay as they are.
INSERT INTO person (id, name, email, locale, registered_by)
SELECT id, name, email, 'id', $4 FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (id, name, email)
ON CONFLICT DO NOTHING;

-- name: put_accounts
-- Gives many persons that are not erased an account with one and the same password.
INSERT INTO account (login, person_id, password_hash)
SELECT login, id, $3 FROM unnest($1::text[], $2::uuid[]) AS new (login, id)
JOIN person USING (id) WHERE erased_at IS NULL
ON CONFLICT (login) DO UPDATE SET password_hash = EXCLUDED.password_hash
WHERE account.password_hash <> EXCLUDED.password_hash;

-- name: put_grants
-- Grants many roles at once and keeps the acts; those that exist stay as they are.
WITH granted AS (
    INSERT INTO role_grant AS g (person_id, role, province, committee, publisher, season, origin)
    SELECT person, role, province, committee, publisher, NULL, $6
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
        AS new (person, role, province, committee, publisher)
    ON CONFLICT DO NOTHING
    RETURNING id, person_id, role, scope_of(g) AS scope
)
INSERT INTO act (kind, person_id, grant_id, role, scope, asked_by)
SELECT 'granted', person_id, id, role, scope, $6 FROM granted;

-- name: find_person_by_login
-- Who signs in by a name.
SELECT person.id, person.name FROM account JOIN person ON person.id = person_id
WHERE login = $1 AND erased_at IS NULL;

-- name: drop_offices
-- Forgets a season's offices, before those of its newest rulebook are put.
DELETE FROM office WHERE season = $1;

-- name: put_office
-- Says which roles an office brings.
INSERT INTO office (season, body, office, roles) VALUES ($1, $2, $3, $4)
ON CONFLICT (season, body, office) DO UPDATE SET roles = EXCLUDED.roles;

-- name: put_seat
-- A person takes a seat.
INSERT INTO seat (season, province, body, office, seat, person_id) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (season, province, body, office, seat) DO UPDATE SET person_id = EXCLUDED.person_id;

-- name: drop_seat
-- A person leaves a seat.
DELETE FROM seat
WHERE season = $1 AND province = $2 AND body = $3 AND office = $4 AND seat = $5 AND person_id = $6;

-- name: find_contact
-- The contact that a nomination named so far.
SELECT person_id FROM contact WHERE nomination = $1;

-- name: put_contact
-- A nomination names its contact.
INSERT INTO contact (nomination, person_id) VALUES ($1, $2)
ON CONFLICT (nomination) DO UPDATE SET person_id = EXCLUDED.person_id;

-- name: grant_appointments
-- Grants what seats (each in its season) and contacts bring to some persons ($1) and to all seated in some seasons ($2);
-- others' grants stay.
WITH granted AS (
    INSERT INTO role_grant AS g (person_id, role, committee, nomination, season, origin)
    SELECT due.person_id, due.role, due.committee, due.nomination, due.season, 'appointment'
    FROM (
        SELECT s.person_id, role, s.province AS committee, NULL::text AS nomination, s.season
        FROM seat s JOIN office o USING (season, body, office) CROSS JOIN unnest(o.roles) AS role
        WHERE s.person_id = ANY($1::uuid[]) OR s.season = ANY($2::text[])
        UNION
        SELECT c.person_id, 'contact', NULL, c.nomination::text, NULL FROM contact c WHERE c.person_id = ANY($1::uuid[])
    ) AS due
    JOIN person ON person.id = due.person_id AND erased_at IS NULL
    ON CONFLICT DO NOTHING
    RETURNING id, person_id, role, scope_of(g) AS scope
)
INSERT INTO act (kind, person_id, grant_id, role, scope, asked_by)
SELECT 'granted', person_id, id, role, scope, 'appointment' FROM granted;

-- name: take_back_appointments
-- Takes back what seats and contacts once brought and no longer do, of the same persons.
WITH revoked AS (
    DELETE FROM role_grant g
    WHERE g.origin = 'appointment'
      AND (g.person_id = ANY($1::uuid[])
           OR g.person_id IN (SELECT person_id FROM seat WHERE season = ANY($2::text[])))
      AND NOT EXISTS (
          SELECT FROM seat s JOIN office o USING (season, body, office)
          WHERE s.person_id = g.person_id AND s.province = g.committee AND s.season = g.season
            AND g.role = ANY(o.roles))
      AND NOT EXISTS (
          SELECT FROM contact c
          WHERE g.role = 'contact' AND c.person_id = g.person_id AND c.nomination::text = g.nomination)
    RETURNING g.id, g.person_id, g.role, scope_of(g) AS scope
)
INSERT INTO act (kind, person_id, grant_id, role, scope, asked_by)
SELECT 'revoked', person_id, id, role, scope, 'appointment' FROM revoked;
