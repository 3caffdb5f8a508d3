//! What is taken and given: the shapes that the API promises.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::queue::Why;
use crate::store;

/// A build that somebody asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Submission {
    /// The repository's URL, without a credential: https, ssh or git.
    pub(super) url: String,
    /// The plugin, as `namespace/name`; needed the first time that it is submitted.
    pub(super) plugin: Option<String>,
    /// The plugin's folder in the repository, unless it is the root.
    pub(super) subdirectory: Option<String>,
    /// A branch, a tag or a commit; without it, the default branch.
    #[serde(rename = "ref")]
    pub(super) reference: Option<String>,
    /// The Debian release; without it, bookworm.
    pub(super) target: Option<String>,
    /// The channel; without it, the farm's first.
    pub(super) channel: Option<String>,
    /// urgent (the operator's alone), normal or low; without it, normal.
    pub(super) priority: Option<String>,
}

/// What became of a submission.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Submitted {
    /// The build's id.
    pub(super) id: String,
    /// Whether it is new; else it is the one that the same idempotency key asked for before.
    pub(super) fresh: bool,
    /// The builds whose place in the queue it took.
    pub(super) superseded: Vec<String>,
}

/// A build.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Build {
    id: String,
    partner: String,
    plugin: String,
    target: String,
    channel: String,
    priority: String,
    /// queued, running, succeeded, failed, cancelled, superseded or quarantined.
    state: String,
    url: String,
    subdirectory: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// The commit that it came to.
    commit: Option<String>,
    created_at: String,
    ended_at: Option<String>,
    /// The earliest time of its next attempt, while it waits.
    not_before: Option<String>,
    /// What its last attempt came to: outcome, stage, code, blame, message, hint, lines, findings.
    result: Option<serde_json::Value>,
}

impl From<store::Build> for Build {
    fn from(build: store::Build) -> Self {
        let waits = build.state == crate::model::BuildState::Queued;
        Self {
            id: build.id.to_string(),
            partner: build.partner.to_string(),
            plugin: build.plugin.to_string(),
            target: build.target.to_string(),
            channel: build.channel.to_string(),
            priority: build.priority.to_string(),
            state: build.state.to_string(),
            url: build.url,
            subdirectory: Some(build.subdirectory).filter(|folder| !folder.is_empty()),
            reference: build.reference,
            commit: build.commit,
            created_at: build.created_at.rfc3339(),
            ended_at: build.ended_at.map(|time| time.rfc3339()),
            not_before: waits.then(|| build.not_before.rfc3339()),
            result: build
                .result
                .and_then(|text| serde_json::from_str(&text).ok()),
        }
    }
}

/// A build, with everything that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Detailed {
    #[serde(flatten)]
    pub(super) build: Build,
    pub(super) attempts: Vec<Attempt>,
    /// The package first, then its evidence.
    pub(super) artifacts: Vec<Artifact>,
    /// What hosts can install.
    pub(super) publication: Option<Publication>,
}

/// One run of a build.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Attempt {
    /// The id that its evidence has.
    id: String,
    number: u32,
    /// running, succeeded, failed, cancelled, or lost with its worker.
    state: String,
    started_at: String,
    ended_at: Option<String>,
    code: Option<String>,
    blame: Option<String>,
    stages: Vec<Stage>,
}

impl Attempt {
    pub(super) fn new(attempt: store::Attempt, stages: Vec<store::StageRow>) -> Self {
        let stage = |row: store::StageRow| Stage {
            stage: row.stage,
            started_at: row.started_at.rfc3339(),
            took_ms: row.took_ms,
            summary: row.summary,
        };
        Self {
            id: attempt.id.to_string(),
            number: attempt.number,
            state: attempt.state,
            started_at: attempt.started_at.rfc3339(),
            ended_at: attempt.ended_at.map(|time| time.rfc3339()),
            code: attempt.code,
            blame: attempt.blame,
            stages: stages.into_iter().map(stage).collect(),
        }
    }
}

/// One stage of an attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stage {
    stage: String,
    started_at: String,
    /// In milliseconds, if it ended well.
    took_ms: Option<u64>,
    summary: Option<String>,
}

/// One file that a build left.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Artifact {
    name: String,
    sha256: String,
    /// In bytes.
    size: u64,
}

impl From<store::Artifact> for Artifact {
    fn from(artifact: store::Artifact) -> Self {
        Self {
            name: artifact.name,
            sha256: artifact.sha256.to_string(),
            size: artifact.size,
        }
    }
}

/// What of a build hosts can install.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Publication {
    suite: String,
    package: String,
    version: String,
    published_at: String,
}

impl From<store::Publication> for Publication {
    fn from(publication: store::Publication) -> Self {
        Self {
            suite: publication.suite,
            package: publication.package,
            version: publication.version,
            published_at: publication.published_at.rfc3339(),
        }
    }
}

/// Why a build waits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Waits {
    /// The build's state.
    pub(super) state: String,
    /// The reason, in a sentence.
    pub(super) reason: String,
    /// How many builds begin before it, where that is what it waits for.
    pub(super) ahead: Option<usize>,
}

impl Waits {
    pub(super) fn new(state: &str, why: Option<&Why>) -> Self {
        Self {
            state: state.to_owned(),
            reason: why.map_or_else(
                || format!("it does not wait: it is {state}"),
                Why::to_string,
            ),
            ahead: match why {
                Some(Why::Behind(count)) => Some(*count),
                Some(Why::Next) => Some(0),
                _ => None,
            },
        }
    }
}

/// How the farm is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// The farm's name.
    pub(super) farm: String,
    /// The program's version.
    pub(super) version: String,
    /// Why nothing begins, if the queue is locked.
    pub(super) banner: Option<String>,
    /// How many builds are in each state.
    pub(super) builds: std::collections::BTreeMap<String, u64>,
}
