-- Other people: what they are called, how one stands to them, and who may ask.

-- Replicated.
CREATE TABLE petnames (
  space    INTEGER NOT NULL,
  id       TEXT NOT NULL,               -- their DID
  clock    BLOB NOT NULL,
  deleted  INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  name     TEXT,
  named_at INTEGER,
  PRIMARY KEY (space, id)
) STRICT;

CREATE TABLE contacts (
  space         INTEGER NOT NULL,
  id            TEXT NOT NULL,          -- their DID
  clock         BLOB NOT NULL,
  deleted       INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  state         TEXT CHECK (state IN ('requested', 'received', 'accepted', 'removed')),
  blocked       INTEGER CHECK (blocked IN (0, 1)),
  trust         TEXT CHECK (trust IN ('acquaintance', 'trusted', 'close')),
  display_name  TEXT,
  reach_json    TEXT CHECK (json_valid(reach_json)),
  initiated     INTEGER CHECK (initiated IN (0, 1)),
  asked_at      INTEGER,
  accepted_at   INTEGER,
  confirmed_at  INTEGER,
  own_consent   BLOB,
  their_consent BLOB,
  PRIMARY KEY (space, id)
) STRICT;

CREATE TABLE contact_policies (
  space            INTEGER NOT NULL,
  id               TEXT NOT NULL,
  clock            BLOB NOT NULL,
  deleted          INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  who              TEXT CHECK (who IN ('nobody', 'circle_mates', 'anyone')),
  requests_per_day INTEGER,
  PRIMARY KEY (space, id)
) STRICT;

-- Of this device: an invite leads to the node that made it, and that one alone says when it is used.
CREATE TABLE contact_invites (
  id          TEXT PRIMARY KEY,
  secret_hash BLOB NOT NULL UNIQUE,     -- SHA-256; the secret itself is in the invite alone
  petname     TEXT,                     -- for whoever uses it
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  used_by     TEXT,                     -- DID
  used_at     INTEGER
) STRICT;
