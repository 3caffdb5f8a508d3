//! From what is stored to the shapes that the API promises.

use crate::model::{BuildState, Timestamp};
use crate::queue::Wait;
use crate::store;
use crate::wire::{Artifact, Attempt, Build, Moment, Publication, Stage, Waits};

impl From<store::Build> for Build {
    fn from(build: store::Build) -> Self {
        let waits = build.state == BuildState::Queued;
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
            plugin: attempt
                .plugin
                .and_then(|text| serde_json::from_str(&text).ok()),
        }
    }
}

impl From<(&'static str, Timestamp)> for Moment {
    fn from((moment, at): (&'static str, Timestamp)) -> Self {
        Self {
            moment: moment.to_owned(),
            at: at.rfc3339(),
        }
    }
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

impl From<store::Publication> for Publication {
    fn from(publication: store::Publication) -> Self {
        Self {
            suite: publication.suite,
            package: publication.package,
            version: publication.version,
            published_at: publication.published_at.rfc3339(),
            visible_at: publication.visible_at.map(|time| time.rfc3339()),
        }
    }
}

impl Waits {
    pub(super) fn new(state: &str, wait: Option<&Wait>) -> Self {
        Self {
            state: state.to_owned(),
            reason: wait.map_or_else(
                || format!("it does not wait: it is {state}"),
                Wait::to_string,
            ),
            ahead: wait.and_then(|wait| wait.ahead),
            expected_start: wait.and_then(|wait| Some(wait.start?.rfc3339())),
            awaits: Vec::new(),
        }
    }

    /// Why a parked build waits.
    pub(super) fn parked(awaited: &[store::Awaited]) -> Self {
        let each = awaited.iter().map(|one| match &one.last {
            None => format!("{}, which nobody has submitted", one.plugin),
            Some((build, state)) => format!("{}, whose build {build} is {state}", one.plugin),
        });
        let each: Vec<_> = each.collect();
        Self {
            state: BuildState::Parked.to_string(),
            reason: format!(
                "it depends on {}; once that is published, it goes on by itself",
                each.join(", and on ")
            ),
            ahead: None,
            expected_start: None,
            awaits: awaited.iter().map(|one| one.plugin.to_string()).collect(),
        }
    }
}
