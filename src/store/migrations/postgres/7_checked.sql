-- What the check found the plugin to be, as a JSON object.
ALTER TABLE attempts ADD COLUMN plugin TEXT;
