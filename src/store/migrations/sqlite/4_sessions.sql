-- Whoever has signed in with a browser. Only the SHA-256 of what its cookie holds is kept.
CREATE TABLE sessions (
    sha256 TEXT PRIMARY KEY,
    token TEXT NOT NULL REFERENCES tokens (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_end ON sessions (expires_at);
