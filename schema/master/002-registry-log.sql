-- What else is signed about a person: entries of the DID log, and what is sealed beside them for their devices.
CREATE TABLE signed_records (
  did        TEXT   NOT NULL,
  kind       TEXT   NOT NULL,
  subject    TEXT   NOT NULL,
  sequence   BIGINT NOT NULL,
  record     BYTEA  NOT NULL,
  updated_at BIGINT NOT NULL,     -- milliseconds UTC, of this master
  PRIMARY KEY (did, kind, subject)
);

-- The Merkle log of every record that was accepted: hashes of its complete subtrees (RFC 6962), level 0 being leaves.
CREATE TABLE registry_log (
  level    SMALLINT NOT NULL,
  position BIGINT   NOT NULL,
  hash     BYTEA    NOT NULL,
  PRIMARY KEY (level, position)
);
CREATE INDEX registry_log_hash ON registry_log (hash);

-- One row. Generation 0: nothing was logged yet, whatever the tables hold.
CREATE TABLE registry_head (
  one        SMALLINT PRIMARY KEY CHECK (one = 1),
  generation BIGINT   NOT NULL,
  size       BIGINT   NOT NULL
);
INSERT INTO registry_head (one, generation, size) VALUES (1, 0, 0);
