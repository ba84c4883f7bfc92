-- What a vault keeps of the person's other devices.

-- Replicated: what a person calls their devices, keyed by the device's DID.
CREATE TABLE devices (
  space   INTEGER NOT NULL,
  id      TEXT NOT NULL,
  clock   BLOB NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  name    TEXT,
  PRIMARY KEY (space, id)
) STRICT;

-- Local: member documents as their devices signed them; who is not here writes nothing.
CREATE TABLE members (
  device      BLOB PRIMARY KEY,        -- Ed25519 public key
  document    BLOB NOT NULL,
  sequence    INTEGER NOT NULL,
  known_since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE device_presence (
  device       BLOB PRIMARY KEY,
  last_seen_at INTEGER NOT NULL,
  in_sync_at   INTEGER                 -- when both last held the same
) STRICT, WITHOUT ROWID;

-- What a device said it holds durably.
CREATE TABLE sync_cursors (
  device          BLOB NOT NULL,
  log             INTEGER NOT NULL,
  sequence        INTEGER NOT NULL,
  acknowledged_at INTEGER NOT NULL,
  PRIMARY KEY (device, log)
) STRICT, WITHOUT ROWID;

-- Verified, stored and chained, but not merged yet: stamped ahead of time, or of a table or column of a newer program.
CREATE TABLE held_operations (
  log    INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('future', 'schema')),
  until  INTEGER,                      -- when it is due; NULL: with a newer program
  PRIMARY KEY (log, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_operations_by_time ON held_operations (until) WHERE until IS NOT NULL;

-- Pieces of blobs on the way here, sealed like the blobs.
CREATE TABLE blob_pieces (
  hash     TEXT NOT NULL,
  position INTEGER NOT NULL,           -- bytes before it
  length   INTEGER NOT NULL,
  sealed   BLOB NOT NULL,
  PRIMARY KEY (hash, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX message_versions_by_blob ON message_versions (parts_blob) WHERE parts_blob IS NOT NULL;
