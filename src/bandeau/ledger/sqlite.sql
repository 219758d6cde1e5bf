-- add_site: A site that is there already is left alone, also by two who race.
INSERT INTO site (name) VALUES (:name) ON CONFLICT (name) DO NOTHING;

-- sites: Every site, in the order of their adding.
SELECT name FROM site ORDER BY id;

-- site_id: The number of a site; it never changes.
SELECT id FROM site WHERE name = :name;

-- size: How many records a site has.
SELECT size FROM site WHERE id = :site;

-- add_notice: The same digest is the same bytes: nothing to write a second time.
INSERT INTO notice (digest, body) VALUES (:digest, :body) ON CONFLICT (digest) DO NOTHING;

-- publish: The present notice is not published once more; an earlier one is.
INSERT INTO publication (site, notice, at)
SELECT :site, :digest, :at
WHERE :digest IS NOT (
    SELECT notice FROM publication WHERE site = :site ORDER BY id DESC LIMIT 1
);

-- notices: Every publication of a site, the present one last.
SELECT publication.notice, notice.body, publication.at
FROM publication
JOIN notice ON notice.digest = publication.notice
WHERE publication.site = :site
ORDER BY publication.id;

-- notice: The bytes of one notice.
SELECT body FROM notice WHERE digest = :digest;

-- move_on: The compare-and-swap: hits one row, or another writer was first.
UPDATE site SET size = :size WHERE id = :site AND size = :expected_size;

-- has_log: Does a site have a log?
SELECT 1 FROM log WHERE site = :site LIMIT 1;

-- append: One record; a request key that is there already fails it, and with it the batch.
INSERT INTO record (id, site, request, subject, day, kind, body)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- raise_tally: Count in the same transaction, so that the counts are never wrong.
INSERT INTO tally (site, day, kind, count)
VALUES (?, ?, ?, ?)
ON CONFLICT (site, day, kind) DO UPDATE SET count = count + excluded.count;

-- record: One record by its place.
SELECT id, request, subject, body, day, kind FROM record WHERE id = :id;

-- find_request: The place that a request key has.
SELECT id FROM record WHERE site = :site AND request = :request;

-- of_subject: The records of one subject, newest first; read from the index backwards.
SELECT id, request, subject, body, day, kind
FROM record
WHERE site = :site AND subject = :subject AND id < :before
ORDER BY id DESC
LIMIT :limit;

-- page: A site's records, newest first, from a place on: what came in meanwhile moves nothing.
SELECT id, request, subject, body, day, kind
FROM record
WHERE id >= :first AND id < :before
ORDER BY id DESC
LIMIT :limit;

-- tallies: The counts of a site since a day, oldest first.
SELECT day, kind, count
FROM tally
WHERE site = :site AND day >= :since_day
ORDER BY day, kind;
