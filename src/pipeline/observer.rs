//! How a build tells what it is doing while it does it.

use std::time::Duration;

use crate::model::{CommitId, Finding, LogLine, Stage};
use crate::plugin::Manifest;

/// Whoever watches a build: a terminal, a log, nobody. Calls come in order, from one task; they must not block for long.
pub trait Observer: Send + Sync {
    /// A stage has begun.
    fn started(&self, stage: Stage);
    /// The source is this commit.
    fn resolved(&self, commit: &CommitId);
    /// The source holds this plugin, which no check refuses.
    fn checked(&self, _: &Manifest) {}
    /// A stage has ended well; `summary` says in a few words what came of it.
    fn finished(&self, stage: Stage, took: Duration, summary: &str);
    /// The plugin, or a tool that works for it, printed a line.
    fn log(&self, line: &LogLine);
    /// A check found something that does not stop the build.
    fn finding(&self, finding: &Finding);
}
