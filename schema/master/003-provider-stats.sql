-- What nodes say of how often something was captured from which provider: counts of the signed record, for adding up.
CREATE TABLE provider_stats (
  did       TEXT   NOT NULL,       -- of the node's own key; of no person
  provider  TEXT   NOT NULL,
  attempts  BIGINT NOT NULL,
  created   BIGINT NOT NULL,
  updated   BIGINT NOT NULL,
  unchanged BIGINT NOT NULL,
  failed    BIGINT NOT NULL,
  PRIMARY KEY (did, provider)
);
