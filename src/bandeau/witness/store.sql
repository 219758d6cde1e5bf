-- found: Say whose store this is, once.
INSERT INTO witness (id, vkey) VALUES (1, :vkey);

-- owner: Whose store this is.
SELECT vkey FROM witness;

-- last: What was cosigned last of one log.
SELECT size, root, at, note FROM cosigned WHERE origin = :origin;

-- keep: What is cosigned now takes the place of what was; the caller holds the write lock.
INSERT INTO cosigned (origin, hash, size, root, at, note)
VALUES (:origin, :hash, :size, :root, :at, :note)
ON CONFLICT (origin) DO UPDATE
SET size = excluded.size, root = excluded.root, at = excluded.at, note = excluded.note;

-- shown: The note of one log, by the hash of its origin.
SELECT note FROM cosigned WHERE hash = :hash;

-- every: Where every log stands.
SELECT origin, size, at FROM cosigned ORDER BY origin;
