-- What is counted and listed of a large vault without reading all of it.

-- Cache: messages that are there, by conversation. Triggers keep it, whatever writes a message.
CREATE TABLE message_counts (
  space           INTEGER NOT NULL,
  conversation_id TEXT NOT NULL,
  messages        INTEGER NOT NULL,
  PRIMARY KEY (space, conversation_id)
) STRICT, WITHOUT ROWID;
INSERT INTO message_counts
  SELECT space, conversation_id, count(*) FROM messages
  WHERE deleted = 0 AND conversation_id IS NOT NULL GROUP BY space, conversation_id;

CREATE TRIGGER message_counts_insert AFTER INSERT ON messages
WHEN new.deleted = 0 AND new.conversation_id IS NOT NULL
BEGIN
  INSERT INTO message_counts (space, conversation_id, messages) VALUES (new.space, new.conversation_id, 1)
  ON CONFLICT (space, conversation_id) DO UPDATE SET messages = messages + 1;
END;

CREATE TRIGGER message_counts_delete AFTER DELETE ON messages
WHEN old.deleted = 0 AND old.conversation_id IS NOT NULL
BEGIN
  UPDATE message_counts SET messages = messages - 1
  WHERE space = old.space AND conversation_id = old.conversation_id;
  DELETE FROM message_counts WHERE space = old.space AND conversation_id = old.conversation_id AND messages = 0;
END;

CREATE TRIGGER message_counts_update AFTER UPDATE OF space, conversation_id, deleted ON messages
WHEN (old.space, old.conversation_id, old.deleted) IS NOT (new.space, new.conversation_id, new.deleted)
BEGIN
  UPDATE message_counts SET messages = messages - 1
  WHERE old.deleted = 0 AND space = old.space AND conversation_id = old.conversation_id;
  DELETE FROM message_counts WHERE space = old.space AND conversation_id = old.conversation_id AND messages = 0;
  INSERT INTO message_counts (space, conversation_id, messages)
    SELECT new.space, new.conversation_id, 1 WHERE new.deleted = 0 AND new.conversation_id IS NOT NULL
  ON CONFLICT (space, conversation_id) DO UPDATE SET messages = messages + 1;
END;

-- Cache: units, in one row: to count them takes an index of 70 bytes for each.
CREATE TABLE unit_counts (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  units INTEGER NOT NULL
) STRICT;
INSERT INTO unit_counts SELECT 1, count(*) FROM atomic_chat_units;

CREATE TRIGGER unit_counts_insert AFTER INSERT ON atomic_chat_units
BEGIN
  UPDATE unit_counts SET units = units + 1 WHERE id = 1;
END;

CREATE TRIGGER unit_counts_delete AFTER DELETE ON atomic_chat_units
BEGIN
  UPDATE unit_counts SET units = units - 1 WHERE id = 1;
END;

-- Cache: different units of each conversation. What derives a conversation says them.
CREATE TABLE conversation_unit_counts (
  conversation_id TEXT PRIMARY KEY,
  units           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO conversation_unit_counts
  SELECT conversation_id, count(DISTINCT acu_id) FROM acu_occurrences GROUP BY conversation_id;

-- Of conversations: all that is counted of them, and the order they are listed in.
CREATE INDEX conversations_by_state ON conversations (space, deleted, state, provider, id);
CREATE INDEX conversations_by_shown_time ON conversations (space, deleted, ifnull(updated_at, 0), id);
