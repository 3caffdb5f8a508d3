//! All jobs of this host. What is read of a job is what its file holds: a change is written before anybody sees it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::folder::Folder;
use super::{Asked, Job, JobError, JobId, JobsError, Kind, Moment};
use crate::model::PluginId;
use crate::sandbox::{Cancel, Canceller};

/// How many jobs may wait or go on.
const MAX_LIVE: usize = 1000;
/// How many that ended are kept.
const MAX_ENDED: usize = 1000;
/// How many that ended are kept while the bus has not taken their events.
const MAX_UNTOLD: usize = 5000;

/// This host's jobs. Its clones are the same ones.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    folder: Folder,
    /// By their numbers.
    table: Mutex<BTreeMap<u64, Arc<Cell>>>,
    /// Held while a job is taken.
    taking: Mutex<()>,
    /// Told when there is a new job.
    asked: Notify,
    /// Told when there is something to tell.
    told: Notify,
    /// Told when there may be something to report.
    reported: Notify,
    /// Whether there is nobody to tell.
    silent: AtomicBool,
}

/// One job, and who may write its file.
struct Cell {
    job: Mutex<Job>,
    writing: Mutex<()>,
    canceller: Canceller,
    cancel: Cancel,
}

impl Jobs {
    /// The jobs in the folder `path`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`JobsError::File`]. A job whose file cannot be understood is passed over.
    pub fn open(path: &Path) -> Result<Self, JobsError> {
        let folder = Folder::open(path)?;
        let jobs = folder.read()?;
        let table = jobs.into_iter().map(|job| (job.number, Cell::new(job)));
        Ok(Self(Arc::new(Inner {
            table: Mutex::new(table.collect()),
            folder,
            taking: Mutex::new(()),
            asked: Notify::new(),
            told: Notify::new(),
            reported: Notify::new(),
            silent: AtomicBool::new(false),
        })))
    }

    /// Takes a job that installs what is asked for. One that is identical and has not ended is the same job.
    ///
    /// # Errors
    ///
    /// [`JobsError::Full`], [`JobsError::File`].
    pub async fn install(&self, asked: Asked, reinstall: bool) -> Result<JobId, JobsError> {
        self.take(asked, reinstall).await
    }

    /// Takes a job that removes a plugin; likewise.
    ///
    /// # Errors
    ///
    /// [`JobsError::Full`], [`JobsError::File`].
    pub async fn uninstall(&self, plugin: PluginId) -> Result<JobId, JobsError> {
        self.take(Asked::Uninstall { plugin }, false).await
    }

    /// Takes a job that updates a plugin; likewise.
    ///
    /// # Errors
    ///
    /// [`JobsError::Full`], [`JobsError::File`].
    pub async fn update(&self, plugin: PluginId) -> Result<JobId, JobsError> {
        self.take(Asked::Update { plugin }, false).await
    }

    /// Takes a job that updates all plugins, each by a job of its own; likewise.
    ///
    /// # Errors
    ///
    /// [`JobsError::Full`], [`JobsError::File`].
    pub async fn update_all(&self) -> Result<JobId, JobsError> {
        self.take(Asked::UpdateAll, false).await
    }

    async fn take(&self, asked: Asked, reinstall: bool) -> Result<JobId, JobsError> {
        let this = self.clone();
        let id = blocking(move || this.take_now(asked, reinstall)).await?;
        self.0.asked.notify_one();
        Ok(id)
    }

    fn take_now(&self, asked: Asked, reinstall: bool) -> Result<JobId, JobsError> {
        let taking = lock(&self.0.taking);
        let live: Vec<_> = self.snapshot(|job| !job.state.is_final());
        if let Some(same) = identical(&live, &asked, reinstall) {
            return Ok(same.clone());
        }
        if live.len() >= MAX_LIVE {
            return Err(JobsError::Full { most: MAX_LIVE });
        }
        let job = Job::new(self.next_number(), asked, reinstall, Moment::now().at);
        let added = self.add(job);
        drop(taking);
        added
    }

    fn next_number(&self) -> u64 {
        let table = lock(&self.0.table);
        table.last_key_value().map_or(1, |(last, _)| last + 1)
    }

    fn add(&self, job: Job) -> Result<JobId, JobsError> {
        self.0.folder.write(&job)?;
        let id = job.uuid.clone();
        lock(&self.0.table).insert(job.number, Cell::new(job));
        Ok(id)
    }

    /// The job that does a part of another one: the one that there is, from before the agent died, or a new one.
    pub(super) async fn child(&self, parent: &JobId, asked: Asked) -> Result<JobId, JobsError> {
        let (this, parent) = (self.clone(), parent.clone());
        blocking(move || {
            let taking = lock(&this.0.taking);
            let same = |job: &Job| job.parent.as_ref() == Some(&parent) && job.asked == asked;
            if let Some(left) = this.snapshot(same).pop() {
                return Ok(left.uuid);
            }
            let mut job = Job::new(this.next_number(), asked, false, Moment::now().at);
            job.parent = Some(parent);
            let added = this.add(job);
            drop(taking);
            added
        })
        .await
    }

    /// Every job that is kept, the newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Job> {
        let mut jobs = self.snapshot(|_| true);
        jobs.reverse();
        jobs
    }

    /// A job.
    #[must_use]
    pub fn get(&self, id: &JobId) -> Option<Job> {
        self.cell(id).ok().map(|cell| lock(&cell.job).clone())
    }

    /// The jobs that are parts of a job, in their order.
    #[must_use]
    pub fn parts(&self, id: &JobId) -> Vec<Job> {
        self.snapshot(|job| job.parent.as_ref() == Some(id))
    }

    /// What a job's commands printed so far: the first MiB of it.
    ///
    /// # Errors
    ///
    /// [`JobsError::Unknown`], [`JobsError::File`].
    pub async fn output(&self, id: &JobId) -> Result<String, JobsError> {
        self.cell(id)?;
        let (folder, id) = (self.0.folder.clone(), id.clone());
        blocking(move || folder.printed(&id)).await
    }

    /// Stops a job: one that waits, or whose plugin the farm still builds.
    ///
    /// # Errors
    ///
    /// [`JobsError::Unknown`], [`JobsError::Ended`], [`JobsError::TooLate`] once apt works for it, [`JobsError::File`].
    pub async fn cancel(&self, id: &JobId) -> Result<(), JobsError> {
        self.change(id, |job| {
            if job.applying {
                return Err(JobsError::TooLate {
                    id: job.uuid.clone(),
                });
            }
            job.end(Some(JobError::cancelled()), true, &Moment::now());
            Ok(())
        })
        .await?;
        self.cell(id)?.canceller.cancel();
        Ok(())
    }

    /// Changes a job that has not ended, and writes it down.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        id: &JobId,
        change: impl FnOnce(&mut Job) -> Result<T, JobsError> + Send + 'static,
    ) -> Result<T, JobsError> {
        self.write(id, |job| {
            if job.state.is_final() {
                return Err(JobsError::Ended {
                    id: job.uuid.clone(),
                    state: job.state,
                });
            }
            change(job)
        })
        .await
    }

    /// Notes that the bus has taken the first `sent` events of a job.
    pub(super) async fn sent(&self, id: &JobId, sent: usize) -> Result<(), JobsError> {
        self.write(id, move |job| {
            job.sent = sent;
            Ok(())
        })
        .await
    }

    /// Notes that the farm has, or never takes, what it was to be told of a job.
    pub(super) async fn told_the_farm(&self, id: &JobId) -> Result<(), JobsError> {
        self.write(id, |job| {
            job.report = None;
            Ok(())
        })
        .await
    }

    async fn write<T: Send + 'static>(
        &self,
        id: &JobId,
        change: impl FnOnce(&mut Job) -> Result<T, JobsError> + Send + 'static,
    ) -> Result<T, JobsError> {
        let (cell, this) = (self.cell(id)?, self.clone());
        let answer = blocking(move || {
            let writing = lock(&cell.writing);
            let mut job = lock(&cell.job).clone();
            let answer = change(&mut job)?;
            this.0.folder.write(&job)?;
            *lock(&cell.job) = job;
            drop(writing);
            this.forget_old();
            Ok(answer)
        })
        .await;
        self.0.told.notify_one();
        self.0.reported.notify_one();
        answer
    }

    /// Adds to what a job's commands printed.
    pub(super) async fn print(&self, id: &JobId, text: String) -> Result<(), JobsError> {
        let (folder, id) = (self.0.folder.clone(), id.clone());
        blocking(move || folder.print(&id, &text)).await
    }

    /// Ends when somebody stops the job.
    pub(super) fn cancelled(&self, id: &JobId) -> Cancel {
        self.cell(id)
            .map_or_else(|_| Cancel::never(), |cell| cell.cancel.clone())
    }

    /// Ends when there is a new job.
    pub(super) async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// Ends when there is something to tell.
    pub(super) async fn told(&self) {
        self.0.told.notified().await;
    }

    /// Ends when there may be something to report.
    pub(super) async fn reported(&self) {
        self.0.reported.notified().await;
    }

    /// The jobs of which `wanted` is true, in their order.
    pub(super) fn snapshot(&self, wanted: impl Fn(&Job) -> bool) -> Vec<Job> {
        let cells: Vec<_> = lock(&self.0.table).values().cloned().collect();
        let jobs = cells.iter().filter_map(|cell| {
            let job = lock(&cell.job);
            wanted(&job).then(|| job.clone())
        });
        jobs.collect()
    }

    /// Nobody is told of jobs: their events wait for nothing.
    pub(super) fn be_silent(&self) {
        self.0.silent.store(true, Ordering::Relaxed);
    }

    fn is_silent(&self) -> bool {
        self.0.silent.load(Ordering::Relaxed)
    }

    fn cell(&self, id: &JobId) -> Result<Arc<Cell>, JobsError> {
        let table = lock(&self.0.table);
        let found = table.values().find(|cell| lock(&cell.job).uuid == *id);
        found
            .cloned()
            .ok_or_else(|| JobsError::Unknown { id: id.clone() })
    }

    /// Forgets the oldest that ended.
    fn forget_old(&self) {
        let cells: Vec<_> = lock(&self.0.table).values().cloned().collect();
        let ended = cells.iter().filter(|cell| lock(&cell.job).state.is_final());
        if ended.count() <= MAX_ENDED {
            return;
        }
        let ended = self.snapshot(|job| job.state.is_final());
        let many = ended.len().saturating_sub(MAX_ENDED);
        let too_many = ended.len().saturating_sub(MAX_UNTOLD);
        let old = ended.iter().take(many).enumerate();
        for (_, job) in
            old.filter(|(place, job)| *place < too_many || job.is_told() || self.is_silent())
        {
            if !job.is_told() && !self.is_silent() {
                tracing::error!(job = %job.uuid, "a job's events are given up: the bus has taken none for too long");
            }
            if let Err(error) = self.0.folder.remove(&job.uuid) {
                tracing::error!(%error, "an old job cannot be forgotten");
                return;
            }
            lock(&self.0.table).remove(&job.number);
        }
    }
}

impl Cell {
    fn new(job: Job) -> Arc<Self> {
        let (canceller, cancel) = Canceller::new();
        Arc::new(Self {
            job: Mutex::new(job),
            writing: Mutex::new(()),
            canceller,
            cancel,
        })
    }
}

/// The job among those that live which does what is asked for, unless one that comes after it would undo that.
fn identical<'a>(live: &'a [Job], asked: &Asked, reinstall: bool) -> Option<&'a JobId> {
    let same = |job: &&Job| job.asked == *asked && job.reinstall == reinstall;
    let found = live.iter().rfind(same)?;
    let undoes = |later: &Job| match &found.plugin {
        Some(plugin) => later.plugin.as_ref() == Some(plugin),
        None => later.kind == Kind::Uninstall,
    };
    let mut later = live.iter().filter(|job| job.number > found.number);
    (!later.any(undoes)).then_some(&found.uuid)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what waits for the disk where that holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JobsError> + Send + 'static,
) -> Result<T, JobsError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(JobsError::Stopping))
}
