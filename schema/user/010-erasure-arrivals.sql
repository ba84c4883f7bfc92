-- Local, of an ERASE: when it came, by this device's clock, and the marker of the conversation that lost something.
ALTER TABLE erasures ADD COLUMN arrived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE erasures ADD COLUMN touches BLOB;
CREATE INDEX erasures_by_arrival ON erasures (arrived);
