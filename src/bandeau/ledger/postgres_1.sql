-- Which version of this schema the store has; its being there makes a database a store.
CREATE TABLE bandeau.version (
    number integer NOT NULL
);

-- One row, for ever.
INSERT INTO bandeau.version (number) VALUES (0);

-- A site, and how many records it has: the compare-and-swap of every append is on `size`,
-- and its row lock is what puts the writers of a site in order. Half of each page is left
-- free, so that a new `size` finds room beside the old one and touches no index.
CREATE TABLE bandeau.site (
    id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL UNIQUE,
    size bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- A notice under its own digest: never changed, shared by the sites that publish it.
CREATE TABLE bandeau.notice (
    digest text PRIMARY KEY,
    body bytea NOT NULL
);

-- Which notice a site had from when on: the last one is the present one.
CREATE TABLE bandeau.publication (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    site integer NOT NULL REFERENCES bandeau.site (id),
    notice text NOT NULL REFERENCES bandeau.notice (digest),
    at bigint NOT NULL
);

-- The publications of one site are found, in order, without reading those of the others.
CREATE INDEX publication_of_site ON bandeau.publication (site, id);

-- One choice. `id` is site * 2^40 + index, as in SQLite: a site's records have one key
-- space, in order. Numbers stand first, so that nothing is padded. Rows are never updated. What erasing will destroy (salts) gets a narrow
-- table of its own, so that erasing rewrites no record.
CREATE TABLE bandeau.record (
    id bigint PRIMARY KEY,
    site integer NOT NULL,
    day integer NOT NULL,
    kind smallint NOT NULL,
    request bytea NOT NULL,
    subject bytea,
    body bytea NOT NULL
);

-- A request key has one record in its site; time-ordered keys keep this one growing at its end.
CREATE UNIQUE INDEX record_of_request ON bandeau.record (site, request);

-- A visitor without an id (who refused) costs this index nothing. `id` is in it so that the
-- newest of many records are read from its end.
CREATE INDEX record_of_subject ON bandeau.record (site, subject, id) WHERE subject IS NOT NULL;

-- How many choices of which kind on which day: raised by every append, read instead of counting.
CREATE TABLE bandeau.tally (
    site integer NOT NULL,
    day integer NOT NULL,
    kind smallint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (site, day, kind)
) WITH (fillfactor = 50);
