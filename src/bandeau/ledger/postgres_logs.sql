-- create_log: A log and its first step, in one statement. A name that is taken gives no row, also
-- to one of two who race; it uses up no number.
WITH held AS (
    SELECT id FROM bandeau.site WHERE id = %(site)s FOR NO KEY UPDATE
), begun AS (
    INSERT INTO bandeau.log (site, origin, size, clock, checkpoint)
    SELECT held.id, %(origin)s, %(log_size)s, %(clock)s, %(checkpoint)s
    FROM held
    WHERE NOT EXISTS (SELECT FROM bandeau.log WHERE origin = %(origin)s)
    ON CONFLICT (origin) DO NOTHING
    RETURNING id, site
), pointed AS (
    UPDATE bandeau.site SET log = begun.id FROM begun WHERE site.id = begun.site
), put AS (
    INSERT INTO bandeau.tile (id, octets)
    SELECT
        (((begun.id << 3) | (brought.level + 1)) << 33) | brought.place,
        brought.octets
    FROM begun, unnest(
        %(levels)s::bigint[],
        %(places)s::bigint[],
        %(octets)b::bytea[]
    ) AS brought (level, place, octets)
), marked AS (
    INSERT INTO bandeau.noticed (log, digest)
    SELECT begun.id, brought.digest
    FROM begun, unnest(%(noticed)b::bytea[]) AS brought (digest)
)
SELECT id FROM begun;

-- logs: Every log of a site, the present one last.
SELECT origin, size, clock, checkpoint FROM bandeau.log WHERE site = %(site)s ORDER BY id;

-- log_of_origin: One log by its name.
SELECT id, size, clock, checkpoint FROM bandeau.log WHERE origin = %(origin)s;

-- one_moment: What this transaction reads is what there was when it first read.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- tiles: The tiles of these numbers, as far as they are there.
SELECT id, octets FROM bandeau.tile WHERE id = ANY(%(ids)s::bigint[]);

-- noticed: All notices that stand in a log.
SELECT digest FROM bandeau.noticed WHERE log = %(log)s;

-- append_logged: The whole of it in one statement, as `append` is. Both rows are locked, the
-- site's first, before anything is compared for good: where size, log or checkpoint are
-- others, nothing is kept, put or counted, and no row comes back. A tile replaces a shorter
-- one of its name, never a longer one. A request key that is there already fails it all.
WITH ready AS (
    SELECT site.id AS site, log.id AS log
    FROM bandeau.site
    JOIN bandeau.log ON log.id = site.log
    WHERE site.id = %(site)s
        AND site.size = %(expected_size)s
        AND log.origin = %(origin)s
        AND log.checkpoint = %(before)s
    FOR NO KEY UPDATE
), moved AS (
    UPDATE bandeau.site SET size = %(size)s FROM ready WHERE site.id = ready.site
), signed AS (
    UPDATE bandeau.log
    SET size = %(log_size)s, clock = %(clock)s, checkpoint = %(checkpoint)s
    FROM ready
    WHERE log.id = ready.log
), put AS (
    INSERT INTO bandeau.tile (id, octets)
    SELECT
        (((ready.log << 3) | (brought.level + 1)) << 33) | brought.place,
        brought.octets
    FROM ready, unnest(
        %(levels)s::bigint[],
        %(places)s::bigint[],
        %(octets)b::bytea[]
    ) AS brought (level, place, octets)
    ON CONFLICT (id) DO UPDATE SET octets = excluded.octets
    WHERE length(excluded.octets) >= length(tile.octets)
), marked AS (
    INSERT INTO bandeau.noticed (log, digest)
    SELECT ready.log, brought.digest
    FROM ready, unnest(%(noticed)b::bytea[]) AS brought (digest)
), kept AS (
    INSERT INTO bandeau.record (id, site, request, subject, day, kind, body, seal)
    SELECT
        %(first)s::bigint + brought.place - 1,
        ready.site,
        brought.request,
        brought.subject,
        brought.day,
        brought.kind,
        brought.body,
        (ready.log << 40) | brought.entry
    FROM ready, unnest(
        %(requests)b::bytea[],
        %(subjects)b::bytea[],
        %(days)s::integer[],
        %(kinds)s::smallint[],
        %(bodies)b::bytea[],
        %(entries)s::bigint[]
    ) WITH ORDINALITY AS brought (request, subject, day, kind, body, entry, place)
), sealed AS (
    INSERT INTO bandeau.seal (id, record, salt)
    SELECT
        (ready.log << 40) | brought.entry,
        %(first)s::bigint + brought.place - 1,
        brought.salt
    FROM ready, unnest(
        %(entries)s::bigint[],
        %(salts)b::bytea[]
    ) WITH ORDINALITY AS brought (entry, salt, place)
), counted AS (
    INSERT INTO bandeau.tally (site, day, kind, count)
    SELECT ready.site, brought.day, brought.kind, brought.count
    FROM ready, unnest(
        %(tally_days)s::integer[],
        %(tally_kinds)s::smallint[],
        %(tally_counts)s::bigint[]
    ) AS brought (day, kind, count)
    ON CONFLICT (site, day, kind) DO UPDATE SET count = tally.count + excluded.count
)
SELECT site FROM ready;

-- erase: What opens a range of entries, and the step that says so, in one statement; where the
-- checkpoint is another, nothing is erased, and no row comes back.
WITH ready AS (
    SELECT site.id AS site, log.id AS log
    FROM bandeau.site
    JOIN bandeau.log ON log.id = site.log
    WHERE site.id = %(site)s
        AND log.origin = %(origin)s
        AND log.checkpoint = %(before)s
    FOR NO KEY UPDATE
), signed AS (
    UPDATE bandeau.log
    SET size = %(log_size)s, clock = %(clock)s, checkpoint = %(checkpoint)s
    FROM ready
    WHERE log.id = ready.log
), put AS (
    INSERT INTO bandeau.tile (id, octets)
    SELECT
        (((ready.log << 3) | (brought.level + 1)) << 33) | brought.place,
        brought.octets
    FROM ready, unnest(
        %(levels)s::bigint[],
        %(places)s::bigint[],
        %(octets)b::bytea[]
    ) AS brought (level, place, octets)
    ON CONFLICT (id) DO UPDATE SET octets = excluded.octets
    WHERE length(excluded.octets) >= length(tile.octets)
), marked AS (
    INSERT INTO bandeau.noticed (log, digest)
    SELECT ready.log, brought.digest
    FROM ready, unnest(%(noticed)b::bytea[]) AS brought (digest)
), unsealed AS (
    DELETE FROM bandeau.seal
    USING ready
    WHERE seal.id >= (ready.log << 40) + %(first)s AND seal.id < (ready.log << 40) + %(end)s
    RETURNING seal.record
), gone AS (
    DELETE FROM bandeau.record USING unsealed WHERE record.id = unsealed.record
)
SELECT site FROM ready;

-- tile: One tile of a log; nothing in the row where the log has none, no row without the log.
SELECT tile.octets
FROM bandeau.log
LEFT JOIN bandeau.tile ON
    tile.id = ((((log.id << 3) | (%(level)s::bigint + 1)) << 33) | %(place)s::bigint)
WHERE log.origin = %(origin)s;

-- seal_of: Where a record stands in a log, and what opens it.
SELECT log.origin, seal.id, seal.salt
FROM bandeau.record
JOIN bandeau.seal ON seal.id = record.seal
JOIN bandeau.log ON log.id = seal.id >> 40
WHERE record.id = %(id)s;

-- last_of_subjects: What was last logged of each subject; no row for one of whom nothing was.
SELECT brought.subject, last.salt, last.body
FROM unnest(%(subjects)b::bytea[]) AS brought (subject)
CROSS JOIN LATERAL (
    SELECT seal.salt, record.body
    FROM bandeau.record
    JOIN bandeau.seal ON seal.id = record.seal
    WHERE record.site = %(site)s AND record.subject = brought.subject
    ORDER BY record.id DESC
    LIMIT 1
) AS last;

-- openings: What opens the entries of a log from one on, in their order.
SELECT seal.id, seal.salt, record.body
FROM bandeau.seal
JOIN bandeau.record ON record.id = seal.record
WHERE seal.id >= %(first)s AND seal.id < %(end)s
ORDER BY seal.id
LIMIT %(limit)s;

-- entries_of_subject: Where the records of a subject stand in its site's present log.
SELECT seal.id
FROM bandeau.record
JOIN bandeau.seal ON seal.id = record.seal
JOIN bandeau.site ON site.id = record.site
WHERE record.site = %(site)s AND record.subject = %(subject)s AND seal.id >> 40 = site.log
ORDER BY seal.id;

-- may_scrub: Whether the tables are this user's: PostgreSQL passes over those of others.
SELECT bool_and(pg_has_role(relowner, 'USAGE'))
FROM pg_class
WHERE oid IN ('bandeau.seal'::regclass, 'bandeau.record'::regclass);

-- scrub: Both tables and their indexes written anew, without what was deleted. Cannot stand in a
-- transaction; what it says tells how many deleted rows it had to keep.
VACUUM (FULL, VERBOSE) bandeau.seal, bandeau.record;
