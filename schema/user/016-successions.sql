-- Root keys that have a successor: of contacts, and of the person.

-- Replicated.
CREATE TABLE successions (
  space       INTEGER NOT NULL,
  id          TEXT NOT NULL,            -- hex SHA-256 of both DIDs
  clock       BLOB NOT NULL,
  deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  predecessor TEXT,
  successor   TEXT,
  statement   BLOB,
  stated_at   INTEGER,
  seen_at     INTEGER,
  followed_at INTEGER,
  PRIMARY KEY (space, id)
) STRICT;
CREATE INDEX successions_by_predecessor ON successions (predecessor);
CREATE INDEX successions_by_successor ON successions (successor);
