-- Who holds a token: what they decide carries their name.
ALTER TABLE tokens ADD COLUMN person TEXT;
-- The token that it was made with, and ends with.
ALTER TABLE tokens ADD COLUMN made_with TEXT REFERENCES tokens (id);

CREATE INDEX publications_by_package ON publications (package, version);
