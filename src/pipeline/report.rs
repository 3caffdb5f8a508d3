//! What a build comes to, for programs: the one object that `build --json` prints.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::model::{
    Blame, BuildId, CommitId, Failure, FailureCode, Finding, LogLine, Outcome, PluginId, Sha256,
    Stage, Target,
};

/// One file that a build left.
#[derive(Debug, Clone, Serialize)]
pub struct ArtifactFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its digest.
    pub sha256: Sha256,
    /// Its size, in bytes.
    pub size: u64,
}

/// How long each stage took, in milliseconds, in the order in which they ran.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Timings(serde_json::Map<String, serde_json::Value>);

impl Timings {
    /// Adds what `stage` took.
    pub fn add(&mut self, stage: Stage, took: Duration) {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.0.insert(stage.word().to_owned(), milliseconds.into());
    }
}

/// The report of one build. Fields that a failed build did not reach are `null` or empty.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The stage that failed.
    pub stage: Option<Stage>,
    /// Why it failed; stable, for programs.
    pub code: Option<FailureCode>,
    /// Whose fault it is.
    pub blame: Option<Blame>,
    /// What happened, in words.
    pub message: String,
    /// What to do next, in words.
    pub hint: Option<String>,
    /// The log lines that show the failure.
    pub lines: Vec<LogLine>,
    /// The build's id.
    pub id: BuildId,
    /// The plugin, as `namespace/name`.
    pub plugin: Option<String>,
    /// The Debian package.
    pub package: Option<String>,
    /// The package's version.
    pub version: Option<String>,
    /// The Debian release.
    pub target: Target,
    /// The commit that was built.
    pub commit: Option<CommitId>,
    /// The digest of the source tar.
    pub source_sha256: Option<Sha256>,
    /// The package first, then its evidence.
    pub artifacts: Vec<ArtifactFile>,
    /// What the checks found.
    pub findings: Vec<Finding>,
    /// How long each stage took.
    pub timings: Timings,
    /// The apt suite that it was published in.
    pub suite: Option<String>,
    /// The full log, if the build came so far.
    pub log: Option<PathBuf>,
}

impl Report {
    /// The report of a build that has only begun.
    #[must_use]
    pub fn new(id: BuildId, target: Target) -> Self {
        Self {
            outcome: Outcome::Succeeded,
            stage: None,
            code: None,
            blame: None,
            message: String::new(),
            hint: None,
            lines: Vec::new(),
            id,
            plugin: None,
            package: None,
            version: None,
            target,
            commit: None,
            source_sha256: None,
            artifacts: Vec::new(),
            findings: Vec::new(),
            timings: Timings::default(),
            suite: None,
            log: None,
        }
    }

    /// Notes which plugin it is.
    pub fn plugin(&mut self, plugin: &PluginId) {
        self.plugin = Some(plugin.to_string());
        self.package = Some(plugin.package());
    }

    /// Ends the report with a failure.
    pub fn fail(&mut self, failure: &Failure) {
        self.outcome = match failure.code {
            FailureCode::Cancelled => Outcome::Cancelled,
            _ => Outcome::Failed,
        };
        self.stage = Some(failure.stage);
        self.code = Some(failure.code);
        self.blame = Some(failure.blame());
        self.message.clone_from(&failure.message);
        self.hint = Some(failure.hint.clone());
        self.lines.clone_from(&failure.lines);
    }
}
