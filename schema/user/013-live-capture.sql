-- Folders that are followed, and what was read of them.

CREATE TABLE capture_watches (
  id          TEXT PRIMARY KEY,
  path        TEXT NOT NULL UNIQUE,
  provider    TEXT,                     -- only files of this one
  created_at  INTEGER NOT NULL,
  looked_at   INTEGER,                  -- when all of it was read last
  created     INTEGER NOT NULL DEFAULT 0,
  updated     INTEGER NOT NULL DEFAULT 0,
  error_code  TEXT                      -- why the last look failed
) STRICT;

CREATE TABLE capture_watch_files (
  watch_id TEXT NOT NULL,
  name     TEXT NOT NULL,               -- relative to the folder
  state    TEXT NOT NULL,               -- size and time of change as it was read
  PRIMARY KEY (watch_id, name)
) STRICT, WITHOUT ROWID;

-- The share link a capture came from: whoever has it can read what it shows, so it stays with the user.
ALTER TABLE capture_attempts ADD COLUMN source_url TEXT;
