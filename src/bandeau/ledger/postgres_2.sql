-- A log of a site: its last signed checkpoint is the truth about it, and every append is a
-- compare-and-swap on it. `clock` is the time of its last clock entry.
CREATE TABLE bandeau.log (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    site integer NOT NULL REFERENCES bandeau.site (id),
    origin text NOT NULL UNIQUE,
    size bigint NOT NULL,
    clock bigint NOT NULL,
    checkpoint bytea NOT NULL
) WITH (fillfactor = 50);

-- The logs of one site, the present one last.
CREATE INDEX log_of_site ON bandeau.log (site, id);

-- The present log of a site. It stands in the site's row because that is what writers lock:
-- whoever waited for a new log to be committed sees it there, and nowhere else.
ALTER TABLE bandeau.site ADD COLUMN log bigint REFERENCES bandeau.log (id);

-- One tile or bundle, as far as it is filled: it only ever grows at its end. `id` is
-- log * 2^36 + (level + 1) * 2^33 + index, so that a log's tiles lie side by side.
CREATE TABLE bandeau.tile (
    id bigint PRIMARY KEY,
    octets bytea NOT NULL
);

-- Hashes do not compress: do not try.
ALTER TABLE bandeau.tile ALTER COLUMN octets SET STORAGE EXTERNAL;

-- Which notices stand in which log: a record may cite them.
CREATE TABLE bandeau.noticed (
    log bigint NOT NULL REFERENCES bandeau.log (id),
    digest bytea NOT NULL,
    PRIMARY KEY (log, digest)
);

-- Where a record stands in a log, and the salt that opens its commitment: a table of its
-- own, so that erasing rewrites little. `id` is log * 2^40 + entry.
CREATE TABLE bandeau.seal (
    id bigint PRIMARY KEY,
    record bigint NOT NULL,
    salt bytea NOT NULL
);

-- The way from a record to its seal; empty for those that no log has.
ALTER TABLE bandeau.record ADD COLUMN seal bigint;

-- ANALYZE keeps examples of what it finds in a column, where no erasing comes: it leaves
-- the salts alone.
ALTER TABLE bandeau.seal ALTER COLUMN salt SET STATISTICS 0;

-- And what a visitor can be known by. The type is what it was; naming it throws away the
-- examples that are kept already, and rewrites nothing.
ALTER TABLE bandeau.record
    ALTER COLUMN request TYPE bytea,
    ALTER COLUMN subject TYPE bytea,
    ALTER COLUMN body TYPE bytea,
    ALTER COLUMN request SET STATISTICS 0,
    ALTER COLUMN subject SET STATISTICS 0,
    ALTER COLUMN body SET STATISTICS 0;
