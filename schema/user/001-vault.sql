-- One person's vault. No user column anywhere: the file is the isolation.
-- Replicated tables: key (space, id), `clock` the packed column stamps, `deleted` column 0 of the merge.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value ANY
) STRICT;

-- Replication -------------------------------------------------------------------------------------------------

CREATE TABLE spaces (
  ref  INTEGER PRIMARY KEY,
  id   BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('private', 'circle'))
) STRICT;

CREATE TABLE logs (
  ref         INTEGER PRIMARY KEY,
  space       INTEGER NOT NULL,
  device      BLOB NOT NULL,
  incarnation BLOB NOT NULL,
  predecessor BLOB,               -- canonical CBOR [sequence, hash] of the previous incarnation's head
  head_seq    INTEGER NOT NULL,   -- 0: nothing yet
  head_hash   BLOB NOT NULL,
  UNIQUE (space, device, incarnation)
) STRICT;

CREATE TABLE sync_operations (
  id         INTEGER PRIMARY KEY,
  log        INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  branch     INTEGER NOT NULL DEFAULT 0,
  hash       BLOB NOT NULL,
  body       BLOB,                -- NULL: hollow
  commitment BLOB,                -- kept only when hollow
  salt       BLOB,                -- kept singly once the segment's seed is dropped
  UNIQUE (log, seq, branch)
) STRICT;

CREATE TABLE segments (
  id              INTEGER PRIMARY KEY,
  log             INTEGER NOT NULL,
  first           INTEGER NOT NULL,
  count           INTEGER NOT NULL,
  bytes           INTEGER NOT NULL,  -- sum of its operations' encoded sizes
  previous_hash   BLOB NOT NULL,
  membership_head BLOB NOT NULL,
  head_hash       BLOB NOT NULL,
  seed            BLOB,              -- NULL once one of its operations is hollow
  closed          INTEGER NOT NULL CHECK (closed IN (0, 1)),
  signature       BLOB NOT NULL,
  UNIQUE (log, first)
) STRICT;

CREATE TABLE erased (
  space      INTEGER NOT NULL,
  table_no   INTEGER NOT NULL,
  marker     BLOB NOT NULL,       -- HMAC-SHA-256(space secret, [table, key])
  PRIMARY KEY (space, table_no, marker)
) STRICT, WITHOUT ROWID;

CREATE TABLE pending_purges (
  id           INTEGER PRIMARY KEY,
  requested_at INTEGER NOT NULL
) STRICT;

-- Facts -------------------------------------------------------------------------------------------------------

CREATE TABLE conversations (
  space              INTEGER NOT NULL,
  id                 TEXT NOT NULL,
  clock              BLOB NOT NULL,
  deleted            INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  provider           TEXT,
  original_id        TEXT,
  source_url         TEXT,
  title              TEXT,
  custom_title       TEXT,
  model              TEXT,
  created_at         INTEGER,
  updated_at         INTEGER,
  captured_at        INTEGER,
  state              TEXT CHECK (state IN ('ACTIVE', 'ARCHIVED')),
  content_hash       TEXT,
  version            INTEGER,
  current_message_id TEXT,
  generation         INTEGER,
  metadata_json      TEXT CHECK (json_valid(metadata_json)),
  PRIMARY KEY (space, id)
) STRICT;
CREATE INDEX conversations_by_time ON conversations (updated_at);

CREATE TABLE messages (
  space           INTEGER NOT NULL,
  id              TEXT NOT NULL,
  clock           BLOB NOT NULL,
  deleted         INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  conversation_id TEXT,
  original_id     TEXT,
  parent_id       TEXT,
  role            TEXT CHECK (role IN ('user', 'assistant', 'system', 'tool')),
  author          TEXT,
  model           TEXT,
  created_at      INTEGER,
  position        INTEGER,
  hidden          INTEGER CHECK (hidden IN (0, 1)),
  version_hash    TEXT,
  metadata_json   TEXT CHECK (json_valid(metadata_json)),
  PRIMARY KEY (space, id)
) STRICT;
CREATE INDEX messages_by_conversation ON messages (conversation_id, position);

CREATE TABLE message_versions (
  space        INTEGER NOT NULL,
  id           TEXT NOT NULL,
  clock        BLOB NOT NULL,
  deleted      INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  message_id   TEXT,
  content_hash TEXT,
  parts_json   TEXT CHECK (json_valid(parts_json)),
  parts_blob   TEXT,
  sealed       BLOB,
  captured_at  INTEGER,
  PRIMARY KEY (space, id)
) STRICT;

CREATE TABLE conversation_tags (
  space           INTEGER NOT NULL,
  id              TEXT NOT NULL,
  clock           BLOB NOT NULL,
  deleted         INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  conversation_id TEXT,
  tag             TEXT,
  PRIMARY KEY (space, id)
) STRICT;
CREATE INDEX conversation_tags_by_conversation ON conversation_tags (conversation_id);

-- Derived: pure functions of live facts and the extractor's version --------------------------------------------

CREATE TABLE atomic_chat_units (
  rowid_ref      INTEGER PRIMARY KEY,  -- what the indexes point at; never shown
  id             TEXT NOT NULL UNIQUE, -- hex SHA3-256 of class and canonical content
  class          TEXT NOT NULL,        -- text, or code:<language>
  content        TEXT NOT NULL,        -- the canonical content; level-5 spans are markers
  context        TEXT NOT NULL,        -- title, headings and author of its first occurrence: searched beside the content
  language       TEXT,
  type           TEXT NOT NULL,
  category       TEXT NOT NULL,
  quality        INTEGER NOT NULL CHECK (quality BETWEEN 0 AND 100),
  security_level INTEGER NOT NULL CHECK (security_level BETWEEN 0 AND 5),
  state          TEXT NOT NULL CHECK (state IN ('DORMANT', 'ACTIVE', 'ARCHIVED'))
) STRICT;

CREATE TABLE acu_occurrences (
  acu_id          TEXT NOT NULL,
  message_id      TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  part            INTEGER NOT NULL,    -- index into the message's parts
  start           INTEGER NOT NULL,    -- UTF-16 offsets into that part's content
  end             INTEGER NOT NULL,
  ordinal         INTEGER NOT NULL,    -- place among the message's units, from 0
  heading         TEXT,                -- the headings above it, outermost first, joined by ' > '
  role            TEXT NOT NULL,
  live            INTEGER NOT NULL,    -- 1 on the shown branch
  created_at      INTEGER,
  type            TEXT NOT NULL,
  category        TEXT NOT NULL,
  quality         INTEGER NOT NULL,
  security_level  INTEGER NOT NULL,
  spans_json      TEXT CHECK (json_valid(spans_json)),  -- [{start, end, level, kind}] in the canonical content
  rules_json      TEXT NOT NULL CHECK (json_valid(rules_json)),
  PRIMARY KEY (message_id, part, start, acu_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX acu_occurrences_by_unit ON acu_occurrences (acu_id);
CREATE INDEX acu_occurrences_by_conversation ON acu_occurrences (conversation_id);

CREATE TABLE acu_links (
  id              TEXT PRIMARY KEY,
  source_id       TEXT NOT NULL,
  target_id       TEXT NOT NULL,
  relation        TEXT NOT NULL,
  weight          INTEGER NOT NULL,    -- thousandths
  rule            TEXT NOT NULL,
  conversation_id TEXT NOT NULL,       -- lowest conversation that gives evidence
  evidence_json   TEXT NOT NULL CHECK (json_valid(evidence_json))
) STRICT;
CREATE INDEX acu_links_by_source ON acu_links (source_id);
CREATE INDEX acu_links_by_target ON acu_links (target_id);

CREATE TABLE topic_profiles (
  id                 TEXT PRIMARY KEY,
  label              TEXT NOT NULL,
  terms_json         TEXT NOT NULL CHECK (json_valid(terms_json)),
  unit_count         INTEGER NOT NULL,
  conversation_count INTEGER NOT NULL,
  first_seen_at      INTEGER,
  last_seen_at       INTEGER
) STRICT;

CREATE TABLE topic_units (
  topic_id TEXT NOT NULL,
  acu_id   TEXT NOT NULL,
  weight   INTEGER NOT NULL,           -- thousandths
  PRIMARY KEY (topic_id, acu_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX topic_units_by_unit ON topic_units (acu_id);

CREATE TABLE topic_conversations (
  topic_id        TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  unit_count      INTEGER NOT NULL,
  PRIMARY KEY (topic_id, conversation_id)
) STRICT, WITHOUT ROWID;

-- Caches ------------------------------------------------------------------------------------------------------

-- External content: the units' own rows. `secure-delete` takes a deleted row's terms out of the segments at once.
CREATE VIRTUAL TABLE unit_index USING fts5 (
  content, context,
  content = 'atomic_chat_units', content_rowid = 'rowid_ref',
  tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO unit_index (unit_index, rank) VALUES ('secure-delete', 1);

-- For scripts without spaces and for pieces of identifiers.
CREATE VIRTUAL TABLE unit_trigram_index USING fts5 (
  content,
  content = 'atomic_chat_units', content_rowid = 'rowid_ref',
  tokenize = 'trigram remove_diacritics 1'
);
INSERT INTO unit_trigram_index (unit_trigram_index, rank) VALUES ('secure-delete', 1);

-- Local: this device's own state -------------------------------------------------------------------------------

CREATE TABLE raw_records (
  conversation_id TEXT NOT NULL,
  content_hash    TEXT NOT NULL,
  captured_at     INTEGER NOT NULL,
  sealed          BLOB NOT NULL,       -- AES-256-GCM over the compressed raw record
  PRIMARY KEY (conversation_id, content_hash)
) STRICT;

CREATE TABLE blobs (
  hash            TEXT NOT NULL,       -- hex SHA-256 of the plain bytes
  conversation_id TEXT NOT NULL,       -- whose erase takes it along
  chunk           INTEGER NOT NULL,
  sealed          BLOB NOT NULL,
  PRIMARY KEY (hash, conversation_id, chunk)
) STRICT;

CREATE TABLE import_jobs (
  id            TEXT PRIMARY KEY,
  state         TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
  source_json   TEXT NOT NULL CHECK (json_valid(source_json)),
  data          BLOB,                  -- sealed upload, when the source is data
  provider      TEXT,
  total         INTEGER,
  position      INTEGER NOT NULL DEFAULT 0,  -- conversations of the source already acknowledged
  created       INTEGER NOT NULL DEFAULT 0,
  updated       INTEGER NOT NULL DEFAULT 0,
  unchanged     INTEGER NOT NULL DEFAULT 0,
  failed        INTEGER NOT NULL DEFAULT 0,
  messages      INTEGER NOT NULL DEFAULT 0,
  again         INTEGER NOT NULL DEFAULT 0,
  queued_at     INTEGER NOT NULL,
  started_at    INTEGER,
  finished_at   INTEGER,
  error_json    TEXT CHECK (json_valid(error_json))
) STRICT;

CREATE TABLE import_report_lines (
  job_id  TEXT NOT NULL,
  kind    TEXT NOT NULL CHECK (kind IN ('skipped', 'error')),
  reason  TEXT NOT NULL,
  place   TEXT NOT NULL,               -- '' for a counted reason
  message TEXT,
  count   INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (job_id, kind, reason, place)
) STRICT;

CREATE TABLE capture_attempts (
  id              INTEGER PRIMARY KEY,
  at              INTEGER NOT NULL,
  provider        TEXT,
  status          TEXT NOT NULL CHECK (status IN ('created', 'updated', 'unchanged', 'failed')),
  error_code      TEXT,
  conversation_id TEXT,
  job_id          TEXT
) STRICT;
CREATE INDEX capture_attempts_by_job ON capture_attempts (job_id) WHERE job_id IS NOT NULL;

-- A conversation that is queued again gets another number, also when the queue was empty in between.
CREATE TABLE derivation_queue (
  number          INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation_id TEXT NOT NULL UNIQUE,
  queued_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX derivation_queue_by_time ON derivation_queue (queued_at, conversation_id);
