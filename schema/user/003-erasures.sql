-- What was erased for good, by whom, and who has no byte of it left.

-- Local: every ERASE this vault knows. Those of one moment share `first`.
CREATE TABLE erasures (
  log      INTEGER NOT NULL,
  seq      INTEGER NOT NULL,
  first    INTEGER NOT NULL,             -- sequence of the first of its run
  at       INTEGER NOT NULL,             -- its stamp, milliseconds UTC
  table_no INTEGER NOT NULL,
  marker   BLOB NOT NULL,
  pending  INTEGER NOT NULL CHECK (pending IN (0, 1)), -- 1: too many at once, not applied yet
  key      TEXT,                         -- of the row that a pending one hides
  PRIMARY KEY (log, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX erasures_by_time ON erasures (at);

-- Replicated, of a device: how far it has purged what was erased, and up to when its mass erasures are confirmed.
ALTER TABLE devices ADD COLUMN purged BLOB;
ALTER TABLE devices ADD COLUMN erasures_confirmed INTEGER;

-- Reasons to hold an operation grow with the program.
CREATE TABLE held_operations_new (
  log    INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  reason TEXT NOT NULL,
  until  INTEGER,
  PRIMARY KEY (log, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO held_operations_new SELECT log, seq, reason, until FROM held_operations;
DROP TABLE held_operations;
ALTER TABLE held_operations_new RENAME TO held_operations;
CREATE INDEX held_operations_by_time ON held_operations (until) WHERE until IS NOT NULL;
