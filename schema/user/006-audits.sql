-- Local: comparisons of all rows with other devices.

CREATE TABLE sync_audits (
  device BLOB PRIMARY KEY,               -- Ed25519 public key
  at     INTEGER NOT NULL,
  result TEXT NOT NULL CHECK (result IN ('same', 'incomparable', 'different'))
) STRICT, WITHOUT ROWID;

-- Both held the same operations and showed different rows.
CREATE TABLE sync_alarms (
  id         INTEGER PRIMARY KEY,
  device     BLOB NOT NULL,
  at         INTEGER NOT NULL,
  rows       INTEGER NOT NULL,
  remade     INTEGER NOT NULL,           -- how many of them were wrong here
  names_json TEXT NOT NULL CHECK (json_valid(names_json))
) STRICT;
