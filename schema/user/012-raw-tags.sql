-- A keyed hash of an export's element that made exactly one conversation: seen again, it need not be parsed.
ALTER TABLE raw_records ADD COLUMN raw_tag TEXT;
CREATE INDEX raw_records_by_tag ON raw_records (raw_tag) WHERE raw_tag IS NOT NULL;
