-- log: The present log of a site, if it has one.
SELECT id, origin, size, clock, checkpoint FROM log WHERE site = :site ORDER BY id DESC LIMIT 1;

-- logs: Every log of a site, the present one last.
SELECT origin, size, clock, checkpoint FROM log WHERE site = :site ORDER BY id;

-- log_of_origin: One log by its name.
SELECT id, size, clock, checkpoint FROM log WHERE origin = :origin;

-- add_log: A name that is taken fails.
INSERT INTO log (site, origin, size, clock, checkpoint)
VALUES (:site, :origin, :size, :clock, :checkpoint);

-- move_log: The compare-and-swap: hits one row, or another writer was first.
UPDATE log SET size = :size, clock = :clock, checkpoint = :checkpoint
WHERE id = :log AND checkpoint = :before;

-- size_of_site: How many records the site has, for whoever lost the race.
SELECT size FROM site WHERE id = :site;

-- put_tile: A tile replaces a shorter one of its name; never a longer one.
INSERT INTO tile (id, octets) VALUES (?, ?)
ON CONFLICT (id) DO UPDATE SET octets = excluded.octets
WHERE length(excluded.octets) >= length(tile.octets);

-- tile: The bytes of one tile.
SELECT octets FROM tile WHERE id = :id;

-- add_noticed: A notice that stands in a log from now on.
INSERT INTO noticed (log, digest) VALUES (?, ?);

-- noticed: All notices that stand in a log.
SELECT digest FROM noticed WHERE log = :log;

-- append: One record with its seal; a request key that is there already fails it.
INSERT INTO record (id, site, request, subject, day, kind, body, seal)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- add_seal: What opens a record's commitment.
INSERT INTO seal (id, record, salt) VALUES (?, ?, ?);

-- seal_of: Where a record stands in a log, and what opens it.
SELECT log.origin, seal.id, seal.salt
FROM record
JOIN seal ON seal.id = record.seal
JOIN log ON log.id = seal.id >> 40
WHERE record.id = :id;

-- last_of_subject: What was last logged of a subject.
SELECT seal.salt, record.body
FROM record
JOIN seal ON seal.id = record.seal
WHERE record.site = :site AND record.subject = :subject
ORDER BY record.id DESC
LIMIT 1;

-- openings: What opens the entries of a log from one on, in their order.
SELECT seal.id, seal.salt, record.body
FROM seal
JOIN record ON record.id = seal.record
WHERE seal.id >= :first AND seal.id < :end
ORDER BY seal.id
LIMIT :limit;

-- erase_records: The records of a range of entries.
DELETE FROM record WHERE id IN (SELECT record FROM seal WHERE id >= :first AND id < :end);

-- erase_seals: What opened them.
DELETE FROM seal WHERE id >= :first AND id < :end;

-- entries_of_subject: Where the records of a subject stand in a log.
SELECT seal.id
FROM record
JOIN seal ON seal.id = record.seal
WHERE record.site = :site AND record.subject = :subject AND seal.id >> 40 = :log
ORDER BY seal.id;
