//! What a build comes to, for programs: the one object that `build --json` prints. Its first fields, the
//! [`Conclusion`], are those of every command's object.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::resources::Resources;
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

/// How something that was asked for ended: the same fields for whatever it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conclusion {
    /// How it ended.
    pub outcome: Outcome,
    /// The stage of a build that failed, if one did.
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
}

impl Conclusion {
    /// It was done.
    #[must_use]
    pub fn done(message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Succeeded,
            stage: None,
            code: None,
            blame: None,
            message: message.into(),
            hint: None,
            lines: Vec::new(),
        }
    }

    /// It failed, in no stage of a build.
    #[must_use]
    pub fn failed(code: FailureCode, message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            outcome: match code {
                FailureCode::Cancelled => Outcome::Cancelled,
                _ => Outcome::Failed,
            },
            code: Some(code),
            blame: Some(code.blame()),
            hint,
            ..Self::done(message)
        }
    }
}

impl From<&Failure> for Conclusion {
    fn from(failure: &Failure) -> Self {
        let hint = Some(failure.hint.clone());
        Self {
            stage: Some(failure.stage),
            lines: failure.lines.clone(),
            ..Self::failed(failure.code, &failure.message, hint)
        }
    }
}

/// The report of one build. Fields that a failed build did not reach are `null` or empty.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How it ended. It is not among the fields that are serialised: whoever prints the report puts its fields first.
    #[serde(skip)]
    pub conclusion: Conclusion,
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
    /// The plugins that it depends on, and that have to be published first.
    #[serde(skip)]
    pub awaits: Vec<PluginId>,
    /// The digest of the source tar.
    pub source_sha256: Option<Sha256>,
    /// The package first, then its evidence.
    pub artifacts: Vec<ArtifactFile>,
    /// What the checks found.
    pub findings: Vec<Finding>,
    /// How long each stage took.
    pub timings: Timings,
    /// What the build used of what it may use, once its steps have run.
    pub resources: Option<Resources>,
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
            conclusion: Conclusion::done("the package was built"),
            id,
            plugin: None,
            package: None,
            version: None,
            target,
            commit: None,
            awaits: Vec::new(),
            source_sha256: None,
            artifacts: Vec::new(),
            findings: Vec::new(),
            timings: Timings::default(),
            resources: None,
            suite: None,
            log: None,
        }
    }

    /// Notes which plugin it is.
    pub fn plugin(&mut self, plugin: &PluginId) {
        self.plugin = Some(plugin.to_string());
        self.package = Some(plugin.package());
    }
}
