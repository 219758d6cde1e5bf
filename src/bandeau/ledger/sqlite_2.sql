-- A log of a site: its last signed checkpoint is the truth about it, and every append is a
-- compare-and-swap on it. `clock` is the time of its last clock entry.
CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    site INTEGER NOT NULL REFERENCES site (id),
    origin TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    clock INTEGER NOT NULL,
    checkpoint BLOB NOT NULL
) STRICT;

-- The logs of one site, the present one last.
CREATE INDEX log_of_site ON log (site);

-- One tile or bundle, as far as it is filled: it only ever grows at its end. `id` is
-- log * 2^36 + (level + 1) * 2^33 + index, so that a log's tiles lie side by side.
CREATE TABLE tile (
    id INTEGER PRIMARY KEY,
    octets BLOB NOT NULL
) STRICT;

-- Which notices stand in which log: a record may cite them.
CREATE TABLE noticed (
    log INTEGER NOT NULL REFERENCES log (id),
    digest BLOB NOT NULL,
    PRIMARY KEY (log, digest)
) STRICT, WITHOUT ROWID;

-- Where a record stands in a log, and the salt that opens its commitment: a table of its
-- own, so that erasing rewrites little. `id` is log * 2^40 + entry.
CREATE TABLE seal (
    id INTEGER PRIMARY KEY,
    record INTEGER NOT NULL,
    salt BLOB NOT NULL
) STRICT;

-- The way from a record to its seal; empty for those that no log has.
ALTER TABLE record ADD COLUMN seal INTEGER;
