-- Where the past ends: floors, snapshots, and what came too late.

-- Replicated, of a device: the floor it keeps to.
ALTER TABLE devices ADD COLUMN floor TEXT;

-- Replicated.
CREATE TABLE floors (
  space     INTEGER NOT NULL,
  id        TEXT NOT NULL,
  clock     BLOB NOT NULL,
  deleted   INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  terms     BLOB,
  before    INTEGER,
  PRIMARY KEY (space, id)
) STRICT;

-- Local: below these positions the logs here do not tell everything.
CREATE TABLE floor_positions (
  log    INTEGER PRIMARY KEY,
  seq    INTEGER NOT NULL,
  hash   BLOB NOT NULL,
  closed INTEGER NOT NULL CHECK (closed IN (0, 1)), -- 1: nothing after it counts
  holds  INTEGER NOT NULL CHECK (holds IN (0, 1)),  -- 0: not all devices keep to it yet
  kept   INTEGER NOT NULL CHECK (kept IN (0, 1)),   -- 1: its operations are here all the same, without some bodies
  ms      INTEGER,                                  -- of those that are not here, the last stamp that a row has
  counter INTEGER
) STRICT;

-- Local: a snapshot made here for others, or on its way here.
CREATE TABLE snapshots (
  root    BLOB PRIMARY KEY,
  header  BLOB NOT NULL,               -- with its signature
  own     INTEGER NOT NULL CHECK (own IN (0, 1)),
  made_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshot_chunks (
  root     BLOB NOT NULL,
  position INTEGER NOT NULL,
  bytes    BLOB NOT NULL,
  PRIMARY KEY (root, position)
) STRICT, WITHOUT ROWID;

-- Local: rows as the snapshot this vault began again from gave them: what its operations are folded onto.
CREATE TABLE snapshot_rows (
  table_no INTEGER NOT NULL,
  key      TEXT NOT NULL,
  clock    BLOB NOT NULL,
  columns  BLOB NOT NULL,               -- canonical CBOR {column: value}
  PRIMARY KEY (table_no, key)
) STRICT, WITHOUT ROWID;

-- Local: what was written here, or elsewhere, while nobody heard of it, to rows that are gone since.
CREATE TABLE recovered_items (
  id              INTEGER PRIMARY KEY,
  at              INTEGER NOT NULL,     -- when it was written, milliseconds UTC
  device          BLOB NOT NULL,
  table_no        INTEGER NOT NULL,
  key             TEXT NOT NULL,
  conversation_id TEXT,                 -- whose erase takes it along
  body            BLOB NOT NULL         -- one operation that says all that was written
) STRICT;
