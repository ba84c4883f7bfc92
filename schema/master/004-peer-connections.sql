-- Each person's half of a connection to another one: who wrote to whom, and when. What they wrote is sealed for the
-- recipient's devices. A row is served to these two people alone.
CREATE TABLE peer_connections (
  from_did   TEXT   NOT NULL,
  to_did     TEXT   NOT NULL,
  sequence   BIGINT NOT NULL,
  record     BYTEA  NOT NULL,
  updated_at BIGINT NOT NULL,     -- milliseconds UTC, of this master
  PRIMARY KEY (from_did, to_did)
);
CREATE INDEX peer_connections_to ON peer_connections (to_did, updated_at);
