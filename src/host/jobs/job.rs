//! One job: what was asked, how far it is, what it came to.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Asked, Event, JobId, Moment, Offered, Report, Status};
use crate::model::{DebianVersion, PluginId, Timestamp};

/// What kind of job it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A plugin comes, or comes in another version.
    Install,
    /// A plugin goes.
    Uninstall,
    /// A plugin follows what the farm has published.
    Update,
}

/// Where a job is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for those before it.
    Queued,
    /// It goes on.
    Running,
    /// It did what was asked.
    Completed,
    /// It did not; [`Job::error`] says why.
    Failed,
    /// Somebody asked for it to stop.
    Cancelled,
}

impl State {
    /// Whether nothing more happens.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// One step of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub status: Status,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Why a job failed, as wazo-plugind's events say it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobError {
    /// For programs.
    pub error_id: String,
    /// In a few words.
    pub message: String,
    /// What it is about: `plugins`.
    pub resource: String,
    /// More, by its kind. What is not wazo-plugind's is added to it, never put in its place.
    pub details: Map<String, Value>,
}

/// A job. Its file holds it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub uuid: JobId,
    /// Counts this host's jobs: a lower one was asked for earlier.
    pub number: u64,
    /// What kind it is.
    pub kind: Kind,
    /// What was asked for.
    pub asked: Asked,
    /// Whether it is installed even if it is installed already.
    pub reinstall: bool,
    /// The plugin, once it is known.
    pub plugin: Option<PluginId>,
    /// The version in the plugin's manifest, once it is known.
    pub plugin_version: Option<String>,
    /// The package's version that is to be installed, once it is known.
    pub version: Option<DebianVersion>,
    /// The job that this one is a part of: what it installs is needed by that one's plugin.
    #[serde(default)]
    pub parent: Option<JobId>,
    /// The farm's build, if there is one.
    pub build: Option<String>,
    /// Where it is.
    pub state: State,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// Its steps so far, in their order.
    pub steps: Vec<Step>,
    /// Why nothing was done, or nothing with some plugins: a line for each.
    #[serde(default)]
    pub reason: Option<String>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// What is told of it, in its order.
    pub events: Vec<Event>,
    /// How many of the events the bus has taken.
    pub sent: usize,
    /// The package that it changes, if what comes of it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<Offered>,
    /// What the farm is to be told, until it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Whether apt works for it, so that it is not stopped any more.
    pub applying: bool,
    /// How often the agent died while apt worked for it.
    pub deaths: u32,
}

impl Job {
    /// A job that waits.
    #[must_use]
    pub fn new(number: u64, asked: Asked, reinstall: bool, now: Timestamp) -> Self {
        Self {
            uuid: JobId::new(),
            number,
            kind: asked.kind(),
            plugin: asked.plugin(),
            asked,
            reinstall,
            plugin_version: None,
            version: None,
            parent: None,
            build: None,
            state: State::Queued,
            created_at: now,
            ended_at: None,
            steps: Vec::new(),
            reason: None,
            error: None,
            events: Vec::new(),
            sent: 0,
            offered: None,
            report: None,
            applying: false,
            deaths: 0,
        }
    }

    /// Whether the bus has taken all of its events.
    pub(super) fn is_told(&self) -> bool {
        self.sent >= self.events.len()
    }

    /// Goes on with the next step. A step that it has been at is not told again: a job that goes on after the agent died goes
    /// through its steps once more.
    pub(super) fn step(&mut self, status: Status, now: &Moment) {
        if self.steps.last().is_some_and(|step| step.status >= status) {
            return;
        }
        self.state = State::Running;
        self.close_step(now);
        self.steps.push(Step {
            status,
            started_at: now.at,
            ended_at: None,
        });
        self.tell(status, None, now);
    }

    /// Comes to its end, with its one terminal event.
    pub(super) fn end(&mut self, error: Option<JobError>, cancelled: bool, now: &Moment) {
        self.close_step(now);
        self.applying = false;
        self.ended_at = Some(now.at);
        let error = error.map(JobError::bounded);
        (self.state, self.error) = match error {
            None => (State::Completed, None),
            Some(error) if cancelled => (State::Cancelled, Some(error)),
            Some(error) => (State::Failed, Some(error)),
        };
        let status = match self.state {
            State::Completed => Status::Completed,
            _ => Status::Error,
        };
        self.tell(status, self.error.clone(), now);
    }

    fn close_step(&mut self, now: &Moment) {
        if let Some(last) = self.steps.last_mut() {
            last.ended_at.get_or_insert(now.at);
        }
    }

    fn tell(&mut self, status: Status, errors: Option<JobError>, now: &Moment) {
        self.events.push(Event {
            status,
            timestamp: now.text.clone(),
            errors,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64) -> Moment {
        Moment {
            at: Timestamp::from_seconds(seconds),
            text: format!("t{seconds}"),
        }
    }

    #[test]
    fn a_job_that_goes_on_after_a_death_tells_no_step_twice() {
        let asked = Asked::git("https://git.example.org/a", None, None);
        let mut job = Job::new(1, asked, false, Timestamp::from_seconds(0));
        for status in [Status::Starting, Status::Downloading] {
            job.step(status, &moment(1));
        }
        for status in [Status::Starting, Status::Downloading, Status::Extracting] {
            job.step(status, &moment(2));
        }
        job.end(None, false, &moment(3));
        let told: Vec<_> = job.events.iter().map(|event| event.status.word()).collect();
        assert_eq!(told, ["starting", "downloading", "extracting", "completed"]);
        assert!(job.steps.iter().all(|step| step.ended_at.is_some()));
        let again: Job = serde_json::from_str(&serde_json::to_string(&job).unwrap()).unwrap();
        assert_eq!(again, job, "a file holds all of it");
    }
}
