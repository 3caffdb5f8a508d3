//! Asking watched repositories what they have, now and then: a hook that got lost is caught up.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Watching;
use super::submit::means;
use crate::config::SourceConfig;
use crate::model::{Target, Timestamp};
use crate::pipeline::now;
use crate::sandbox::{Cancel, Engine, ImageName, Images};
use crate::source::{Asker, Fetcher, Location, RemoteRef, Store};
use crate::store::{BoundSource, StoreError, Watched};

/// How often it is looked whether a repository is to be asked.
const TICK: Duration = Duration::from_secs(1);
/// How much longer than a fetch may take nobody else asks the same repository.
const LEASE: Duration = Duration::from_secs(60);
/// The longest pause after failures, in seconds.
const LONGEST: u64 = 24 * 3600;
/// The most refs of one repository that are watched.
const MAX_REFS: usize = 5000;

/// Asks repositories, one after the other, each in a container of its own.
pub struct Lister {
    /// Where containers run.
    pub engine: Engine,
    /// What they run in.
    pub images: Images,
    /// Where sources may come from.
    pub config: SourceConfig,
    /// Where sources are kept.
    pub sources: Store,
}

impl Lister {
    /// Asks until somebody asks to stop.
    pub async fn run(self, watching: Watching, mut stop: Cancel) {
        while !stop.is_cancelled() {
            let lease = i64::try_from((self.config.limits.time + LEASE).as_secs()).unwrap_or(0);
            let until = Timestamp::from_seconds(now().seconds() + lease);
            match watching.store.take_watch(until, now()).await {
                Ok(Some(watched)) => {
                    if let Err(error) = self.list(&watching, &watched, &stop).await {
                        tracing::error!(%error, plugin = %watched.watch.plugin, "what a repository has could not be noted");
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "it cannot be found out which repository to ask; trying again")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Asks one repository, submits what is new, and notes what it has.
    async fn list(
        &self,
        watching: &Watching,
        watched: &Watched,
        stop: &Cancel,
    ) -> Result<(), StoreError> {
        let plugin = &watched.watch.plugin;
        let Some(bound) = watching.store.bound_source(plugin).await? else {
            return Ok(());
        };
        let found = match self.ask(watching, &bound, stop).await {
            Ok(found) => found,
            // It is asked again when the farm starts again.
            Err(_) if stop.is_cancelled() => {
                return watching
                    .store
                    .note_unlisted(plugin, "the farm stopped", now())
                    .await;
            }
            Err(problem) => {
                tracing::warn!(%plugin, problem, "a watched repository cannot be asked");
                let next = next(watched.watch.lists, watched.failures + 1, now(), chance());
                return watching.store.note_unlisted(plugin, &problem, next).await;
            }
        };
        let before: BTreeMap<_, _> = watching.store.heads(plugin).await?.into_iter().collect();
        let mut heads = Vec::new();
        let meant = found
            .into_iter()
            .filter(|found| means(&watched.watch, &found.name));
        for RemoteRef { name, commit } in meant.take(MAX_REFS) {
            let last = before.get(&name);
            if watched.known && last.map(String::as_str) != Some(commit.as_str()) {
                let pushed = (name.as_str(), &commit);
                let submitted = watching.submit(&watched.watch, &bound, pushed, "watch", now());
                if let Err(error) = submitted.await {
                    tracing::warn!(%plugin, reference = name, %error, "a push could not be submitted; trying again later");
                    heads.extend(last.map(|last| (name, last.clone())));
                    continue;
                }
            }
            heads.push((name, commit.to_string()));
        }
        let next = next(watched.watch.lists, 0, now(), chance());
        watching
            .store
            .note_heads(&watched.watch, &heads, next)
            .await
    }

    /// The branches and tags of a repository, or why they are not known.
    async fn ask(
        &self,
        watching: &Watching,
        bound: &BoundSource,
        stop: &Cancel,
    ) -> Result<Vec<RemoteRef>, String> {
        let url = match Location::parse(&bound.source.url, Asker::Stranger) {
            Ok(Location::Repository(url)) => url,
            _ => return Err("its source is no repository".to_owned()),
        };
        let access = watching.secrets.access(&bound.source.plugin).await;
        let access = access.map_err(|error| error.to_string())?;
        let image = self.images.find(ImageName::Fetcher, Target::Bookworm).await;
        let image = image.map_err(|error| error.to_string())?;
        let image = image.ok_or_else(|| "the image that fetches is not made".to_owned())?;
        let (config, sources) = (self.config.clone(), self.sources.clone());
        let fetcher = Fetcher::new(self.engine.clone(), image, config, sources);
        let refs = fetcher.refs(&url, &access, stop).await;
        refs.map_err(|failure| failure.message)
    }
}

/// When a repository is asked next: after its pause, which doubles with each failure, and is up to a tenth longer or shorter
/// by `chance` (0 to 1), so that not all are asked at once.
fn next(lists: u32, failures: u32, now: Timestamp, chance: f64) -> Timestamp {
    let doubled = u64::from(lists).saturating_mul(1_u64.checked_shl(failures.min(32)).unwrap_or(1));
    let pause = doubled.clamp(1, LONGEST.max(u64::from(lists)));
    let tenth = i64::try_from(pause / 10).unwrap_or(0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a tenth of some hours, in seconds"
    )]
    let shift = (tenth as f64 * (2.0 * chance - 1.0)) as i64;
    Timestamp::from_seconds(now.seconds() + i64::try_from(pause).unwrap_or(0) + shift)
}

/// A number between 0 and 1.
fn chance() -> f64 {
    let (drawn, _) = uuid::Uuid::new_v4().as_u64_pair();
    f64::from(u32::try_from(drawn >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_failures_and_differ_by_a_tenth() {
        let at = |failures, chance| {
            let next = next(900, failures, Timestamp::from_seconds(0), chance);
            next.seconds()
        };
        assert_eq!([at(0, 0.5), at(1, 0.5), at(2, 0.5)], [900, 1800, 3600]);
        assert_eq!([at(0, 0.0), at(0, 1.0)], [810, 990]);
        assert_eq!([at(10, 0.5), at(1000, 0.5)], [86_400, 86_400]);
        assert!((0.0..=1.0).contains(&chance()));
    }
}
