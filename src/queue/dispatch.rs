//! The workers: each runs one attempt at a time through the pipeline, under a lease.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tracing::Instrument as _;

use super::decide::{Limits, decide};
use super::faults::{FAULTS, is_the_farm};
use super::live::{Live, LiveLog};
use super::record::Recorder;
use super::report::{artifacts, crashed, file_name, publication, request, result};
use super::retry;
use crate::model::{Blame, BuildId, BuildState, FailureCode, Outcome, Timestamp};
use crate::pipeline::{self, Conclusion, Farm, Report, keep_only_the_log, now};
use crate::sandbox::{Cancel, Canceller, sweep};
use crate::secrets::Secrets;
use crate::store::{AttemptState, Build, Ended, Lost, Store, StoreError};

/// How long a worker that is not heard of is believed to live.
const LEASE: Duration = Duration::from_secs(30);
/// How often a worker is heard of.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often the queue is looked at when nobody says that it has changed: a pause may be over, another farm may have died.
const TICK: Duration = Duration::from_secs(1);
/// How often what the dead have left is looked for.
const SWEEP: Duration = Duration::from_secs(30);
/// What was used longer ago than this, in seconds, counts for nothing.
pub const MEMORY: i64 = 48 * 3600;
/// How long attempts have to end with the farm.
const GRACE: Duration = Duration::from_secs(30);

/// How the queue is worked off.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many attempts have a container at once; as many may be signed and published meanwhile.
    pub workers: usize,
    /// How many attempts of one build may die with the farm before it is left alone.
    pub quarantine_after: u32,
    /// Who this farm is, among those that use the same store. No other process that lives may be the same.
    pub worker: String,
}

/// Works off the queue.
pub struct Dispatcher {
    pub(super) store: Store,
    secrets: Secrets,
    pub(super) farm: Arc<Farm>,
    live: Live,
    settings: Settings,
    /// Where attempts run: they may block, and hold up nobody else there.
    builds: Handle,
    pub(super) changed: Arc<Notify>,
    stopping: AtomicBool,
    /// When the farm was tried last.
    checked: Mutex<Option<Instant>>,
}

impl Dispatcher {
    /// Nothing runs yet. `changed` is told whenever there may be something new in the queue.
    #[must_use]
    pub fn new(
        (store, secrets): (Store, Secrets),
        farm: Farm,
        (live, changed): (Live, Arc<Notify>),
        settings: Settings,
        builds: Handle,
    ) -> Self {
        Self {
            store,
            secrets,
            farm: Arc::new(farm),
            live,
            settings,
            builds,
            changed,
            stopping: AtomicBool::new(false),
            checked: Mutex::new(None),
        }
    }

    /// Works until somebody asks to stop; then what runs is stopped too, and goes back into the queue. First of all, what an
    /// earlier process of this farm left is taken up.
    ///
    /// # Errors
    ///
    /// What the store says when the farm starts. Later the farm waits for it to get well.
    pub async fn run(self: Arc<Self>, mut stop: Cancel) -> Result<(), StoreError> {
        self.recover(Some(&self.settings.worker)).await?;
        // Nothing hostile is run before it is known that it would be confined.
        self.check_if_due().await?;
        let mut swept = Instant::now();
        while !stop.is_cancelled() {
            if let Err(error) = self.begin_all().await {
                tracing::error!(%error, "the queue cannot be worked off; trying again");
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(TICK) => {}
                () = stop.cancelled() => {}
            }
            if swept.elapsed() > SWEEP {
                swept = Instant::now();
                if let Err(error) = self.look_after().await {
                    tracing::error!(%error, "what dead attempts left cannot be taken up; trying again");
                }
            }
        }
        self.stopping.store(true, Ordering::Relaxed);
        let began = Instant::now();
        while self.live.len() > 0 && began.elapsed() < GRACE {
            self.live.cancel_all();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// What is done every now and then.
    async fn look_after(&self) -> Result<(), StoreError> {
        self.recover(None).await?;
        self.check_if_due().await
    }

    /// Whether the farm was not tried for so long.
    pub(super) fn not_checked_for(&self, time: Duration) -> bool {
        let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.is_none_or(|checked| checked.elapsed() >= time)
    }

    /// Notes when the farm was tried.
    pub(super) fn checked(&self, at: Instant) {
        *self.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Takes up what attempts left whose worker is dead: those of `own`, and those whose lease has run out.
    async fn recover(&self, own: Option<&str>) -> Result<(), StoreError> {
        match sweep(&self.farm.engine).await {
            Ok(0) => {}
            Ok(removed) => tracing::warn!(removed, "removed containers that nobody looks after"),
            Err(error) => tracing::error!(%error, "cannot look for containers that are left over"),
        }
        for lost in self.store.lost(own, now()).await? {
            // Its own heartbeat says what becomes of it.
            if !self.live.has(&lost.build) {
                self.give_up(&lost).await?;
            }
        }
        self.look_at_all_parked().await
    }

    async fn give_up(&self, lost: &Lost) -> Result<(), StoreError> {
        let next = if lost.cancel_asked {
            BuildState::Cancelled
        } else if lost.times >= self.settings.quarantine_after {
            BuildState::Quarantined
        } else {
            BuildState::Queued
        };
        tracing::warn!(build.id = %lost.build, attempt = %lost.attempt, %next, "an attempt died with its worker");
        keep_only_the_log(&self.farm.builds.join(lost.attempt.as_str()));
        let ended = Ended {
            attempt: lost.attempt.clone(),
            build: lost.build.clone(),
            state: AttemptState::Lost,
            code: None,
            log: Some("log".to_owned()),
            next,
            not_before: now(),
            result: None,
            artifacts: Vec::new(),
            publication: None,
            awaits: Vec::new(),
            charged: false,
        };
        match self.store.end_attempt(&ended, now()).await {
            // Another farm was faster.
            Err(StoreError::LeaseLost { .. }) => Ok(()),
            other => other,
        }
    }

    /// Begins what may begin.
    async fn begin_all(self: &Arc<Self>) -> Result<(), StoreError> {
        loop {
            let workers = self.live.places(self.settings.workers);
            if self.live.len() >= workers {
                return Ok(());
            }
            let now = now();
            let since = Timestamp::from_seconds(now.seconds() - MEMORY);
            let view = self.store.queue(since).await?;
            let Some(build) = decide(&view, Limits { workers }, now) else {
                return Ok(());
            };
            self.begin(&build).await?;
        }
    }

    async fn begin(self: &Arc<Self>, id: &BuildId) -> Result<(), StoreError> {
        let attempt = BuildId::from_uuid(uuid::Uuid::now_v7());
        let (store, worker) = (&self.store, &self.settings.worker);
        let begun = store
            .begin_attempt(id, &attempt, worker, lease(), now())
            .await;
        let begun = match begun {
            // Somebody has cancelled it, or another farm was faster.
            Err(StoreError::Transition { .. } | StoreError::Busy) => return Ok(()),
            begun => begun?,
        };
        let Some(build) = self.store.build(id).await? else {
            return Ok(());
        };
        let (canceller, cancel) = Canceller::new();
        let log = Arc::new(LiveLog::new(begun.number));
        self.live.begin(id, Arc::clone(&log), canceller);
        let this = Arc::clone(self);
        // An error's span is there however little is logged: what is, says which build it is about.
        let span = tracing::error_span!("build", build.id = %build.id, attempt.id = %attempt);
        let run = async move {
            let heart = Arc::clone(&this).heartbeat(build.id.clone(), attempt.clone());
            let heart = tokio::spawn(heart.in_current_span());
            this.attempt(&build, &attempt, begun.tries, log, cancel)
                .await;
            heart.abort();
            this.live.end(&build.id);
            this.changed.notify_one();
        };
        self.builds.spawn(run.instrument(span));
        Ok(())
    }

    /// Prolongs the lease, and hears of whoever asks for the build to stop.
    async fn heartbeat(self: Arc<Self>, build: BuildId, attempt: BuildId) {
        let mut heard = Instant::now();
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            match self.store.renew(&attempt, lease()).await {
                Ok(asked) => {
                    heard = Instant::now();
                    if asked {
                        self.live.cancel(&build);
                    }
                }
                Err(StoreError::LeaseLost { .. }) => return self.live.cancel(&build),
                // Somebody else may have it by now.
                Err(_) if heard.elapsed() > LEASE => return self.live.cancel(&build),
                Err(error) => {
                    tracing::warn!(%error, "the lease could not be prolonged")
                }
            }
        }
    }

    /// Runs an attempt, and writes down what came of it.
    async fn attempt(
        &self,
        build: &Build,
        attempt: &BuildId,
        tries: u32,
        log: Arc<LiveLog>,
        cancel: Cancel,
    ) {
        let recorder = Recorder {
            store: self.store.clone(),
            live: self.live.clone(),
            log,
            build: build.id.clone(),
            attempt: attempt.clone(),
            changed: Arc::clone(&self.changed),
            ended: Mutex::default(),
            broken: AtomicBool::new(false),
        };
        let (farm, id) = (Arc::clone(&self.farm), attempt.clone());
        let target = build.target;
        let access = self.secrets.access(&build.plugin).await;
        let ran = match access
            .map_err(|error| error.to_string())
            .and_then(|access| request(build, access))
        {
            Ok(request) => {
                let run = async move {
                    let report = pipeline::build(&farm, id, &request, &recorder, &cancel).await;
                    recorder.flush();
                    (report, recorder.broken.into_inner())
                };
                let ran = tokio::spawn(run.in_current_span()).await;
                ran.map_err(|error| error.to_string())
            }
            Err(error) => Err(error),
        };
        let (report, broken) =
            ran.unwrap_or_else(|error| (crashed(attempt, target, &error), false));
        let ended = self.judge(build, report, tries, broken);
        self.finish(&ended).await;
    }

    /// What an attempt's report means for its build.
    fn judge(&self, build: &Build, mut report: Report, tries: u32, broken: bool) -> Ended {
        if broken {
            let words = "the farm's state could not be written";
            report.conclusion = Conclusion::failed(FailureCode::StorageError, words, None);
        }
        let (code, now) = (report.conclusion.code, now());
        let stopped = self.stopping.load(Ordering::Relaxed) && code == Some(FailureCode::Cancelled);
        let pause = code.and_then(|code| retry::after(code, tries));
        let (state, next, pause) = match (report.conclusion.outcome, pause) {
            (Outcome::Succeeded, _) => (AttemptState::Succeeded, BuildState::Succeeded, None),
            (Outcome::Cancelled, _) if stopped => {
                (AttemptState::Cancelled, BuildState::Queued, None)
            }
            (Outcome::Cancelled, _) => (AttemptState::Cancelled, BuildState::Cancelled, None),
            (Outcome::Failed, _) if code == Some(FailureCode::DependencyMissing) => {
                (AttemptState::Failed, BuildState::Parked, None)
            }
            (Outcome::Failed, Some(pause)) => {
                (AttemptState::Failed, BuildState::Queued, Some(pause))
            }
            (Outcome::Failed, None) => (AttemptState::Failed, BuildState::Failed, None),
        };
        let pause = i64::try_from(pause.unwrap_or_default().as_secs()).unwrap_or(0);
        Ended {
            attempt: report.id.clone(),
            build: build.id.clone(),
            state,
            code,
            log: report.log.as_deref().and_then(file_name),
            next,
            not_before: Timestamp::from_seconds(now.seconds() + pause),
            artifacts: artifacts(&report),
            publication: publication(&report, now),
            charged: !stopped && code.is_none_or(is_billed),
            result: result(&report),
            awaits: report.awaits,
        }
    }

    /// Writes down how an attempt ended, as long as that takes: what came of it is not lost because a disk is full.
    async fn finish(&self, ended: &Ended) {
        loop {
            match self.store.end_attempt(ended, now()).await {
                Ok(()) => break,
                Err(StoreError::LeaseLost { .. }) => return,
                Err(error) if self.stopping.load(Ordering::Relaxed) => {
                    tracing::error!(%error, "how an attempt ended could not be written down");
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "how an attempt ended cannot be written down; trying again");
                    tokio::time::sleep(TICK).await;
                }
            }
        }
        if ended.next == BuildState::Parked
            && let Err(error) = self.look_at_parked(&ended.build).await
        {
            tracing::error!(%error, "what is parked could not be looked at; the next sweep does");
        }
        if ended.code.is_some_and(|code| code.blame() == Blame::Farm)
            && let Err(error) = self.doubt(ended).await
        {
            tracing::error!(%error, "the queue could not be locked");
        }
    }

    /// After a fault of the farm's: is it well?
    async fn doubt(&self, ended: &Ended) -> Result<(), StoreError> {
        if ended.code != Some(FailureCode::Cancelled) {
            self.check_after_fault().await?;
        }
        self.lock_if_broken(ended).await
    }

    /// Locks the queue when the farm itself fails again and again: builds would only fail too.
    async fn lock_if_broken(&self, ended: &Ended) -> Result<(), StoreError> {
        let last = self.store.last_endings(FAULTS).await?;
        if is_the_farm(&last, self.store.partners().await?.len()) {
            let code = ended.code.map(FailureCode::word).unwrap_or_default();
            let reason = format!(
                "the farm itself failed {FAULTS} times in a row, at last with {code}; its operator has to look at it"
            );
            tracing::error!(reason, "the queue is locked");
            self.store.lock_queue(&reason, "farm", now()).await?;
        }
        Ok(())
    }
}

/// Whether an attempt that ended with this code counts for the partner's share: what the partner stopped does too.
fn is_billed(code: FailureCode) -> bool {
    code == FailureCode::Cancelled || code.blame() == Blame::Partner
}

fn lease() -> Timestamp {
    let lease = i64::try_from(LEASE.as_secs()).unwrap_or(0);
    Timestamp::from_seconds(now().seconds() + lease)
}
