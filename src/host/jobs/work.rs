//! One job that goes on: its steps, what it prints, and how it fails.

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::machine::{Lines, Trouble};
use super::turns::{Place, Turn};
use super::{Asked, Job, JobError, JobId, Jobs, JobsError, Moment, Status};
use crate::host::helper::{Cause, Diagnosis, Did, Report};
use crate::model::PluginId;
use crate::sandbox::Cancel;

/// How many lines may wait for the disk.
const LINES: usize = 1000;
/// How many characters of what was printed an event carries at most: its end.
const TAIL: usize = 4000;

/// Why a job does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// It failed.
    Failed(Box<JobError>),
    /// It was stopped, or goes on when the agent is back.
    Left,
    /// Its file cannot be written; it goes on when it can.
    Disk(JobsError),
}

impl Halt {
    pub(super) fn failed(error: JobError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<JobsError> for Halt {
    fn from(error: JobsError) -> Self {
        match error {
            JobsError::File { .. } => Self::Disk(error),
            _ => Self::Left,
        }
    }
}

/// A job that goes on.
pub(super) struct Work {
    pub(super) jobs: Jobs,
    pub(super) id: JobId,
    /// The agent stops.
    stop: Cancel,
    lines: Lines,
    printing: JoinHandle<()>,
}

impl Work {
    pub(super) fn new(jobs: &Jobs, id: &JobId, stop: &Cancel) -> Self {
        let (lines, mut printed) = mpsc::channel::<String>(LINES);
        let (to, of) = (jobs.clone(), id.clone());
        let printing = tokio::spawn(async move {
            let mut many = Vec::new();
            while printed.recv_many(&mut many, LINES).await > 0 {
                let text: String = many
                    .drain(..)
                    .flat_map(|line| [line, "\n".to_owned()])
                    .collect();
                if let Err(error) = to.print(&of, text).await {
                    tracing::warn!(%error, job = %of, "what a job printed cannot be kept");
                }
            }
        });
        Self {
            jobs: jobs.clone(),
            id: id.clone(),
            stop: stop.clone(),
            lines,
            printing,
        }
    }

    /// Waits until all that was printed is kept.
    pub(super) async fn close(self) {
        drop(self.lines);
        if let Err(error) = self.printing.await {
            tracing::warn!(%error, job = %self.id, "what a job printed cannot be kept");
        }
    }

    /// Where commands print.
    pub(super) fn lines(&self) -> Lines {
        self.lines.clone()
    }

    /// Adds a line of the agent's own.
    pub(super) async fn note(&self, line: impl Into<String>) {
        if self.lines.send(line.into()).await.is_err() {
            tracing::debug!(job = %self.id, "a line came too late");
        }
    }

    /// The job as it is.
    pub(super) fn job(&self) -> Result<Job, Halt> {
        self.jobs.get(&self.id).ok_or(Halt::Left)
    }

    /// Changes the job.
    pub(super) async fn change(
        &self,
        change: impl FnOnce(&mut Job) + Send + 'static,
    ) -> Result<(), Halt> {
        let changed = self.jobs.change(&self.id, |job| {
            change(job);
            Ok(())
        });
        Ok(changed.await?)
    }

    /// Goes on with the next step.
    pub(super) async fn step(&self, status: Status) -> Result<(), Halt> {
        self.change(move |job| job.step(status, &Moment::now()))
            .await
    }

    /// Goes on with the next step, at which nobody stops the job any more: apt works.
    pub(super) async fn step_with_apt(&self, status: Status) -> Result<(), Halt> {
        if self.stop.is_cancelled() {
            self.change(|job| job.applying = false).await?;
            return Err(Halt::Left);
        }
        self.change(move |job| {
            job.applying = true;
            job.step(status, &Moment::now());
        })
        .await
    }

    /// Waits for something for as long as nobody stops the job.
    pub(super) async fn unless_stopped<T>(&self, wait: impl Future<Output = T>) -> Result<T, Halt> {
        let (mut cancelled, mut stop) = (self.jobs.cancelled(&self.id), self.stop.clone());
        tokio::select! {
            biased;
            () = cancelled.cancelled() => Err(Halt::Left),
            () = stop.cancelled() => Err(Halt::Left),
            done = wait => Ok(done),
        }
    }

    /// Waits for the job's turn.
    pub(super) async fn turn(&self, mut place: Place) -> Result<Turn, Halt> {
        self.unless_stopped(place.turn()).await
    }

    /// The failure of the step that the job is at.
    pub(super) fn fault(&self, diagnosis: Diagnosis) -> Halt {
        match self.job() {
            Ok(job) => Halt::failed(fault(&job, diagnosis)),
            Err(halt) => halt,
        }
    }

    /// Likewise, for something that went wrong outside of packages.
    pub(super) fn trouble(&self, trouble: Trouble) -> Halt {
        self.fault(trouble.diagnosis())
    }

    /// Fails if what was asked for `plugin` did not come about.
    pub(super) fn judge(&self, report: Report, plugin: &PluginId) -> Result<(), Halt> {
        if let Some(first) = report.failures.into_iter().next() {
            return Err(self.fault(first));
        }
        let change = report.plugins.into_iter().find(|one| one.plugin == *plugin);
        let kept = match &change {
            None => Some("nothing was done".to_owned()),
            Some(change) if !matches!(change.did, Did::Kept | Did::Failed) => None,
            Some(change) => Some(
                change
                    .reason
                    .clone()
                    .unwrap_or_else(|| format!("{} is {}", change.package, change.state.word())),
            ),
        };
        match kept {
            None => Ok(()),
            Some(reason) => Err(self.trouble(Trouble::new(
                Cause::Unknown,
                "not-done",
                reason,
                "look at what was printed, and ask again",
            ))),
        }
    }
}

/// The error of a job that fails at its last step.
pub(super) fn fault(job: &Job, diagnosis: Diagnosis) -> JobError {
    let step = job
        .steps
        .last()
        .map_or(Status::Starting, |step| step.status);
    explained(JobError::at(step, options(job)), diagnosis)
}

/// The details that wazo-plugind gives for a job that fails.
pub(super) fn options(job: &Job) -> Value {
    match job.asked {
        Asked::Uninstall { .. } => json!({}),
        _ => json!({"install_options": job.asked.options()}),
    }
}

/// Adds to an error what is known of its cause.
pub(super) fn explained(error: JobError, diagnosis: Diagnosis) -> JobError {
    let texts = [
        ("code", Some(diagnosis.code)),
        ("reason", Some(diagnosis.message)),
        ("hint", Some(diagnosis.hint)),
        ("package", diagnosis.package),
        ("script", diagnosis.script),
        ("rules_step", diagnosis.step),
        ("output_tail", tail(&diagnosis.output)),
    ];
    let error = error.with("blame", json!(diagnosis.cause));
    let known = texts
        .into_iter()
        .filter_map(|(key, text)| Some((key, text?)));
    let error = known.fold(error, |error, (key, text)| error.with(key, text));
    match diagnosis.exit_status {
        Some(status) => error.with("exit_status", status),
        None => error,
    }
}

/// The end of what was printed.
fn tail(lines: &[String]) -> Option<String> {
    let mut kept = Vec::new();
    let mut room = TAIL;
    for line in lines.iter().rev() {
        let Some(rest) = room.checked_sub(line.chars().count() + 1) else {
            break;
        };
        room = rest;
        kept.push(line.as_str());
    }
    kept.reverse();
    (!kept.is_empty()).then(|| kept.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn what_is_known_of_a_failure_is_added_to_wazo_plugins_details() {
        let asked = Asked::Market {
            namespace: "demo".to_owned(),
            name: "hello".to_owned(),
            version: None,
        };
        let mut job = Job::new(1, asked, false, Timestamp::from_seconds(0));
        job.step(Status::Installing, &Moment::now());
        let mut diagnosis = Trouble::new(Cause::Plugin, "script-failed", "what", "do").diagnosis();
        diagnosis.exit_status = Some(3);
        diagnosis.output = vec!["x".repeat(TAIL), "sh: 1".to_owned(), "sh: 2".to_owned()];
        let error = serde_json::to_string(&fault(&job, diagnosis)).unwrap();
        insta::assert_snapshot!(error, @r#"{"error_id":"installing-error","message":"Installing Error","resource":"plugins","details":{"install_options":{"namespace":"demo","name":"hello"},"blame":"plugin","code":"script-failed","reason":"what","hint":"do","output_tail":"sh: 1\nsh: 2","exit_status":3}}"#);
    }
}
