//! Attempts: each runs under a lease that its worker renews. Whose lease has run out is lost, and the build goes on.

use super::artifacts::{Artifact, Publication};
use super::builds::go;
use super::outbox::post;
use super::parked::{park, wake};
use super::queue::charge;
use super::{Store, StoreError, on, read, transaction};
use crate::model::{Blame, BuildId, BuildState, CommitId, FailureCode, PluginId, Timestamp};

/// Where an attempt is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// A worker runs it.
    Running,
    /// It gave a package.
    Succeeded,
    /// A stage refused or broke.
    Failed,
    /// Somebody asked for it to stop.
    Cancelled,
    /// Its worker died.
    Lost,
}

impl AttemptState {
    /// Its word, as in the API and in the farm's state.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its id, which its containers, its folder and its evidence have.
    pub id: BuildId,
    /// Which of the build's it is, from 1.
    pub number: u32,
    /// [`AttemptState::word`].
    pub state: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it failed.
    pub code: Option<String>,
    /// Whose fault that is.
    pub blame: Option<String>,
    /// The name of its log in its folder.
    pub log: Option<String>,
    /// What the check found the plugin to be, as a JSON object.
    pub plugin: Option<String>,
}

/// An attempt that has just begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Which of the build's attempts it is, from 1.
    pub number: u32,
    /// One more than how many have failed since somebody put the build into the queue.
    pub tries: u32,
}

/// An attempt whose worker died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The attempt.
    pub attempt: BuildId,
    /// Its build.
    pub build: BuildId,
    /// How many attempts of the build were lost since somebody put it into the queue, this one too.
    pub times: u32,
    /// Whether somebody has asked for the build to stop.
    pub cancel_asked: bool,
}

/// How an attempt ended, and what becomes of its build.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The attempt.
    pub attempt: BuildId,
    /// Its build.
    pub build: BuildId,
    /// How it ended.
    pub state: AttemptState,
    /// Why, if it failed.
    pub code: Option<FailureCode>,
    /// The name of its log in its folder.
    pub log: Option<String>,
    /// What becomes of the build.
    pub next: BuildState,
    /// If it goes back into the queue, the earliest time of the next attempt.
    pub not_before: Timestamp,
    /// What it came to, as a JSON object.
    pub result: Option<String>,
    /// What it left.
    pub artifacts: Vec<Artifact>,
    /// What was published.
    pub publication: Option<Publication>,
    /// If the build is parked: the plugins that it waits for.
    pub awaits: Vec<PluginId>,
    /// Whether it counts for the partner's share. What was the fault of the farm or of others does not.
    pub charged: bool,
}

impl Store {
    /// Begins an attempt of a build that waits: from now on it is `worker`'s, until `lease_until`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Transition`] if it does not wait any more.
    pub async fn begin_attempt(
        &self,
        build: &BuildId,
        attempt: &BuildId,
        worker: &str,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        transaction!(self, tx => {
            go!(tx, build, BuildState::Running);
            let (number,): (i64,) = sqlx::query_as("SELECT COUNT(*) + 1 FROM attempts WHERE build = $1")
                .bind(build.as_str())
                .fetch_one(&mut *tx)
                .await?;
            sqlx::query(
                "INSERT INTO attempts (id, build, number, state, worker, lease_until, started_at) \
                 VALUES ($1, $2, $3, 'running', $4, $5, $6)",
            )
            .bind(attempt.as_str())
            .bind(build.as_str())
            .bind(number)
            .bind(worker)
            .bind(lease_until.seconds())
            .bind(now.seconds())
            .execute(&mut *tx)
            .await?;
            // What died with the farm says nothing about the build.
            let (tries,): (i64,) = sqlx::query_as(
                "SELECT COUNT(*) + 1 FROM attempts a JOIN builds b ON b.id = a.build \
                 WHERE b.id = $1 AND a.number > b.attempts_before AND a.state = 'failed'",
            )
            .bind(build.as_str())
            .fetch_one(&mut *tx)
            .await?;
            let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
            Begun { number: count(number), tries: count(tries) }
        })
    }

    /// Prolongs an attempt's lease, and says whether somebody has asked for its build to stop.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] if it does not run any more.
    pub async fn renew(
        &self,
        attempt: &BuildId,
        lease_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = on!(self, pool => sqlx::query_as(
            "UPDATE attempts SET lease_until = $1 WHERE id = $2 AND state = 'running' \
             RETURNING (SELECT cancel_asked FROM builds WHERE builds.id = attempts.build)",
        )
        .bind(lease_until.seconds())
        .bind(attempt.as_str())
        .fetch_optional(pool)
        .await)?;
        match row {
            Some((asked,)) => Ok(asked != 0),
            None => Err(lease_lost(attempt)),
        }
    }

    /// Notes the commit that a build came to: every later attempt builds the same.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn pin(&self, build: &BuildId, commit: &CommitId) -> Result<(), StoreError> {
        on!(self, pool => sqlx::query("UPDATE builds SET commit_id = $1 WHERE id = $2")
            .bind(commit.as_str())
            .bind(build.as_str())
            .execute(pool)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Ends an attempt, with everything that it left, and moves its build on.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] if it does not run any more.
    pub async fn end_attempt(&self, ended: &Ended, now: Timestamp) -> Result<(), StoreError> {
        let (build, attempt) = (ended.build.as_str(), ended.attempt.as_str());
        transaction!(self, tx => {
            let done = sqlx::query(
                "UPDATE attempts SET state = $1, ended_at = $2, code = $3, blame = $4, log = $5 \
                 WHERE id = $6 AND state = 'running'",
            )
            .bind(ended.state.word())
            .bind(now.seconds())
            .bind(ended.code.map(FailureCode::word))
            .bind(ended.code.map(|code| Blame::to_string(&code.blame())))
            .bind(ended.log.as_deref())
            .bind(attempt)
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                return Err(lease_lost(&ended.attempt));
            }
            go!(tx, &ended.build, ended.next);
            let ended_at = ended.next.is_final().then(|| now.seconds());
            sqlx::query(
                "UPDATE builds SET not_before = $1, ended_at = $2, result = COALESCE($3, result) WHERE id = $4",
            )
            .bind(ended.not_before.seconds())
            .bind(ended_at)
            .bind(ended.result.as_deref())
            .bind(build)
            .execute(&mut *tx)
            .await?;
            park!(tx, build, &ended.awaits);
            if ended.charged {
                charge!(tx, attempt, now);
            }
            sqlx::query("DELETE FROM artifacts WHERE build = $1").bind(build).execute(&mut *tx).await?;
            for Artifact { name, sha256, size, .. } in &ended.artifacts {
                sqlx::query("INSERT INTO artifacts (build, attempt, name, sha256, size) VALUES ($1, $2, $3, $4, $5)")
                    .bind(build)
                    .bind(attempt)
                    .bind(name)
                    .bind(sha256.to_string())
                    .bind(i64::try_from(*size).unwrap_or(i64::MAX))
                    .execute(&mut *tx)
                    .await?;
            }
            if let Some(Publication { suite, package, version, .. }) = &ended.publication {
                sqlx::query(
                    "INSERT INTO publications (build, suite, package, version, published_at) VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(build)
                .bind(suite)
                .bind(package)
                .bind(version)
                .bind(now.seconds())
                .execute(&mut *tx)
                .await?;
                let (plugin, channel, target): (String, String, String) =
                    sqlx::query_as("SELECT plugin, channel, target FROM builds WHERE id = $1")
                        .bind(build)
                        .fetch_one(&mut *tx)
                        .await?;
                wake!(tx, now, plugin, channel, target);
            }
            post!(tx, ended, now);
        })
    }

    /// The attempts whose worker is dead: those of `worker`, of which the caller knows that it is, and those whose lease has
    /// run out.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn lost(
        &self,
        worker: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Lost>, StoreError> {
        let rows: Vec<(String, String, i64, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT a.id, b.id, b.cancel_asked, (SELECT COUNT(*) FROM attempts o WHERE o.build = b.id \
             AND o.number > b.attempts_before AND o.state IN ('lost', 'running')) \
             FROM attempts a JOIN builds b ON b.id = a.build \
             WHERE a.state = 'running' AND (a.lease_until <= $1 OR a.worker = $2) ORDER BY a.id",
        )
        .bind(now.seconds())
        .bind(worker.unwrap_or_default())
        .fetch_all(pool)
        .await)?;
        let lost = |(attempt, build, asked, times): (String, String, i64, i64)| {
            Ok(Lost {
                attempt: read("attempts.id", attempt)?,
                build: read("builds.id", build)?,
                times: u32::try_from(times).unwrap_or(u32::MAX),
                cancel_asked: asked != 0,
            })
        };
        rows.into_iter().map(lost).collect()
    }

    /// The attempts of a build, in their order.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn attempts(&self, build: &BuildId) -> Result<Vec<Attempt>, StoreError> {
        type Row = (
            String,
            i64,
            String,
            i64,
            Option<i64>,
            Option<String>,
            Option<String>,
            Option<String>,
            Option<String>,
        );
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(
            "SELECT id, number, state, started_at, ended_at, code, blame, log, plugin FROM attempts WHERE build = $1 ORDER BY number",
        )
        .bind(build.as_str())
        .fetch_all(pool)
        .await)?;
        let attempt = |(id, number, state, started, ended, code, blame, log, plugin): Row| {
            Ok(Attempt {
                id: read("attempts.id", id)?,
                number: u32::try_from(number).unwrap_or(u32::MAX),
                state,
                started_at: Timestamp::from_seconds(started),
                ended_at: ended.map(Timestamp::from_seconds),
                code,
                blame,
                log,
                plugin,
            })
        };
        rows.into_iter().map(attempt).collect()
    }
}

fn lease_lost(attempt: &BuildId) -> StoreError {
    StoreError::LeaseLost {
        attempt: attempt.clone(),
    }
}
