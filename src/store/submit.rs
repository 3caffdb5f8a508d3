//! How a build comes to be.

use super::audit::note;
use super::{Store, StoreError, read, transaction};
use crate::model::{Actor, BuildId, Channel, PluginId, Priority, Sha256, Target, Timestamp};

/// A build that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The id that it gets.
    pub id: BuildId,
    /// Whose it is.
    pub partner: Actor,
    /// The plugin.
    pub plugin: PluginId,
    /// The repository's URL, without a credential.
    pub url: String,
    /// The plugin's folder in it; empty for the root.
    pub subdirectory: String,
    /// The branch, tag or commit; none means the default branch.
    pub reference: Option<String>,
    /// The Debian release to build for.
    pub target: Target,
    /// The channel to publish in.
    pub channel: Channel,
    /// How urgent it is.
    pub priority: Priority,
    /// What makes asking twice the same as asking once; the partner's own.
    pub idempotency_key: Option<String>,
    /// Who asks, for the audit.
    pub actor: String,
    /// How many builds of the partner may wait, this one too.
    pub most_waiting: u32,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The build.
    pub build: BuildId,
    /// Whether it is new; else it is the one that the same key asked for before.
    pub fresh: bool,
    /// The builds whose place it took.
    pub superseded: Vec<BuildId>,
}

impl Submission {
    /// What must be the same for an idempotency key to mean the same.
    fn digest(&self) -> String {
        let Self {
            plugin,
            url,
            subdirectory,
            target,
            channel,
            priority,
            ..
        } = self;
        let reference = self.reference.as_deref().unwrap_or_default();
        // No part holds a line end.
        let text = format!(
            "{plugin}\n{url}\n{subdirectory}\n{reference}\n{target}\n{channel}\n{priority}"
        );
        Sha256::of(text.as_bytes()).to_string()
    }
}

/// Refuses a submission of a partner of whom as many builds wait as may.
macro_rules! has_room {
    ($tx:expr, $submission:expr) => {{
        let Submission {
            partner,
            most_waiting,
            ..
        } = $submission;
        let (waiting,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM builds WHERE partner = $1 AND state IN ('queued', 'parked')",
        )
        .bind(partner.as_str())
        .fetch_one(&mut *$tx)
        .await?;
        if waiting >= i64::from(*most_waiting) {
            return Err(StoreError::QueueFull {
                partner: partner.clone(),
                waiting: waiting.unsigned_abs(),
            });
        }
    }};
}

impl Store {
    /// Puts a build into the queue. An older one of the same plugin, target and channel that still waits is superseded. A
    /// plugin's first submission binds it to its repository.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotOwner`], [`StoreError::SourceBound`], [`StoreError::QueueFull`], [`StoreError::KeyReused`].
    pub async fn submit(
        &self,
        submission: &Submission,
        now: Timestamp,
    ) -> Result<Submitted, StoreError> {
        let Submission {
            id,
            plugin,
            target,
            channel,
            actor,
            ..
        } = submission;
        let (digest, plugin_text) = (submission.digest(), plugin.to_string());
        transaction!(self, tx => {
            if let Some(key) = &submission.idempotency_key {
                let known: Option<(String, String)> = sqlx::query_as(
                    "SELECT id, request_digest FROM builds WHERE partner = $1 AND idempotency_key = $2",
                )
                .bind(submission.partner.as_str())
                .bind(key)
                .fetch_optional(&mut *tx)
                .await?;
                match known {
                    Some((_, other)) if other != digest => return Err(StoreError::KeyReused),
                    Some((build, _)) => {
                        let build = read("builds.id", build)?;
                        return Ok(Submitted { build, fresh: false, superseded: Vec::new() });
                    }
                    None => {}
                }
            }
            let owner: Option<(String,)> = sqlx::query_as("SELECT partner FROM namespaces WHERE name = $1")
                .bind(plugin.namespace.as_str())
                .fetch_optional(&mut *tx)
                .await?;
            if owner.is_none_or(|(owner,)| owner != submission.partner.as_str()) {
                return Err(StoreError::NotOwner { plugin: plugin.clone() });
            }
            sqlx::query(
                "INSERT INTO sources (plugin, namespace, url, subdirectory, created_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(&plugin_text)
            .bind(plugin.namespace.as_str())
            .bind(&submission.url)
            .bind(&submission.subdirectory)
            .bind(now.seconds())
            .execute(&mut *tx)
            .await?;
            let (url, folder): (String, String) =
                sqlx::query_as("SELECT url, subdirectory FROM sources WHERE plugin = $1")
                    .bind(&plugin_text)
                    .fetch_one(&mut *tx)
                    .await?;
            if url != submission.url || folder != submission.subdirectory {
                let bound = if folder.is_empty() { url } else { format!("{folder} in {url}") };
                return Err(StoreError::SourceBound { plugin: plugin.clone(), bound });
            }
            let older: Vec<(String,)> = sqlx::query_as(
                "UPDATE builds SET state = 'superseded', ended_at = $1 \
                 WHERE plugin = $2 AND target = $3 AND channel = $4 AND state IN ('queued', 'parked') RETURNING id",
            )
            .bind(now.seconds())
            .bind(&plugin_text)
            .bind(target.codename())
            .bind(channel.as_str())
            .fetch_all(&mut *tx)
            .await?;
            has_room!(tx, submission);
            let done = sqlx::query(
                "INSERT INTO builds (id, partner, plugin, target, channel, priority, state, url, subdirectory, reference, \
                 created_at, queued_at, not_before, idempotency_key, request_digest) \
                 VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $9, $10, $10, $10, $11, $12) ON CONFLICT DO NOTHING",
            )
            .bind(id.as_str())
            .bind(submission.partner.as_str())
            .bind(&plugin_text)
            .bind(target.codename())
            .bind(channel.as_str())
            .bind(submission.priority.word())
            .bind(&submission.url)
            .bind(&submission.subdirectory)
            .bind(submission.reference.as_deref())
            .bind(now.seconds())
            .bind(submission.idempotency_key.as_deref())
            .bind(&digest)
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                // The same key, at the same moment: the next try finds it.
                return Err(StoreError::Busy);
            }
            note!(tx, now, actor, "build.submit", id);
            let mut superseded: Vec<BuildId> = Vec::new();
            for (older,) in older {
                note!(tx, now, actor, "build.supersede", older);
                superseded.push(read("builds.id", older)?);
            }
            Submitted { build: id.clone(), fresh: true, superseded }
        })
    }
}
