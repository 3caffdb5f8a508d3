//! Whether hosts get what was published: the farm asks its own public address, as apt would.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Upkeep;
use crate::import::{Origin, look};
use crate::model::{BuildId, DebianVersion, Timestamp};
use crate::pipeline::now;
use crate::store::{Publication, StoreError};

/// For how long a publication is looked for, in seconds: what hosts do not get by then was withdrawn, or somebody was told.
const GIVE_UP: i64 = 24 * 3600;
/// After how long somebody is told, in seconds: a mirror may lag.
const PATIENCE: i64 = 60;
/// How many publications are looked for at once.
const TOGETHER: u32 = 100;
/// The longest pause after a look that found nothing.
const LONGEST: Duration = Duration::from_secs(30);

/// Where hosts get packages.
#[derive(Debug)]
pub struct Probe {
    /// The repository's public address.
    pub origin: Origin,
}

/// When to look again.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Option<Instant>,
    pause: Duration,
}

impl Pace {
    fn is_now(&self) -> bool {
        self.next.is_none_or(|next| Instant::now() >= next)
    }

    fn rest(&mut self, found_all: bool) {
        self.pause = if found_all {
            Duration::ZERO
        } else {
            (self.pause * 2).clamp(Duration::from_millis(500), LONGEST)
        };
        self.next = Some(Instant::now() + self.pause);
    }
}

impl Upkeep {
    /// Looks for what was published, if it is time to.
    pub(super) async fn look(&self, pace: &mut Pace) {
        if !pace.is_now() {
            return;
        }
        match self.look_now().await {
            Ok(missed) => {
                pace.rest(missed.is_none());
                self.notices.set("publication", missed);
            }
            Err(error) => {
                pace.rest(false);
                tracing::error!(%error, "what was published cannot be looked for; trying again");
            }
        }
    }

    /// Looks for everything that was not seen yet. Gives what an operator should know of what is missing for long.
    async fn look_now(&self) -> Result<Option<String>, StoreError> {
        let since = Timestamp::from_seconds(now().seconds() - GIVE_UP);
        let mut suites: BTreeMap<String, Vec<(BuildId, Publication)>> = BTreeMap::new();
        for (build, one) in self.store.unseen(since, TOGETHER).await? {
            let suite = suites.entry(one.suite.clone()).or_default();
            suite.push((build, one));
        }
        let mut missed = None;
        for (suite, publications) in suites {
            let (seen, reason) = self.see(&suite, &publications).await;
            for ((build, one), seen) in publications.iter().zip(seen) {
                if seen {
                    self.store.see(build, now()).await?;
                } else if one.published_at.seconds() < now().seconds() - PATIENCE {
                    missed = Some(format!(
                        "hosts do not get {} {} from {suite}, which was published at {}: {reason}; see whether \
                         `repository.url` is where hosts find the repository",
                        one.package, one.version, one.published_at
                    ));
                }
            }
        }
        Ok(missed)
    }

    /// Which of these are seen, and why the others are not.
    async fn see(
        &self,
        suite: &str,
        publications: &[(BuildId, Publication)],
    ) -> (Vec<bool>, String) {
        let wanted = publications.iter().filter_map(|(_, one)| {
            let version = DebianVersion::new(&one.version).ok()?;
            Some((one.package.clone(), version))
        });
        let wanted: Vec<_> = wanted.collect();
        let keyring = &self.keys.archive_keyring;
        match look(&self.probe.origin, suite, keyring, &wanted, now()).await {
            Ok(seen) if seen.len() == publications.len() => {
                (seen, "the index does not list it".to_owned())
            }
            Ok(_) => (
                vec![false; publications.len()],
                "its version is none".to_owned(),
            ),
            Err(error) => (vec![false; publications.len()], error.to_string()),
        }
    }
}
