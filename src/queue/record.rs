//! Writes down what an attempt does, before it does it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::live::{Live, LiveLog};
use crate::model::{BuildId, CommitId, Finding, LogLine, Stage};
use crate::pipeline::{Observer, now};
use crate::plugin::Manifest;
use crate::store::{EndedStage, Store, StoreError};
use crate::wire::CheckedPlugin;

/// The observer of an attempt of the farm's.
pub(super) struct Recorder {
    pub(super) store: Store,
    pub(super) live: Live,
    pub(super) log: Arc<LiveLog>,
    pub(super) build: BuildId,
    pub(super) attempt: BuildId,
    /// Is told when a place in the sandbox is free.
    pub(super) changed: Arc<Notify>,
    /// How the last stage ended, until the next one begins.
    pub(super) ended: Mutex<Option<EndedStage>>,
    /// Whether something could not be written down; then the attempt is stopped.
    pub(super) broken: AtomicBool,
}

impl Recorder {
    /// Waits for the store. The attempt has a thread of its own meanwhile: whatever else runs is not held up.
    fn write(&self, writing: impl Future<Output = Result<(), StoreError>>) {
        let runtime = tokio::runtime::Handle::current();
        let written = tokio::task::block_in_place(|| runtime.block_on(writing));
        if let Err(error) = written {
            tracing::error!(%error, "a stage could not be written down; the attempt is stopped");
            self.broken.store(true, Ordering::Relaxed);
            self.live.cancel(&self.build);
        }
    }

    fn ended(&self) -> MutexGuard<'_, Option<EndedStage>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down how the last stage ended.
    pub(super) fn flush(&self) {
        let ended = self.ended().take();
        if let Some(ended) = ended {
            self.write(self.store.end_stage(&self.attempt, &ended));
        }
    }
}

impl Observer for Recorder {
    fn started(&self, stage: Stage) {
        let before = self.ended().take();
        let begun = self
            .store
            .begin_stage(&self.attempt, stage, before.as_ref(), now());
        self.write(begun);
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
        let summary = summary.to_owned();
        let ended = EndedStage {
            stage,
            took,
            summary,
        };
        if let Some(before) = self.ended().replace(ended) {
            // Two steps of one container: the first one ended while nobody said that the next one begins.
            self.write(self.store.end_stage(&self.attempt, &before));
        }
        if stage == Stage::Inspect {
            self.live.leave_sandbox(&self.build);
            self.changed.notify_one();
        }
    }

    fn log(&self, line: &LogLine) {
        self.log.push(line.clone());
    }

    fn finding(&self, _: &Finding) {}
}
