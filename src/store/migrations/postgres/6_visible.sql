-- When the farm saw, by its public address, that hosts get it.
ALTER TABLE publications ADD COLUMN visible_at BIGINT;
CREATE INDEX publications_unseen ON publications (published_at) WHERE visible_at IS NULL;
CREATE INDEX artifacts_by_attempt ON artifacts (attempt);
