//! Writes down what an attempt does, before it does it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::live::{Live, LiveLog};
use crate::model::{BuildId, CommitId, Finding, LogLine, Stage};
use crate::pipeline::{Observer, now};
use crate::plugin::Manifest;
use crate::store::{Store, StoreError};
use crate::wire::CheckedPlugin;

/// The observer of an attempt of the farm's.
pub(super) struct Recorder {
    pub(super) store: Store,
    pub(super) live: Live,
    pub(super) log: Arc<LiveLog>,
    pub(super) build: BuildId,
    pub(super) attempt: BuildId,
    /// Whether something could not be written down; then the attempt is stopped.
    pub(super) broken: AtomicBool,
}

impl Recorder {
    /// Waits for the store. The attempt has a thread of its own meanwhile: whatever else runs is not held up.
    fn write(&self, writing: impl Future<Output = Result<(), StoreError>>) {
        let runtime = tokio::runtime::Handle::current();
        let written = tokio::task::block_in_place(|| runtime.block_on(writing));
        if let Err(error) = written {
            tracing::error!(%error, build.id = %self.build, "a stage could not be written down; the attempt is stopped");
            self.broken.store(true, Ordering::Relaxed);
            self.live.cancel(&self.build);
        }
    }
}

impl Observer for Recorder {
    fn started(&self, stage: Stage) {
        self.write(self.store.begin_stage(&self.attempt, stage, now()));
    }

    fn resolved(&self, commit: &CommitId) {
        self.write(self.store.pin(&self.build, commit));
    }

    fn checked(&self, manifest: &Manifest) {
        let text = |version: &dyn std::fmt::Display| version.to_string();
        let checked = CheckedPlugin {
            plugin: manifest.id.to_string(),
            version: manifest.version.to_string(),
            min_wazo_version: manifest
                .min_wazo_version
                .as_ref()
                .map(|version| text(version)),
            max_wazo_version: manifest
                .max_wazo_version
                .as_ref()
                .map(|version| text(version)),
            depends: manifest.depends.iter().map(ToString::to_string).collect(),
        };
        if let Ok(checked) = serde_json::to_string(&checked) {
            self.write(self.store.note_plugin(&self.attempt, &checked));
        }
    }

    fn finished(&self, stage: Stage, took: Duration, summary: &str) {
        self.write(self.store.end_stage(&self.attempt, stage, took, summary));
    }

    fn log(&self, line: &LogLine) {
        self.log.push(line.clone());
    }

    fn finding(&self, _: &Finding) {}
}
