-- Deleted rows of the large tables, looked for every few minutes: an index of these alone costs no other row anything.
CREATE INDEX conversations_deleted ON conversations (space, id) WHERE deleted = 1;
CREATE INDEX messages_deleted ON messages (space, id) WHERE deleted = 1;
CREATE INDEX message_versions_deleted ON message_versions (space, id) WHERE deleted = 1;
CREATE INDEX conversation_tags_deleted ON conversation_tags (space, id) WHERE deleted = 1;
