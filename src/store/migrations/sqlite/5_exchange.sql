-- A private source is shown to its partner and to auditors alone.
ALTER TABLE sources ADD COLUMN private BIGINT NOT NULL DEFAULT 0;

-- What opens a source's repository, sealed with a key that is in no database.
CREATE TABLE credentials (
    plugin TEXT PRIMARY KEY REFERENCES sources (plugin),
    kind TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- What of a source is built by itself. `lists` is how often its repository is asked what it has, in seconds; 0 is never.
CREATE TABLE watches (
    plugin TEXT PRIMARY KEY REFERENCES sources (plugin),
    branches TEXT NOT NULL,
    tags TEXT NOT NULL,
    target TEXT NOT NULL,
    channel TEXT NOT NULL,
    lists BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    -- Whether it was ever known what the repository has.
    known BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    problem TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX watches_by_time ON watches (next_at);

-- What a watched repository had when it was asked last.
CREATE TABLE heads (
    plugin TEXT NOT NULL REFERENCES watches (plugin) ON DELETE CASCADE,
    reference TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    PRIMARY KEY (plugin, reference)
);

CREATE TABLE hooks (
    id TEXT PRIMARY KEY,
    plugin TEXT NOT NULL REFERENCES sources (plugin),
    forge TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX hooks_by_plugin ON hooks (plugin);

-- What came in by a hook. Its own key, which the forge gives, is taken from those alone who know the secret.
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    hook TEXT NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    delivery TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    event TEXT NOT NULL,
    reference TEXT,
    commit_id TEXT,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    build TEXT,
    UNIQUE (hook, delivery)
);

-- Who is told of outcomes.
CREATE TABLE subscriptions (
    id TEXT PRIMARY KEY,
    partner TEXT NOT NULL REFERENCES partners (name),
    plugin TEXT REFERENCES sources (plugin),
    kind TEXT NOT NULL,
    address TEXT NOT NULL,
    events TEXT NOT NULL,
    sealed TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX subscriptions_by_partner ON subscriptions (partner);

-- What a plugin's last build came to, for each of its targets and channels.
CREATE TABLE outcomes (
    plugin TEXT NOT NULL,
    target TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (plugin, target, channel)
);

-- What is to be told: written with the outcome itself, before anything is sent.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    build TEXT NOT NULL,
    attempt TEXT NOT NULL,
    event TEXT NOT NULL,
    result TEXT,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL,
    problem TEXT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    UNIQUE (subscription, attempt)
);
CREATE INDEX outbox_by_state ON outbox (state, not_before);
