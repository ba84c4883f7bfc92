-- Who is who. Each row is a cache of the signed record beside it; a reader checks the record before it believes.
-- Keys begin with the DID, and nothing but standard SQL is used, so that the tables can be spread by DID.

CREATE TABLE users (
  did          TEXT   PRIMARY KEY,
  sequence     BIGINT NOT NULL,
  display_name TEXT,
  record       BYTEA  NOT NULL,
  updated_at   BIGINT NOT NULL    -- milliseconds UTC, of this master
);

CREATE TABLE devices (
  did        TEXT   NOT NULL,
  device_did TEXT   NOT NULL,
  sequence   BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,     -- of the device's certificate
  document   BYTEA  NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (did, device_did)
);
