//! What every stage of one attempt has at hand: the farm, whoever watches, the log and the clock.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::log::BuildLog;
use super::observer::Observer;
use super::report::Report;
use crate::config::Config;
use crate::evidence::{Builder, StatementKey};
use crate::model::{BuildId, Failure, FailureCode, Finding, Severity, Signer, Stage, Timestamp};
use crate::repo::{Repository, Writer};
use crate::sandbox::{Cancel, Engine, Images};
use crate::source::Store;

/// The adapters that builds are run with, and the settings that they obey.
pub struct Farm {
    /// The settings.
    pub config: Config,
    /// What kind of machine this is.
    pub builder: Builder,
    /// Where containers run.
    pub engine: Engine,
    /// What they run in.
    pub images: Images,
    /// Where sources come from.
    pub sources: Store,
    /// Who signs, and where packages are published.
    pub publisher: Publisher,
    /// The folder that holds a folder for each build.
    pub builds: PathBuf,
}

/// What publishing needs; it needs no engine.
#[derive(Clone)]
pub struct Publisher {
    /// The keys one of which statements must be signed with to be published.
    pub statement_keys: Vec<StatementKey>,
    /// Who signs.
    pub signer: Arc<dyn Signer>,
    /// Where packages are published.
    pub repository: Repository,
    /// Who publishes there, for everybody in this process.
    pub writer: Writer,
}

/// One attempt, under way.
pub(super) struct Attempt<'a> {
    pub(super) farm: &'a Farm,
    pub(super) id: BuildId,
    pub(super) cancel: &'a Cancel,
    pub(super) observer: &'a dyn Observer,
    pub(super) log: BuildLog,
    pub(super) report: &'a mut Report,
    /// Where this attempt keeps its files; it goes away with the attempt.
    pub(super) folder: PathBuf,
}

impl Attempt<'_> {
    /// Tells that `stage` begins, unless somebody asked to stop.
    pub(super) fn begin(&self, stage: Stage) -> Result<Instant, Failure> {
        if self.cancel.is_cancelled() {
            let message = "somebody asked for the build to stop";
            let hint = "start it again when you like";
            return Err(Failure::new(stage, FailureCode::Cancelled, message, hint));
        }
        tracing::info!(%stage, "stage begins");
        self.observer.started(stage);
        Ok(Instant::now())
    }

    /// Tells that `stage` ended well.
    pub(super) fn end(&mut self, stage: Stage, began: Instant, summary: &str) {
        let took = began.elapsed();
        tracing::info!(%stage, duration_ms = took.as_millis(), "stage ended");
        self.report.timings.add(stage, took);
        self.observer.finished(stage, took, summary);
    }

    /// Notes findings; fails on the first that stops the build, and says them all before.
    pub(super) fn judge(
        &mut self,
        stage: Stage,
        code: FailureCode,
        findings: Vec<Finding>,
        allow: &[String],
    ) -> Result<(), Failure> {
        let passes = |finding: &Finding| match finding.severity {
            Severity::Warn => true,
            Severity::Hold => allow.contains(&finding.code),
            Severity::Refuse => false,
        };
        let stopping: Vec<_> = findings
            .iter()
            .filter(|finding| !passes(finding))
            .cloned()
            .collect();
        for finding in &findings {
            self.observer.finding(finding);
        }
        self.report.findings.extend(findings);
        let Some(first) = stopping.first() else {
            return Ok(());
        };
        let more = match stopping.len() {
            1 => String::new(),
            2 => " (and 1 more finding)".to_owned(),
            count => format!(" (and {} more findings)", count - 1),
        };
        let place = match (&first.file, first.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            (None, _) => String::new(),
        };
        let hint = match first.severity {
            Severity::Hold => {
                let codes = stopping.iter().map(|finding| finding.code.as_str());
                format!(
                    "{}; or, if it is meant so, allow it with --allow {}",
                    first.fix.trim_end_matches('.'),
                    codes.collect::<Vec<_>>().join(" --allow ")
                )
            }
            Severity::Warn | Severity::Refuse => first.fix.clone(),
        };
        Err(Failure::new(
            stage,
            code,
            format!("[{}] {place}{}{more}", first.code, first.message),
            hint,
        ))
    }

    /// A failure of the farm's own storage.
    pub(super) fn storage(stage: Stage, what: &str) -> impl FnOnce(io::Error) -> Failure {
        let message = format!("{what} could not be read or written");
        move |error| {
            let hint = "check the free space and the rights of the farm's data folder";
            Failure::new(
                stage,
                FailureCode::StorageError,
                format!("{message}: {error}"),
                hint,
            )
        }
    }
}

/// The time now, as far as a publication, a statement or a journal says it; no package depends on it.
#[must_use]
pub fn now() -> Timestamp {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
}
