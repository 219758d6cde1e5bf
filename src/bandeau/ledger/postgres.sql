-- promises: What the server says about keeping what it acknowledges, and how old it is.
SELECT
    current_setting('server_version_num')::integer,
    current_setting('server_version'),
    current_setting('fsync'),
    current_setting('synchronous_commit');

-- settle: How a connection of ours works, whatever the role, the database or a reload say.
SELECT
    set_config('synchronous_commit', current_setting('synchronous_commit'), false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('lock_timeout', %(lock_ms)s, false),
    set_config('idle_in_transaction_session_timeout', %(idle_ms)s, false);

-- reach: A commit that writes nothing but a mark in the log; it returns when all before it is safe.
SELECT pg_logical_emit_message(true, 'bandeau', '');

-- only_read: A connection for reading cannot write by mistake.
SELECT set_config('default_transaction_read_only', 'on', false);

-- take_turns: Whoever makes or migrates a store waits here for others that do.
SELECT pg_advisory_xact_lock(%(key)s);

-- is_store: Whether there is a schema of our name, anything in it, and our mark.
SELECT
    to_regnamespace('bandeau') IS NOT NULL,
    EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('bandeau')),
    to_regclass('bandeau.version') IS NOT NULL;

-- create_schema: Our own, so that the store may share its database.
CREATE SCHEMA bandeau;

-- version: The version of the schema.
SELECT number FROM bandeau.version;

-- set_version: In the transaction that made it true.
UPDATE bandeau.version SET number = %(version)s;

-- may_write: Whether this user may do what writing takes.
SELECT
    has_table_privilege('bandeau.site', 'INSERT, UPDATE')
    AND has_table_privilege('bandeau.record', 'INSERT')
    AND has_table_privilege('bandeau.tally', 'INSERT')
    AND has_table_privilege('bandeau.tally', 'UPDATE')
    AND has_table_privilege('bandeau.publication', 'INSERT')
    AND has_table_privilege('bandeau.log', 'UPDATE')
    AND has_table_privilege('bandeau.tile', 'INSERT')
    AND has_table_privilege('bandeau.tile', 'UPDATE')
    AND has_table_privilege('bandeau.noticed', 'INSERT')
    AND has_table_privilege('bandeau.seal', 'INSERT');

-- add_site: A site that is there already is left alone, also by two who race; it uses up no number.
INSERT INTO bandeau.site (name)
SELECT %(name)s
WHERE NOT EXISTS (SELECT FROM bandeau.site WHERE name = %(name)s)
ON CONFLICT (name) DO NOTHING;

-- sites: Every site, in the order of their adding.
SELECT name FROM bandeau.site ORDER BY id;

-- site_id: The number of a site; it never changes.
SELECT id FROM bandeau.site WHERE name = %(name)s;

-- size: How many records a site has.
SELECT size FROM bandeau.site WHERE id = %(site)s;

-- stands: The same, and whether it has a log.
SELECT size, log IS NOT NULL FROM bandeau.site WHERE id = %(site)s;

-- hold_site: The same, and nobody else writes to the site until this transaction ends.
SELECT size, log IS NOT NULL FROM bandeau.site WHERE id = %(site)s FOR NO KEY UPDATE;

-- add_notice: The same digest is the same bytes: nothing to write a second time.
INSERT INTO bandeau.notice (digest, body)
VALUES (%(digest)s, %(body)s)
ON CONFLICT (digest) DO NOTHING;

-- publish: The present notice is not published once more; an earlier one is.
INSERT INTO bandeau.publication (site, notice, at)
SELECT %(site)s, %(digest)s, %(at)s
WHERE %(digest)s IS DISTINCT FROM (
    SELECT notice FROM bandeau.publication WHERE site = %(site)s ORDER BY id DESC LIMIT 1
);

-- notices: Every publication of a site, the present one last.
SELECT publication.notice, notice.body, publication.at
FROM bandeau.publication
JOIN bandeau.notice ON notice.digest = publication.notice
WHERE publication.site = %(site)s
ORDER BY publication.id;

-- notice: The bytes of one notice.
SELECT body FROM bandeau.notice WHERE digest = %(digest)s;

-- append: The whole of it in one statement, which is one transaction and one message to the
-- server. The compare-and-swap hits one row, or another writer was first, or the site has a
-- log: then nothing is kept or counted, and no row comes back. A request key that is there
-- already fails it all.
WITH moved AS (
    UPDATE bandeau.site
    SET size = %(size)s
    WHERE id = %(site)s AND size = %(expected_size)s AND log IS NULL
    RETURNING id, size
), kept AS (
    INSERT INTO bandeau.record (id, site, request, subject, day, kind, body)
    SELECT
        %(first)s::bigint + brought.place - 1,
        moved.id,
        brought.request,
        brought.subject,
        brought.day,
        brought.kind,
        brought.body
    FROM moved, unnest(
        %(requests)b::bytea[],
        %(subjects)b::bytea[],
        %(days)s::integer[],
        %(kinds)s::smallint[],
        %(bodies)b::bytea[]
    ) WITH ORDINALITY AS brought (request, subject, day, kind, body, place)
), counted AS (
    INSERT INTO bandeau.tally (site, day, kind, count)
    SELECT moved.id, brought.day, brought.kind, brought.count
    FROM moved, unnest(
        %(tally_days)s::integer[],
        %(tally_kinds)s::smallint[],
        %(tally_counts)s::bigint[]
    ) AS brought (day, kind, count)
    ON CONFLICT (site, day, kind) DO UPDATE SET count = tally.count + excluded.count
)
SELECT size FROM moved;

-- record: One record by its place.
SELECT id, request, subject, body, day, kind FROM bandeau.record WHERE id = %(id)s;

-- find_request: The place that a request key has.
SELECT id FROM bandeau.record WHERE site = %(site)s AND request = %(request)s;

-- find_requests: The places of those request keys that have one.
SELECT request, id
FROM bandeau.record
WHERE site = %(site)s AND request = ANY(%(requests)b::bytea[]);

-- of_subject: The records of one subject, newest first; read from the index backwards.
SELECT id, request, subject, body, day, kind
FROM bandeau.record
WHERE site = %(site)s AND subject = %(subject)s AND id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s;

-- page: A site's records, newest first, from a place on: what came in meanwhile moves nothing.
SELECT id, request, subject, body, day, kind
FROM bandeau.record
WHERE id >= %(first)s AND id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s;

-- tallies: The counts of a site since a day, oldest first.
SELECT day, kind, count
FROM bandeau.tally
WHERE site = %(site)s AND day >= %(since_day)s
ORDER BY day, kind;
