//! The one writer of a repository in a process: many tasks ask it for publications, promotions and the like at once, and it
//! commits together what it is asked for meanwhile.
//!
//! apt sees no change within a second, so a commit is made no sooner than a second after the last one, and holds everything
//! that came in between, in the order in which it came. Each request is judged by itself and gets its own answer; one that is
//! refused changes nothing for the others. Other processes are kept out for the time of a commit alone.

mod job;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use self::job::{Asked, Job, Step, Tell};
use super::draft::Draft;
use super::publish::{publication, publications};
use super::root::Root;
use super::{
    Batch, Halting, Importing, Phasing, Promoted, Promotion, Publication, Publishable, RepoError,
    Repository, RollbackRequest, RolledBack, Withdrawal, Withdrawn,
};
use crate::model::{Signer, Suite, Timestamp};

/// The most requests that wait; beyond it there is [`RepoError::WriterBusy`].
const WAITING: usize = 1024;

/// The most requests of one commit: what they write is in memory until then.
const TOGETHER: usize = 64;

/// The least time between two commits, in which apt tells one from the next.
const TELLABLE: Duration = Duration::from_secs(1);

/// How long whoever waits for the clock sleeps in between.
const PAUSE: Duration = Duration::from_millis(10);

/// Whoever asks it publishes. Its clones are the same writer.
///
/// A request that nobody waits for any more, because its future was dropped, is left out; once its commit has begun, it happens.
#[derive(Debug, Clone)]
pub struct Writer {
    inner: Arc<Inner>,
}

struct Inner {
    repository: Repository,
    signer: Arc<dyn Signer>,
    /// Says what time it is.
    clock: fn() -> Timestamp,
    state: Mutex<State>,
    /// Held by whoever commits.
    turn: Mutex<()>,
    /// Told when there is nothing to do any more.
    idle: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Job>>,
    /// Whether some thread commits.
    busy: bool,
    /// Whether nothing is accepted any more.
    closed: bool,
    /// When the last commit was made, by the farm's clock.
    last: Option<Timestamp>,
}

impl Writer {
    /// The writer of `repository`. It has no thread of its own until it is asked for something.
    #[must_use]
    pub fn new(repository: Repository, signer: Arc<dyn Signer>, clock: fn() -> Timestamp) -> Self {
        Self {
            inner: Arc::new(Inner {
                repository,
                signer,
                clock,
                state: Mutex::default(),
                turn: Mutex::default(),
                idle: Notify::new(),
            }),
        }
    }

    /// Publishes packages, in each suite its own: all or none. See [`Repository::publish`].
    ///
    /// # Errors
    ///
    /// As there, and [`RepoError::WriterBusy`], [`RepoError::WriterGone`].
    pub async fn publish(
        &self,
        batches: Vec<(Suite, Vec<Publishable>)>,
    ) -> Result<Vec<Publication>, RepoError> {
        let packages = batches.iter().flat_map(|(_, packages)| packages);
        let names = packages.map(|one| one.package().to_owned()).collect();
        let step: Step<_> = Box::new(move |repository, draft, signer| {
            let batches = batches.iter();
            let batches = batches.map(|(suite, packages)| Batch { suite, packages });
            let batches: Vec<_> = batches.collect();
            let changed = repository.draft_publication(draft, &batches, signer)?;
            Ok(Box::new(move |root| publications(root, changed)))
        });
        let (asked, answer) = Asked::new(names, step);
        self.ask(asked, answer).await
    }

    /// Lets a package into the next channel. See [`Repository::promote`].
    ///
    /// # Errors
    ///
    /// As there, and [`RepoError::WriterBusy`], [`RepoError::WriterGone`].
    pub async fn promote(&self, promotion: Promotion) -> Result<Vec<Promoted>, RepoError> {
        let names = BTreeSet::from([promotion.package.clone()]);
        let step: Step<_> = Box::new(move |repository, draft, signer| {
            Ok(said(repository.draft_promotion(draft, &promotion, signer)?))
        });
        let (mut asked, answer) = Asked::new(names, step);
        asked.reads_what_is_committed = true;
        self.ask(asked, answer).await
    }

    /// Changes the share of hosts that upgrade to a version. See [`Repository::phase`].
    ///
    /// # Errors
    ///
    /// As there, and [`RepoError::WriterBusy`], [`RepoError::WriterGone`].
    pub async fn phase(&self, phasing: Phasing) -> Result<Suite, RepoError> {
        let names = BTreeSet::from([phasing.package.clone()]);
        let step: Step<_> = Box::new(move |repository, draft, _| {
            Ok(said(repository.draft_phasing(draft, &phasing)?))
        });
        let (asked, answer) = Asked::new(names, step);
        self.ask(asked, answer).await
    }

    /// Lets no other host upgrade to a version by itself, unless all do. Gives whether none does.
    ///
    /// # Errors
    ///
    /// See [`Repository::phase`].
    pub async fn halt(&self, halting: Halting) -> Result<bool, RepoError> {
        let names = BTreeSet::from([halting.package.clone()]);
        let step: Step<_> =
            Box::new(move |repository, draft, _| Ok(said(repository.draft_halt(draft, &halting)?)));
        let (asked, answer) = Asked::new(names, step);
        self.ask(asked, answer).await
    }

    /// Takes a version away from hosts. See [`Repository::withdraw`].
    ///
    /// # Errors
    ///
    /// As there, and [`RepoError::WriterBusy`], [`RepoError::WriterGone`].
    pub async fn withdraw(&self, withdrawal: Withdrawal) -> Result<Withdrawn, RepoError> {
        let names = BTreeSet::from([withdrawal.package.clone()]);
        let step: Step<_> = Box::new(move |repository, draft, signer| {
            Ok(said(repository.draft_withdrawal(
                draft,
                &withdrawal,
                signer,
            )?))
        });
        let (asked, answer) = Asked::new(names, step);
        self.ask(asked, answer).await
    }

    /// Brings an older version back above the highest. See [`Repository::roll_back`].
    ///
    /// # Errors
    ///
    /// As there, and [`RepoError::WriterBusy`], [`RepoError::WriterGone`].
    pub async fn roll_back(&self, request: RollbackRequest) -> Result<Vec<RolledBack>, RepoError> {
        let names = BTreeSet::from([request.package.clone()]);
        let step: Step<_> = Box::new(move |repository, draft, signer| {
            Ok(said(repository.draft_rollback(draft, &request, signer)?))
        });
        let (mut asked, answer) = Asked::new(names, step);
        asked.reads_what_is_committed = true;
        self.ask(asked, answer).await
    }

    /// Imports packages of another repository, all or none: what the suite has already stays as it is.
    ///
    /// # Errors
    ///
    /// [`RepoError::ImportConflict`], [`RepoError::Withdrawn`], [`RepoError::OwnPackage`]; else as [`Self::publish`].
    pub async fn import(&self, importing: Importing) -> Result<Publication, RepoError> {
        let packages = importing.packages.iter();
        let names = packages.map(|one| one.package().to_owned()).collect();
        let step: Step<_> = Box::new(move |repository, draft, signer| {
            let added = repository.draft_import(draft, &importing, signer)?;
            let (suite, changed) = (importing.suite.clone(), !added.is_empty());
            Ok(Box::new(move |root| publication(root, &suite, changed)))
        });
        let (asked, answer) = Asked::new(names, step);
        self.ask(asked, answer).await
    }

    /// Does `work`, which takes the repository's lock itself, while nothing else is committed; what is asked for meanwhile
    /// waits. For what nobody waits for.
    ///
    /// # Errors
    ///
    /// [`RepoError::WriterGone`], when the writer is closed or `work` ended in a panic.
    pub async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Repository, &dyn Signer, Timestamp) -> T + Send + 'static,
    ) -> Result<T, RepoError> {
        if self.inner.state().closed {
            return Err(RepoError::WriterGone);
        }
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = inner.turn();
            work(&inner.repository, inner.signer.as_ref(), (inner.clock)())
        });
        done.await.map_err(|_| RepoError::WriterGone)
    }

    /// Accepts nothing more, and returns when everything that was accepted is answered.
    pub async fn close(&self) {
        self.inner.state().closed = true;
        loop {
            let idle = self.inner.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if !self.inner.state().busy {
                return;
            }
            idle.await;
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        asked: Asked<T>,
        answer: oneshot::Receiver<Result<T, RepoError>>,
    ) -> Result<T, RepoError> {
        {
            let mut state = self.inner.state();
            if state.closed {
                return Err(RepoError::WriterGone);
            }
            if state.waiting.len() >= WAITING {
                return Err(RepoError::WriterBusy { waiting: WAITING });
            }
            state.waiting.push_back(Box::new(asked));
            if !state.busy {
                state.busy = true;
                let inner = Arc::clone(&self.inner);
                tokio::task::spawn_blocking(move || inner.work());
            }
        }
        answer.await.unwrap_or(Err(RepoError::WriterGone))
    }
}

/// What is known before the commit already.
fn said<T: Send + 'static>(value: T) -> Tell<T> {
    Box::new(move |_| value)
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits until nothing waits any more.
    fn work(&self) {
        while self.has_work() {
            self.wait_for_clock();
            let jobs = self.state().take();
            if jobs.is_empty() {
                continue;
            }
            // Those whom a defect befell learn that they have no answer; the others go on.
            if catch_unwind(AssertUnwindSafe(|| self.commit(jobs))).is_err() {
                tracing::error!(
                    "a publication ended in a panic; the next one completes it, should it be committed"
                );
            }
            self.state().last = Some((self.clock)());
        }
        self.idle.notify_waiters();
    }

    /// Whether anything waits. If not, the thread has ended for whoever asks next.
    fn has_work(&self) -> bool {
        let mut state = self.state();
        state.busy = !state.waiting.is_empty();
        state.busy
    }

    /// Waits until apt can tell the next commit from the last.
    fn wait_for_clock(&self) {
        let (last, began) = (self.state().last, Instant::now());
        while last.is_some_and(|last| (self.clock)() <= last) && began.elapsed() < TELLABLE {
            std::thread::sleep(PAUSE);
        }
    }

    /// Commits `jobs` together. Where that fails, and one of them may be why, each half is committed by itself, in order.
    fn commit(&self, mut jobs: Vec<Box<dyn Job>>) {
        match self.attempt(&mut jobs) {
            Ok(root) => jobs.into_iter().for_each(|job| job.committed(&root)),
            Err(error @ RepoError::Unfinished { .. }) => {
                let error = Arc::new(error);
                jobs.into_iter().for_each(|job| job.unfinished(&error));
            }
            Err(error) if jobs.len() > 1 && error.may_be_of_one_package() => {
                tracing::info!(%error, requests = jobs.len(), "committing in two parts what did not go together");
                let rest = jobs.split_off(jobs.len() / 2);
                self.commit(jobs);
                self.commit(rest);
            }
            Err(error) => {
                let error = Arc::new(error);
                jobs.into_iter().for_each(|job| job.failed(&error));
            }
        }
    }

    fn attempt(&self, jobs: &mut [Box<dyn Job>]) -> Result<Root, RepoError> {
        let _turn = self.turn();
        let lock = self.repository.lock()?;
        let (signer, jobs) = (self.signer.as_ref(), RefCell::new(jobs));
        let judge = |draft: &mut Draft<'_>| {
            for job in jobs.borrow_mut().iter_mut() {
                job.judge(&self.repository, draft, signer);
            }
            Ok(())
        };
        let now = (self.clock)();
        let ((), root) = self.repository.transact(&lock, now, signer, &judge)?;
        Ok(root)
    }
}

impl State {
    /// The requests of the next commit: those that have waited longest, up to one that has to see what they write.
    fn take(&mut self) -> Vec<Box<dyn Job>> {
        let (mut taken, mut touched) = (Vec::new(), BTreeSet::new());
        while let Some(job) = self.waiting.pop_front() {
            if !job.is_wanted() {
                continue;
            }
            let full = taken.len() >= TOGETHER;
            if full || job.reads_what_is_committed() && !job.packages().is_disjoint(&touched) {
                self.waiting.push_front(job);
                break;
            }
            touched.extend(job.packages().iter().cloned());
            taken.push(job);
        }
        taken
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("repository", &self.repository)
            .finish_non_exhaustive()
    }
}
