//! Telling the farm what came of its packages here, where somebody has switched that on (`farm.report_outcomes`).
//!
//! What is told is [`Installation`], and nothing beside it: no name of this host, no output, no path, no time. It is kept with
//! the job that it is about, in the write that ends the job, under an id that was drawn for it alone; once the farm has it, it
//! is gone from here. No job waits for it, and none fails for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Job, Jobs, JobsError, Kind, State, Status};
use crate::client::{Client, ClientError};
use crate::model::{
    DebianVersion, FarmName, HostArchitecture, InstallBlame, InstallVerb, Target, Timestamp,
};
use crate::sandbox::Cancel;
use crate::wire::Installation;

/// The first pause after the farm did not take something, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);
/// How long the farm may take for one.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long something is told after it happened, in seconds.
const NEWS: i64 = 7 * 24 * 3600;

/// A package that a job changes, and the farm that offers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// The farm.
    pub farm: FarmName,
    /// The package's version.
    pub version: DebianVersion,
}

/// What of a job its farm is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The farm; no other is told.
    pub farm: FarmName,
    /// What it is told.
    pub installation: Installation,
}

/// What reports say of this host: all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reporting {
    target: Target,
    architecture: HostArchitecture,
}

impl Reporting {
    /// Reports of a host with this Debian release.
    pub(super) fn of(target: Target) -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => HostArchitecture::Amd64,
            "aarch64" => HostArchitecture::Arm64,
            "arm" => HostArchitecture::Armhf,
            "x86" => HostArchitecture::I386,
            _ => HostArchitecture::Other,
        };
        Self {
            target,
            architecture,
        }
    }

    /// What is told of a job that has ended; nothing, if apt did nothing for it, or it is about no farm's package.
    pub(super) fn report(self, job: &Job) -> Option<Report> {
        let offered = job.offered.as_ref()?;
        let works = |status| matches!(status, Status::Installing | Status::Removing);
        let worked = job.steps.iter().any(|step| works(step.status));
        if !worked || !matches!(job.state, State::Completed | State::Failed) {
            return None;
        }
        let detail = |key: &str| job.error.as_ref().and_then(|error| error.details.get(key));
        let word = |key: &str| detail(key).and_then(|value| value.as_str());
        let blame = job.error.as_ref().map(|_| {
            let blame = word("blame").and_then(|word| word.parse().ok());
            blame.unwrap_or(InstallBlame::Unknown)
        });
        let verb = match job.kind {
            Kind::Install => InstallVerb::Install,
            Kind::Update => InstallVerb::Update,
            Kind::Uninstall => InstallVerb::Uninstall,
        };
        let status = detail("exit_status").and_then(|value| value.as_i64());
        let status = status.and_then(|status| u8::try_from(status).ok());
        Some(Report {
            farm: offered.farm.clone(),
            installation: Installation {
                id: Uuid::new_v4().to_string(),
                plugin: job.plugin.as_ref()?.to_string(),
                version: offered.version.to_string(),
                target: self.target.to_string(),
                architecture: self.architecture.to_string(),
                verb: verb.to_string(),
                blame: blame.map(|blame| blame.to_string()),
                step: word("rules_step").map(str::to_owned),
                exit_status: status.map(i32::from),
            },
        })
    }
}

/// Tells `farm` what is to be told, until somebody asks to stop. What is left then is told by the next agent.
pub(super) async fn tell(jobs: Jobs, farm: Client, mut stop: Cancel) {
    let farm = farm.with_patience(Duration::ZERO);
    let mut pause = FIRST;
    while !stop.is_cancelled() {
        let sent = tokio::select! {
            sent = send(&jobs, &farm) => sent,
            () = stop.cancelled() => return,
        };
        let wait = async {
            match sent {
                Ok(()) => {
                    pause = FIRST;
                    jobs.reported().await;
                }
                Err(error) => {
                    if pause == FIRST {
                        tracing::warn!(%error, "reports of installations wait for the farm");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST);
                }
            }
        };
        tokio::select! {
            () = wait => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Why something was not told.
#[derive(Debug, thiserror::Error)]
enum Untold {
    #[error(transparent)]
    Farm(#[from] ClientError),
    #[error("the farm does not answer")]
    Silent,
    #[error(transparent)]
    Jobs(#[from] JobsError),
}

/// Tells what was not told.
async fn send(jobs: &Jobs, farm: &Client) -> Result<(), Untold> {
    let waiting = jobs.snapshot(|job| job.report.is_some());
    if waiting.is_empty() {
        return Ok(());
    }
    // Whoever answers at the address must be the farm that the package is of.
    let name = in_time(farm.status()).await?.farm;
    for job in waiting {
        let Some(report) = &job.report else {
            continue;
        };
        let old = job.ended_at.is_none_or(is_old);
        if report.farm.as_str() == name && !old {
            match in_time(farm.tell(&report.installation)).await {
                Ok(()) => tracing::info!(job = %job.uuid, "the farm was told what came of it"),
                Err(Untold::Farm(error)) if is_final(&error) => {
                    tracing::warn!(%error, job = %job.uuid, "the farm does not want to know what came of it");
                }
                Err(error) => return Err(error),
            }
        }
        match jobs.told_the_farm(&job.uuid).await {
            Ok(()) | Err(JobsError::Unknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn in_time<T>(asked: impl Future<Output = Result<T, ClientError>>) -> Result<T, Untold> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Untold::Silent),
    }
}

fn is_old(ended_at: Timestamp) -> bool {
    super::Moment::now().at.seconds() - ended_at.seconds() > NEWS
}

/// Whether no other time is better: the farm knows no such version, or has other words for it. A token can be mended.
fn is_final(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { problem, .. } if [400, 404, 413, 422].contains(&problem.status))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Asked, JobError, Moment};
    use super::*;

    fn job(error: Option<JobError>) -> Job {
        let asked = Asked::Market {
            namespace: "demo".to_owned(),
            name: "hello".to_owned(),
            version: None,
        };
        let mut job = Job::new(1, asked, false, Timestamp::from_seconds(0));
        job.offered = Some(Offered {
            farm: FarmName::local(),
            version: DebianVersion::new("1.0-0+deb12u1").unwrap(),
        });
        job.step(Status::Installing, &Moment::now());
        job.end(error, false, &Moment::now());
        job
    }

    fn told(job: &Job) -> String {
        let reporting = Reporting {
            target: Target::Bookworm,
            architecture: HostArchitecture::Amd64,
        };
        let mut told = serde_json::to_value(reporting.report(job).unwrap().installation).unwrap();
        let id = told["id"].take();
        assert_ne!(id, json!(job.uuid), "whoever knows the job finds no report");
        told.to_string()
    }

    #[test]
    fn what_is_told_says_what_came_of_it_and_not_where() {
        insta::assert_snapshot!(told(&job(None)), @r#"{"id":null,"plugin":"demo/hello","version":"1.0-0+deb12u1","target":"bookworm","architecture":"amd64","verb":"install","blame":null,"step":null,"exit_status":null}"#);
        let error = JobError::at(Status::Installing, json!({"install_options": {}}))
            .with("blame", "plugin")
            .with("rules_step", "install")
            .with("reason", "pbx7.example.org broke")
            .with("output_tail", "pbx7.example.org: no such file")
            .with("exit_status", 7);
        insta::assert_snapshot!(told(&job(Some(error))), @r#"{"id":null,"plugin":"demo/hello","version":"1.0-0+deb12u1","target":"bookworm","architecture":"amd64","verb":"install","blame":"plugin","step":"install","exit_status":7}"#);
        let odd = JobError::at(Status::Installing, json!({})).with("exit_status", 900);
        insta::assert_snapshot!(told(&job(Some(odd))), @r#"{"id":null,"plugin":"demo/hello","version":"1.0-0+deb12u1","target":"bookworm","architecture":"amd64","verb":"install","blame":"unknown","step":null,"exit_status":null}"#);
    }

    #[test]
    fn what_apt_did_not_work_for_is_nobodys_to_know() {
        let reporting = Reporting::of(Target::Bookworm);
        let mut idle = job(None);
        idle.steps.clear();
        let mut own = job(None);
        own.offered = None;
        let mut stopped = job(None);
        stopped.state = State::Cancelled;
        for job in [idle, own, stopped] {
            assert_eq!(reporting.report(&job), None);
        }
    }
}
