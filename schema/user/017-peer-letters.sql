-- Words between people that a master carries, for those who want that.

-- Replicated, with 1 for yes.
ALTER TABLE contact_policies ADD COLUMN through_master INTEGER CHECK (through_master IN (0, 1));

-- Replicated.
CREATE TABLE peer_letters (
  space    INTEGER NOT NULL,
  id       TEXT NOT NULL,               -- the other one's DID
  clock    BLOB NOT NULL,
  deleted  INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  said     TEXT CHECK (said IN ('request', 'accept', 'ended')),
  said_at  INTEGER,
  ending   INTEGER CHECK (ending IN (0, 1)),
  heard_at INTEGER,
  PRIMARY KEY (space, id)
) STRICT;
