-- Whose store this is: one row, so that no other key ever goes on from it.
CREATE TABLE witness (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    vkey TEXT NOT NULL
) STRICT;

-- What was cosigned last of each log, in one row: its note with the log's lines and ours.
CREATE TABLE cosigned (
    origin TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    at INTEGER NOT NULL,
    note BLOB NOT NULL
) STRICT, WITHOUT ROWID;
