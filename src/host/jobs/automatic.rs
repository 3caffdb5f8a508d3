//! Updates that nobody asks for: jobs like any others, which the agent takes by itself (as unattended-upgrades does for Debian's
//! own packages).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use jiff::Zoned;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::agent::Agent;
use super::machine::{Machine, Trouble};
use super::updates::Prospect;
use super::{Job, Kind, State};
use crate::config::host::Updates;
use crate::host::helper::Request;
use crate::model::{DebianVersion, PluginId};

/// How often it is looked whether it is time.
const TICK: Duration = Duration::from_secs(30);
/// The longest random time that is added, so that not all hosts come at once.
const MAX_JITTER: Duration = Duration::from_secs(30 * 60);
/// How long it waits after a farm that could not be reached.
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// How long a version that failed is left alone, in seconds: until the next day's window.
const REST: i64 = 20 * 60 * 60;

/// When to look, and for what.
pub(super) struct Automatic {
    updates: Updates,
    /// The time of this file is that of the last look.
    stamp: PathBuf,
}

impl Automatic {
    pub(super) fn new(updates: Updates, stamp: PathBuf) -> Self {
        Self { updates, stamp }
    }

    /// A random part of the time between two looks.
    fn jitter(&self) -> Duration {
        let most = (self.updates.interval / 10).min(MAX_JITTER).as_millis();
        let drawn = Uuid::new_v4().as_u128() % (most + 1);
        Duration::from_millis(u64::try_from(drawn).unwrap_or_default())
    }

    /// When the last look was, in seconds; none, if that is not known, or said to be yet to come.
    fn last(&self, now: i64) -> Option<i64> {
        let written = fs_err::metadata(&self.stamp).ok()?.modified().ok()?;
        let since = written.duration_since(UNIX_EPOCH).ok()?;
        let last = i64::try_from(since.as_secs()).ok()?;
        (last <= now).then_some(last)
    }

    /// Whether this is the time of day for it.
    fn is_in_window(&self) -> bool {
        let now = Zoned::now();
        let minute = i16::from(now.hour()) * 60 + i16::from(now.minute());
        let minute = u16::try_from(minute).unwrap_or_default();
        self.updates
            .window
            .is_none_or(|window| window.contains(minute))
    }

    fn note(&self) {
        if let Err(error) = fs_err::write(&self.stamp, format!("{}\n", now())) {
            tracing::error!(%error, "when it was looked for updates cannot be written down");
        }
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

impl<M: Machine> Agent<M> {
    /// Updates plugins as the settings say, until somebody asks to stop.
    pub(super) async fn update_by_itself(self: Arc<Self>) {
        let Some(automatic) = &self.automatic else {
            return;
        };
        let mut stop = self.stop.clone();
        let interval = automatic.updates.interval;
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let mut jitter = seconds(automatic.jitter());
        let mut not_before = now() + jitter;
        loop {
            tokio::select! {
                () = tokio::time::sleep(TICK.min(interval / 10)) => {}
                () = stop.cancelled() => return,
            }
            let now = now();
            let due = automatic
                .last(now)
                .map(|last| last + seconds(interval) + jitter);
            let is_time = now >= not_before && due.is_none_or(|due| now >= due);
            if !is_time || !automatic.is_in_window() || self.is_updating() {
                continue;
            }
            let looked = tokio::select! {
                looked = self.look(automatic) => looked,
                () = stop.cancelled() => return,
            };
            jitter = seconds(automatic.jitter());
            match looked {
                Ok(()) => automatic.note(),
                Err(error) => {
                    tracing::warn!(%error, "updates cannot be looked for");
                    not_before = now + seconds(interval.min(AGAIN)) + jitter;
                }
            }
        }
    }

    /// Whether an update waits or goes on.
    fn is_updating(&self) -> bool {
        let live = |job: &Job| job.kind == Kind::Update && !job.state.is_final();
        !self.jobs.snapshot(live).is_empty()
    }

    /// Looks at the farm, and takes a job for each plugin that is to be updated.
    async fn look(&self, automatic: &Automatic) -> Result<(), Trouble> {
        // One of several farms that cannot be reached keeps nobody from what the others have.
        let refreshed = self.refresh_quietly().await;
        for (plugin, prospect) in self.prospects().await? {
            if !automatic.updates.which.has(&plugin) {
                continue;
            }
            match prospect {
                Prospect::Stays(why) => tracing::debug!(%plugin, why, "not updated"),
                Prospect::Due(offer) if self.has_failed(&plugin, &offer.version) => {
                    tracing::info!(%plugin, version = %offer.version, "not updated: that failed already; it is tried again on the next day");
                }
                Prospect::Due(offer) => {
                    tracing::info!(%plugin, version = %offer.version, "updating");
                    if let Err(error) = self.jobs.update(plugin).await {
                        tracing::error!(%error, "an update cannot be begun");
                    }
                }
            }
        }
        refreshed
    }

    /// Whether the last update of a plugin was to this version, and failed not long ago.
    fn has_failed(&self, plugin: &PluginId, version: &DebianVersion) -> bool {
        let own = |job: &Job| job.kind == Kind::Update && job.plugin.as_ref() == Some(plugin);
        let last = self.jobs.snapshot(own).pop();
        last.is_some_and(|job| {
            let same = job.version.as_ref().is_none_or(|tried| tried == version);
            let ended = job.ended_at.map_or(0, |at| at.seconds());
            job.state == State::Failed && same && now() < ended + REST
        })
    }

    /// Fetches the farm's index, for no job.
    async fn refresh_quietly(&self) -> Result<(), Trouble> {
        let (lines, mut printed) = mpsc::channel::<String>(1000);
        let printing = tokio::spawn(async move {
            while let Some(line) = printed.recv().await {
                tracing::debug!(line, "apt");
            }
        });
        let report = self.machine.ask(Request::Refresh, lines).await;
        printing.abort();
        let failure = report?.failures.into_iter().next();
        failure.map_or(Ok(()), |failure| {
            Err(Trouble::new(
                failure.cause,
                &failure.code,
                failure.message,
                failure.hint,
            ))
        })
    }
}
