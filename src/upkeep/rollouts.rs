//! Roll-outs that are halted because a version fails on hosts.
//!
//! What counts are hosts, not reports: however often one tells of a failure, it is one. And only what the plugin's own script
//! came to counts; a mirror that is away is no reason to hold a version back. A roll-out that was halted goes on when somebody
//! says so, and never by itself.

use std::time::{Duration, Instant};

use super::{OFTEN, Upkeep};
use crate::config::RolloutsConfig;
use crate::model::{Actor, DebianVersion, InstallBlame, InstallVerb, Reason, Suite, Timestamp};
use crate::pipeline::now;
use crate::repo::{Halting, Known, Listing, RepoError};
use crate::store::{Halt, Standings, StoreError, Tally};

/// How often it is looked whether a version fails on hosts.
const REPORTS: Duration = Duration::from_secs(3);
/// How often it is looked what people have decided about what fails.
const DECISIONS: Duration = Duration::from_secs(15);
/// For how long a report counts, and is known when it comes again, in seconds.
const COUNTS: i64 = 30 * 24 * 3600;
/// For how long hosts are told apart where no roll-out needs it: a limit needs the last hour.
const TOLD_APART: i64 = 24 * 3600;
/// What makes a smaller share of failures reason enough: that many times the share of the version before.
const WORSE: f64 = 4.0;
/// How small it may be for that: this part of the share that always is.
const FLOOR: f64 = 0.2;
/// From how many installations on the version before says something.
const TELLING: u64 = 20;

/// Why roll-outs were not looked at.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Repository(#[from] RepoError),
    #[error("the repository could not be asked")]
    Gone,
}

/// When to look again.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// What failed at the last look.
    seen: Vec<Standings>,
    next: Option<Instant>,
    /// When to look even if nothing else fails.
    again: Option<Instant>,
}

impl Upkeep {
    /// Halts what fails, and says what is halted, if it is time to.
    pub(super) async fn halt_what_fails(&self, pace: &mut Pace) {
        if pace.next.is_some_and(|next| Instant::now() < next) {
            return;
        }
        let looked = self.look_at_reports(pace).await;
        let pause = match looked {
            Ok(()) => REPORTS,
            Err(error) => {
                tracing::error!(%error, "roll-outs cannot be looked at; trying again");
                pace.again = None;
                OFTEN
            }
        };
        pace.next = Some(Instant::now() + pause);
    }

    async fn look_at_reports(&self, pace: &mut Pace) -> Result<(), Unknown> {
        let failing = self.failing().await?;
        let early = pace.again.is_some_and(|again| Instant::now() < again);
        if early && failing == pace.seen {
            return Ok(());
        }
        for halt in self.store.halted(None).await? {
            let known = self.known(&halt.package).await?;
            if !goes_to_nobody(&known, &halt.version, &halt.suite) {
                self.store.halt_is_over(&halt, now()).await?;
            }
        }
        // What somebody has decided about is not held against a version again.
        let failing = self.failing().await?;
        for one in &failing {
            self.judge(one).await?;
        }
        let halted = self.store.halted(None).await?;
        self.notices.set("roll-out", in_words(&halted));
        (pace.seen, pace.again) = (failing, Some(Instant::now() + DECISIONS));
        Ok(())
    }

    /// What fails on as many hosts as the settings say.
    async fn failing(&self) -> Result<Vec<Standings>, StoreError> {
        let since = Timestamp::from_seconds(now().seconds() - COUNTS);
        match self.rollouts.failures {
            0 => Ok(Vec::new()),
            failures => self.store.failing(failures, since).await,
        }
    }

    /// Halts a version wherever it is being rolled out, if it fails too often.
    async fn judge(&self, failing: &Standings) -> Result<(), Unknown> {
        let known = self.known(&failing.package).await?;
        let of = |one: &&Known| one.published.version == failing.version;
        let places = known.iter().find(of).map(|one| one.places.as_slice());
        let places = places.unwrap_or_default().iter();
        let rolled_out = places.filter(|(suite, listing)| {
            let here = listing.removed.is_none() && listing.phased.is_some();
            here && !is_passed(&known, &failing.version, &suite.to_string())
        });
        let suites: Vec<_> = rolled_out.map(|(suite, _)| suite).collect();
        if suites.is_empty() {
            return Ok(());
        }
        let tallies = self.store.installations(&failing.package).await?;
        let before = before(&known, &failing.version, &tallies);
        if !is_too_often(failing, before, self.rollouts) {
            return Ok(());
        }
        let halted = self.store.halted(Some(&failing.package)).await?;
        for suite in suites {
            let same =
                |one: &Halt| one.version == failing.version && one.suite == suite.to_string();
            if !halted.iter().any(same) {
                self.halt(failing, suite).await?;
            }
        }
        Ok(())
    }

    /// First hosts are kept from it, then that is written down, with whom to tell: whoever is killed in between does both again,
    /// and the first changes nothing then.
    async fn halt(&self, failing: &Standings, suite: &Suite) -> Result<(), Unknown> {
        let Standings {
            package,
            version,
            failures,
            hosts,
        } = failing;
        let words = format!("its script failed on {failures} of {hosts} hosts that tried it");
        let Ok(reason) = Reason::new(&words) else {
            return Ok(());
        };
        let halting = Halting {
            package: package.clone(),
            version: version.clone(),
            suite: suite.clone(),
            by: Actor::farm(),
            reason,
        };
        if !self.publisher.writer.halt(halting).await? {
            // Somebody has given it to all hosts meanwhile, or taken it away.
            return Ok(());
        }
        let halt = Halt {
            id: uuid::Uuid::now_v7().to_string(),
            package: package.clone(),
            version: version.clone(),
            suite: suite.to_string(),
            failures: *failures,
            hosts: *hosts,
            at: now(),
        };
        let result = serde_json::json!({
            "outcome": "halted",
            "package": package,
            "version": version,
            "suite": halt.suite,
            "failures": failures,
            "hosts": hosts,
            "message": format!("the roll-out of {package} {version} in {suite} was halted: {words}"),
            "hint": next(package, version),
        });
        let actor = Actor::farm();
        if self
            .store
            .halt(&halt, &result.to_string(), actor.as_str())
            .await?
        {
            tracing::warn!(package, %version, %suite, failures, hosts, "a roll-out was halted");
        }
        Ok(())
    }

    async fn known(&self, package: &str) -> Result<Vec<Known>, Unknown> {
        let repository = self.publisher.repository.clone();
        let names = [package.to_owned()];
        let asked = tokio::task::spawn_blocking(move || repository.known(&names)).await;
        let (known, _) = asked.map_err(|_| Unknown::Gone)??;
        Ok(known)
    }

    /// Forgets which reports came from one host, as soon as no roll-out needs it, and what is old.
    pub(super) async fn forget_reports(&self, now: Timestamp) -> Result<(), String> {
        let forgotten = self.forget_now(now).await;
        forgotten.map_err(|error| format!("old reports of installations stay: {error}"))
    }

    async fn forget_now(&self, now: Timestamp) -> Result<(), Unknown> {
        let ago = |seconds: i64| Timestamp::from_seconds(now.seconds().saturating_sub(seconds));
        let counts = i64::try_from(self.keep.logs.as_secs()).unwrap_or(i64::MAX);
        self.store
            .forget_installations(ago(COUNTS), ago(counts))
            .await?;
        let before = ago(TOLD_APART);
        for (package, version) in self.store.told_apart(before).await? {
            let known = self.known(&package).await?;
            let of = |one: &&Known| one.published.version == version;
            let places = known.iter().filter(of).flat_map(|one| &one.places);
            let mut live = places.filter(|(_, listing)| listing.removed.is_none());
            if !live.any(|(_, listing)| listing.phased.is_some()) {
                self.store
                    .forget_reporters(&package, &version, before)
                    .await?;
            }
        }
        Ok(())
    }
}

/// How a version is in a suite, if the suite has it.
fn listing<'a>(known: &'a Known, suite: &str) -> Option<&'a Listing> {
    let mut places = known.places.iter();
    let (_, listing) = places.find(|(place, _)| place.to_string() == suite)?;
    Some(listing).filter(|listing| listing.removed.is_none())
}

/// Whether a version goes to no host of a suite by itself, and might.
fn goes_to_nobody(known: &[Known], version: &DebianVersion, suite: &str) -> bool {
    let of = |one: &&Known| one.published.version == *version;
    let listing = known.iter().find(of).and_then(|one| listing(one, suite));
    let share = listing.and_then(|listing| listing.phased);
    share == Some(0) && !is_passed(known, version, suite)
}

/// Whether a suite has a higher version, so that hosts do not look at this one any more.
fn is_passed(known: &[Known], version: &DebianVersion, suite: &str) -> bool {
    let mut higher = known.iter().filter(|one| one.published.version > *version);
    higher.any(|one| listing(one, suite).is_some())
}

/// Which share of the installations of the version before failed by its own fault, if that says something.
fn before(known: &[Known], version: &DebianVersion, tallies: &[Tally]) -> Option<f64> {
    let at = known
        .iter()
        .position(|one| one.published.version == *version)?;
    let targets =
        |one: &Known| -> Vec<_> { one.places.iter().map(|(suite, _)| suite.target).collect() };
    let own = targets(known.get(at)?);
    let mut earlier = known.get(..at)?.iter().rev();
    let before = earlier.find(|one| targets(one).iter().any(|target| own.contains(target)))?;
    let before = before.published.version.to_string();
    let (mut all, mut failed) = (0_u64, 0_u64);
    for tally in tallies
        .iter()
        .filter(|one| one.version == before && one.verb != InstallVerb::Uninstall)
    {
        match tally.blame {
            None => all += tally.count,
            Some(InstallBlame::Plugin) => (all, failed) = (all + tally.count, failed + tally.count),
            Some(_) => {}
        }
    }
    (all >= TELLING).then(|| ratio(failed, all))
}

/// Whether a version fails so often that no more hosts should get it: above the share of the settings, or far above the version
/// before. One host alone is never enough, whatever the settings say.
fn is_too_often(failing: &Standings, before: Option<f64>, settings: RolloutsConfig) -> bool {
    let limit = f64::from(settings.share) / 100.0;
    let share = ratio(failing.failures, failing.hosts);
    let worse = before.is_some_and(|before| share > WORSE * before && share > FLOOR * limit);
    failing.failures >= u64::from(settings.failures.max(2)) && (share > limit || worse)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of hosts are far below 2^52"
)]
fn ratio(part: u64, all: u64) -> f64 {
    part as f64 / all.max(1) as f64
}

/// What whoever decides about a halted roll-out can do.
fn next(package: &str, version: &DebianVersion) -> String {
    format!(
        "publish a mended version, or take this one away (`plugfarm withdraw {package}={version} --reason WORDS`); if it is good \
         after all, `plugfarm phase {package}={version} PERCENT` goes on"
    )
}

fn in_words(halted: &[Halt]) -> Option<String> {
    let first = halted.first()?;
    let Halt {
        package,
        version,
        suite,
        failures,
        hosts,
        ..
    } = first;
    let more = match halted.len() {
        1 => String::new(),
        many => format!(", and {} more", many - 1),
    };
    Some(format!(
        "the roll-out of {package} {version} in {suite} is halted{more}: its script failed on {failures} of {hosts} hosts; {}",
        next(package, version)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: RolloutsConfig = RolloutsConfig {
        failures: 3,
        share: 10,
    };

    fn failing(failures: u64, hosts: u64) -> Standings {
        Standings {
            package: "wazo-plugind-a-b".to_owned(),
            version: DebianVersion::new("1.0").unwrap(),
            failures,
            hosts,
        }
    }

    #[test]
    fn so_many_hosts_and_such_a_share_halt_a_roll_out() {
        let halts = |failures, hosts| is_too_often(&failing(failures, hosts), None, SETTINGS);
        assert!(halts(3, 3) && halts(3, 29) && halts(11, 100));
        assert!(!halts(2, 2), "too few");
        assert!(!halts(3, 30) && !halts(10, 100), "not above the share");
        assert!(!halts(0, 0));
        let one = RolloutsConfig {
            failures: 0,
            share: 0,
        };
        assert!(!is_too_often(&failing(1, 1), None, one), "one is nobody");
    }

    #[test]
    fn what_is_far_worse_than_the_version_before_is_halted_earlier() {
        let halts = |before| is_too_often(&failing(4, 100), Some(before), SETTINGS);
        assert!(halts(0.0) && halts(0.009));
        assert!(!halts(0.01), "four times is not more than four times");
        let noise = is_too_often(&failing(3, 10_000), Some(0.0), SETTINGS);
        assert!(!noise, "a few of very many are noise");
    }
}
