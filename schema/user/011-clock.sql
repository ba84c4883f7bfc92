-- What was stamped ahead of time.

-- Local: a log whose stamps this device could not check against other devices: kept here and not shown to them.
ALTER TABLE logs ADD COLUMN suspect INTEGER;   -- the log it was begun after; NULL: it is shown

-- Local: every VOID that is stored; whether it counts follows from who wrote it.
CREATE TABLE void_operations (
  log        INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  from_seq   INTEGER NOT NULL,           -- its range begins here
  PRIMARY KEY (log, seq)
) STRICT, WITHOUT ROWID;
