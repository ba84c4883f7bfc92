-- Counters and texts that several devices change at once.

-- Replicated.
CREATE TABLE notebooks (
  space       INTEGER NOT NULL,
  id          TEXT NOT NULL,
  clock       BLOB NOT NULL,
  deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  name        TEXT,
  description TEXT,
  icon        TEXT,
  color       TEXT,
  is_default  INTEGER CHECK (is_default IN (0, 1)),
  created_at  INTEGER,
  PRIMARY KEY (space, id)
) STRICT;

CREATE TABLE notebook_entries (
  space       INTEGER NOT NULL,
  id          TEXT NOT NULL,
  clock       BLOB NOT NULL,
  deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  notebook_id TEXT,
  acu_id      TEXT,
  title       TEXT,
  body        TEXT,                     -- what its accepted updates make of it
  sort_order  REAL,
  added_at    INTEGER,
  tally       INTEGER,                  -- the sum of its cells
  PRIMARY KEY (space, id)
) STRICT;
CREATE INDEX notebook_entries_by_notebook ON notebook_entries (notebook_id, sort_order);

CREATE TABLE annotations (
  space      INTEGER NOT NULL,
  id         TEXT NOT NULL,
  clock      BLOB NOT NULL,
  deleted    INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  acu_id     TEXT,
  conversation_id TEXT,
  message_id TEXT,
  start      INTEGER,
  end        INTEGER,
  type       TEXT CHECK (type IN ('comment', 'tag', 'rating', 'correction', 'question')),
  note       TEXT,                      -- what its accepted updates make of it
  author_did TEXT,
  created_at INTEGER,
  PRIMARY KEY (space, id)
) STRICT;
CREATE INDEX annotations_by_conversation ON annotations (conversation_id, message_id);
CREATE INDEX annotations_by_unit ON annotations (acu_id);

-- Local: which updates of a text there are and count. Their bytes stand in the log, and together in the document.
CREATE TABLE text_updates (
  space     INTEGER NOT NULL,
  table_no  INTEGER NOT NULL,
  key       TEXT NOT NULL,
  column_no INTEGER NOT NULL,
  log       INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  stamp     BLOB NOT NULL,              -- 8 bytes: within a log they grow
  client    INTEGER NOT NULL,           -- of the log and the editing session
  clock     INTEGER,                    -- characters that client has written up to here; NULL: it does not count
  hash      BLOB NOT NULL,
  PRIMARY KEY (space, table_no, key, column_no, log, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE text_documents (
  space     INTEGER NOT NULL,
  table_no  INTEGER NOT NULL,
  key       TEXT NOT NULL,
  column_no INTEGER NOT NULL,
  state     BLOB NOT NULL,
  PRIMARY KEY (space, table_no, key, column_no)
) STRICT;

CREATE TABLE counter_cells (
  space     INTEGER NOT NULL,
  table_no  INTEGER NOT NULL,
  key       TEXT NOT NULL,
  column_no INTEGER NOT NULL,
  log       INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  stamp     BLOB NOT NULL,              -- 8 bytes, of the operation that says so
  value     INTEGER NOT NULL,           -- what the log contributes
  PRIMARY KEY (space, table_no, key, column_no, log)
) STRICT, WITHOUT ROWID;

-- Local: what a snapshot gave of counters and texts; operations that are here are folded onto it.
CREATE TABLE snapshot_changes (
  table_no  INTEGER NOT NULL,
  key       TEXT NOT NULL,
  column_no INTEGER NOT NULL,
  log       INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  ms        INTEGER NOT NULL,
  counter   INTEGER NOT NULL,
  hash      BLOB NOT NULL,              -- first 8 bytes of the operation's
  value     BLOB NOT NULL,              -- canonical CBOR
  PRIMARY KEY (table_no, key, column_no, log, seq)
) STRICT, WITHOUT ROWID;
