//! What a farm that serves does by itself: it signs again what would grow too old, looks whether hosts get what was published,
//! warns of keys that will expire, halts the roll-out of what fails on hosts, and removes what is kept no longer.
//!
//! Nothing here is asked for by anybody, so nothing here may fail a build: what goes wrong is logged, becomes a notice that the
//! status shows, and is tried again.

mod keys;
mod mirror;
mod notices;
mod probe;
mod prune;
mod refresh;
mod rollouts;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::config::{KeepConfig, RolloutsConfig};
use crate::pipeline::{Publisher, now};
use crate::sandbox::Cancel;
use crate::sign::PublicKeys;
use crate::store::Store;

pub use notices::{Notice, Notices};
pub use probe::Probe;
pub use refresh::{RefreshError, Refreshed, policy, refresh};

/// How often the repository is looked after, and old files are.
const CHORES: Duration = Duration::from_secs(3600);
/// How often a chore that failed is tried again.
const AGAIN: Duration = Duration::from_secs(300);
/// How often it is looked whether something was published.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is looked whether builds wait for the mirror.
const OFTEN: Duration = Duration::from_secs(30);

/// How long what builds left is kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Packages and evidence; the repository has its own.
    pub artifacts: Duration,
    /// Logs.
    pub logs: Duration,
}

/// What the farm needs to look after itself.
pub struct Upkeep {
    /// The farm's state.
    pub store: Store,
    /// The repository and who signs for it.
    pub publisher: Publisher,
    /// The public halves of the farm's keys.
    pub keys: PublicKeys,
    /// How often a dated publication is kept, if so.
    pub snapshots: Option<Duration>,
    /// What the repository keeps; everything, if nothing is said.
    pub policy: Option<KeepConfig>,
    /// The folder that holds a folder for each attempt.
    pub builds: PathBuf,
    /// How long what is in those is kept.
    pub keep: Keep,
    /// Looks by the public address.
    pub probe: Probe,
    /// When roll-outs are halted.
    pub rollouts: RolloutsConfig,
    /// What the farm's operator has to know.
    pub notices: Notices,
}

impl Upkeep {
    /// Looks after the farm until somebody asks to stop.
    pub async fn run(self, mut stop: Cancel) {
        let mut probe = probe::Pace::default();
        let (mut due, mut asked) = (Instant::now(), Instant::now());
        let mut rollouts = rollouts::Pace::default();
        while !stop.is_cancelled() {
            if Instant::now() >= due {
                due = Instant::now() + self.chores().await;
            }
            self.look(&mut probe).await;
            if Instant::now() >= asked {
                asked = Instant::now() + OFTEN;
                self.notices.set("mirror", self.mirror().await);
            }
            self.halt_what_fails(&mut rollouts).await;
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Does what is done now and then; gives how long that is enough.
    async fn chores(&self) -> Duration {
        let refreshed = self.refresh().await;
        self.notices.set("repository", refreshed.err());
        self.notices.set("keys", self.forecast(now()));
        let pruned = self.prune(now()).await;
        let forgotten = self.forget_reports(now()).await;
        self.notices.set("retention", pruned.and(forgotten).err());
        if self.notices.any(&["repository", "retention"]) {
            AGAIN
        } else {
            CHORES
        }
    }

    /// Signs again what is due, in the writer's turn.
    async fn refresh(&self) -> Result<(), String> {
        let (keep, snapshots) = (self.policy.clone(), self.snapshots);
        let writer = &self.publisher.writer;
        let refreshed = writer.alone(move |repository, signer, now| {
            refresh(repository, signer, keep.as_ref(), snapshots, None, now)
        });
        let refreshed = refreshed.await;
        let refreshed = refreshed.map_err(|error| error.to_string())?;
        let refreshed = refreshed.map_err(|error| {
            format!(
                "what is published cannot be kept fresh, and hosts will refuse it in time: {error}"
            )
        })?;
        for publication in &refreshed.refreshed {
            tracing::info!(suite = %publication.suite, "signed again what is published");
        }
        Ok(())
    }
}
