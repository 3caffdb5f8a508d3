//! Works jobs off: one after the other where apt works, several at once where the farm builds.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::automatic::Automatic;
use super::machine::{Machine, Trouble};
use super::published::Freshness;
use super::report::Reporting;
use super::turns::{Place, Turns};
use super::work::{Halt, Work, fault};
use super::{Asked, Job, JobError, JobId, Jobs, JobsError, Moment, State};
use crate::client::Client;
use crate::config::host::Updates;
use crate::host::helper::Cause;
use crate::sandbox::Cancel;

/// How many jobs may wait for the farm at once.
const BUILDS: usize = 10;
/// How often the agent may die while apt works for a job, before the job is given up: perhaps it is what kills it.
const DEATHS: u32 = 3;
/// How long is waited for a disk that cannot be written.
const DISK: Duration = Duration::from_secs(5);

/// Works jobs off.
pub struct Agent<M> {
    pub(super) jobs: Jobs,
    pub(super) machine: M,
    /// The farm that builds from repositories, if one does for this host.
    pub(super) farm: Option<Client>,
    pub(super) fresh: Freshness,
    /// Whose turn it is with apt.
    pub(super) apt: Turns,
    builds: Turns,
    /// What is told of jobs to the farm that their packages are of, if anything is.
    pub(super) reporting: Option<Reporting>,
    pub(super) stop: Cancel,
    pub(super) automatic: Option<Automatic>,
}

impl<M: Machine> Agent<M> {
    /// Works off `jobs` on `machine` until somebody asks to stop.
    #[must_use]
    pub fn new(jobs: Jobs, machine: M, farm: Option<Client>, stop: Cancel) -> Self {
        Self {
            jobs,
            machine,
            farm,
            fresh: Freshness::default(),
            apt: Turns::new(1),
            builds: Turns::new(BUILDS),
            reporting: None,
            stop,
            automatic: None,
        }
    }

    /// Likewise, and updates plugins without being asked. The time of the file `stamp` is that of the last look at the farm.
    #[must_use]
    pub fn updating_by_itself(mut self, updates: Updates, stamp: PathBuf) -> Self {
        self.automatic = Some(Automatic::new(updates, stamp));
        self
    }

    /// Tells the farm what comes of its packages here.
    #[must_use]
    pub fn reporting(self) -> Self {
        // On another release than those that the farm builds for, nothing is installed.
        let release = self.machine.release().ok();
        if release.is_none() {
            tracing::warn!("no farm builds for this release of Debian: none is told anything");
        }
        Self {
            reporting: release.map(Reporting::of),
            ..self
        }
    }

    /// Works until somebody asks to stop; then what apt is at is ended, and the rest goes on when the agent is back.
    pub async fn run(self) {
        let mut stop = self.stop.clone();
        let this = Arc::new(self);
        this.take_up().await;
        let (mut begun, mut working) = (BTreeSet::new(), JoinSet::new());
        working.spawn(Arc::clone(&this).update_by_itself());
        loop {
            let live = this.jobs.snapshot(|job| !job.state.is_final());
            begun.retain(|number| live.iter().any(|job| job.number == *number));
            for job in live.iter().filter(|job| is_its_own(job, &live)) {
                if begun.insert(job.number) {
                    let place = this.place(job);
                    working.spawn(Arc::clone(&this).work(job.uuid.clone(), place));
                }
            }
            tokio::select! {
                () = this.jobs.asked() => {}
                Some(_) = working.join_next() => {}
                () = stop.cancelled() => break,
            }
        }
        while working.join_next().await.is_some() {}
    }

    /// Takes up what an agent left that died.
    async fn take_up(&self) {
        let reporting = self.reporting;
        for job in self.jobs.snapshot(|job| job.state == State::Running) {
            let taken = self.jobs.change(&job.uuid, move |job| {
                if !std::mem::take(&mut job.applying) {
                    return Ok(());
                }
                job.deaths += 1;
                if job.deaths >= DEATHS {
                    let error = fault(job, deadly(job.deaths).diagnosis());
                    job.end(Some(error), false, &Moment::now());
                    job.report = reporting.and_then(|reporting| reporting.report(job));
                }
                Ok(())
            });
            if let Err(error) = taken.await {
                tracing::error!(%error, job = %job.uuid, "a job cannot be taken up");
            }
        }
    }

    fn place(&self, job: &Job) -> Place {
        match job.asked {
            Asked::Git { .. } => self.builds.queue(job.number),
            _ => self.apt.queue(job.number),
        }
    }

    /// Works for one job, to its end.
    async fn work(self: Arc<Self>, id: JobId, mut place: Place) {
        loop {
            let work = Work::new(&self.jobs, &id, &self.stop);
            let came = self.go_on(&work, place).await;
            work.close().await;
            let Err(error) = self.conclude(&id, came).await else {
                return;
            };
            tracing::error!(%error, job = %id, "a job waits for the disk");
            tokio::time::sleep(DISK).await;
            match self.jobs.get(&id) {
                Some(job) if !job.state.is_final() && !self.stop.is_cancelled() => {
                    place = self.place(&job);
                }
                _ => return,
            }
        }
    }

    async fn go_on(&self, work: &Work, place: Place) -> Result<(), Halt> {
        let turn = work.turn(place).await?;
        match work.job()?.asked {
            Asked::Git { .. } => self.build_and_install(work, turn).await,
            Asked::Market { .. } => self.published(work, &[]).await,
            Asked::Update { plugin } => self.updated(work, &plugin).await,
            Asked::UpdateAll => self.all_updated(work).await,
            Asked::Uninstall { plugin } => self.removed(work, &plugin).await,
        }
    }

    /// Writes down what a job came to.
    ///
    /// # Errors
    ///
    /// What keeps its file from being written.
    pub(super) async fn conclude(
        &self,
        id: &JobId,
        came: Result<(), Halt>,
    ) -> Result<(), JobsError> {
        let error: Option<JobError> = match came {
            Ok(()) => None,
            Err(Halt::Failed(error)) => Some(*error),
            Err(Halt::Left) => return Ok(()),
            Err(Halt::Disk(error)) => return Err(error),
        };
        let reporting = self.reporting;
        let ended = self.jobs.change(id, move |job| {
            job.end(error, false, &Moment::now());
            job.report = reporting.and_then(|reporting| reporting.report(job));
            Ok(())
        });
        match ended.await {
            Err(error @ JobsError::File { .. }) => Err(error),
            // Somebody has stopped it in the last moment.
            Err(_) | Ok(()) => Ok(()),
        }
    }
}

/// Whether a job goes on by itself, and not as a part of another one.
fn is_its_own(job: &Job, live: &[Job]) -> bool {
    let parent = job.parent.as_ref();
    parent.is_none_or(|parent| live.iter().all(|other| other.uuid != *parent))
}

fn deadly(deaths: u32) -> Trouble {
    Trouble::new(
        Cause::Unknown,
        "agent-died",
        format!("the agent died {deaths} times while apt worked for this job"),
        "look at what was printed and at the system's log, then ask again",
    )
}
