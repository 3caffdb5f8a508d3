-- What became of packages on hosts, counted by day. Nothing here says which hosts.
CREATE TABLE installations (
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    target TEXT NOT NULL,
    architecture TEXT NOT NULL,
    verb TEXT NOT NULL,
    -- Empty for what went well.
    blame TEXT NOT NULL,
    -- Empty, and -1, where there is none.
    step TEXT NOT NULL,
    exit_status BIGINT NOT NULL,
    -- Days since 1970.
    day BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (package, version, target, architecture, verb, blame, step, exit_status, day)
);
CREATE INDEX installations_by_day ON installations (day);

-- Single reports, for some days: so that one counts once, and one host once. `reporter` is a keyed digest, another one for each
-- version, and empty once it is not needed any more; `verdict` is good, bad, neither or spent.
CREATE TABLE reports (
    id TEXT PRIMARY KEY,
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    reporter TEXT NOT NULL,
    verdict TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX reports_by_version ON reports (package, version, at);
CREATE INDEX reports_bad ON reports (package, version, reporter) WHERE verdict = 'bad';
CREATE INDEX reports_by_time ON reports (at);

-- Roll-outs that the farm has halted.
CREATE TABLE halts (
    id TEXT PRIMARY KEY,
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    suite TEXT NOT NULL,
    failures BIGINT NOT NULL,
    hosts BIGINT NOT NULL,
    halted_at BIGINT NOT NULL,
    -- When somebody was seen to have decided about it.
    over_at BIGINT
);
CREATE UNIQUE INDEX halts_alive ON halts (package, version, suite) WHERE over_at IS NULL;
