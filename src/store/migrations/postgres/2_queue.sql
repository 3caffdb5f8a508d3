-- What was used of the farm, in pieces of ten minutes: what a share is counted from.
CREATE TABLE used (
    partner TEXT NOT NULL REFERENCES partners (name),
    priority TEXT NOT NULL,
    piece BIGINT NOT NULL,
    seconds BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (partner, priority, piece)
);
CREATE INDEX used_by_piece ON used (piece);

-- The plugins that a parked build waits for.
CREATE TABLE awaited (
    build TEXT NOT NULL REFERENCES builds (id),
    plugin TEXT NOT NULL,
    PRIMARY KEY (build, plugin)
);
CREATE INDEX awaited_by_plugin ON awaited (plugin);

CREATE INDEX builds_by_plugin ON builds (plugin, id);
CREATE INDEX builds_in_state ON builds (state, id);
CREATE INDEX builds_of_partner ON builds (partner, state);
