-- Which devices may write, and what of theirs counts.

-- Entries of the person's DID log, sealed cut-offs of revoked devices, and epoch keys wrapped for each device. All are
-- signed by the root key and come from any device.
CREATE TABLE membership_records (
  hash        BLOB PRIMARY KEY,        -- of an entry and of cut-offs what the log names them by; of a wrap, of its bytes
  kind        TEXT NOT NULL CHECK (kind IN ('entry', 'cut-offs', 'epoch')),
  document    BLOB NOT NULL,
  known_since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Operations of a segment beyond this sequence are void: stored, passed on, and without effect. NULL: none is.
ALTER TABLE segments ADD COLUMN counts_to INTEGER;
CREATE INDEX segments_with_void ON segments (log, first) WHERE counts_to IS NOT NULL;
