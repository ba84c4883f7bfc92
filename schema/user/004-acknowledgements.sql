-- Replicated, of a device: up to where it holds every log. Bodies go when all devices hold what superseded them.
ALTER TABLE devices ADD COLUMN holds BLOB;
