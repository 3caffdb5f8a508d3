CREATE TABLE partners (
    name TEXT PRIMARY KEY,
    weight BIGINT NOT NULL,
    running_cap BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE namespaces (
    name TEXT PRIMARY KEY,
    partner TEXT NOT NULL REFERENCES partners (name),
    created_at BIGINT NOT NULL
);

-- A plugin comes from one repository, and from one folder of it.
CREATE TABLE sources (
    plugin TEXT PRIMARY KEY,
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    url TEXT NOT NULL,
    subdirectory TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX sources_by_url ON sources (url, subdirectory);

-- Only the SHA-256 of a token is kept.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    partner TEXT REFERENCES partners (name),
    scopes TEXT NOT NULL,
    namespaces TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE builds (
    id TEXT PRIMARY KEY,
    partner TEXT NOT NULL REFERENCES partners (name),
    plugin TEXT NOT NULL REFERENCES sources (plugin),
    target TEXT NOT NULL,
    channel TEXT NOT NULL,
    priority TEXT NOT NULL,
    state TEXT NOT NULL,
    url TEXT NOT NULL,
    subdirectory TEXT NOT NULL,
    reference TEXT,
    commit_id TEXT,
    created_at BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    -- How many attempts it had when somebody put it into the queue.
    attempts_before BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL,
    ended_at BIGINT,
    result TEXT,
    cancel_asked BIGINT NOT NULL DEFAULT 0,
    idempotency_key TEXT,
    request_digest TEXT NOT NULL,
    UNIQUE (partner, idempotency_key)
);
CREATE INDEX builds_by_state ON builds (state, created_at);

-- `id` is the one that containers, folders and evidence have.
CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    build TEXT NOT NULL REFERENCES builds (id),
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    worker TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    code TEXT,
    blame TEXT,
    log TEXT,
    UNIQUE (build, number)
);
CREATE INDEX attempts_by_state ON attempts (state, lease_until);
CREATE INDEX attempts_by_end ON attempts (ended_at);

CREATE TABLE stages (
    attempt TEXT NOT NULL REFERENCES attempts (id),
    stage TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    took_ms BIGINT,
    summary TEXT,
    PRIMARY KEY (attempt, stage)
);

CREATE TABLE artifacts (
    build TEXT NOT NULL REFERENCES builds (id),
    attempt TEXT NOT NULL REFERENCES attempts (id),
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    PRIMARY KEY (build, name)
);

CREATE TABLE publications (
    build TEXT PRIMARY KEY REFERENCES builds (id),
    suite TEXT NOT NULL,
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    published_at BIGINT NOT NULL
);

-- At most one row: while it is there, no attempt begins.
CREATE TABLE queue_lock (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    reason TEXT NOT NULL,
    locked_at BIGINT NOT NULL
);

CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
);
