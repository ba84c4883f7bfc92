-- Logs that two copies of a device wrote apart: one sequence, two hashes.

-- A branch is a log whose `incarnation` is the name of the branch. What was written before the fork stays in `parent`.
ALTER TABLE logs ADD COLUMN origin BLOB;                         -- incarnation its operations are chained under
ALTER TABLE logs ADD COLUMN parent INTEGER;                      -- log that holds the operation before `start`
ALTER TABLE logs ADD COLUMN start INTEGER NOT NULL DEFAULT 1;    -- sequence of its first operation
CREATE INDEX logs_by_parent ON logs (parent) WHERE parent IS NOT NULL;

-- Two signed segments, without what they say, that hold different operations at one sequence.
CREATE TABLE forks (
  space       INTEGER NOT NULL,
  device      BLOB NOT NULL,
  incarnation BLOB NOT NULL,
  seq         INTEGER NOT NULL,
  first       BLOB NOT NULL,
  second      BLOB NOT NULL,
  found_at    INTEGER NOT NULL,
  resolution  BLOB,                  -- signed by a control device
  PRIMARY KEY (space, device, incarnation, seq)
) STRICT, WITHOUT ROWID;
