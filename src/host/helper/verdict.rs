//! Whether goals were reached: read from dpkg's states before and after, whatever apt's exit status was.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

use super::plan::{Aim, Goal};
use super::wire::{Change, Diagnosis, Did, Report};
use crate::apt::{Installed, PackageState, Packages};
use crate::model::{DebianVersion, PluginId};

/// The lists of files that dpkg has of packages, by which it is seen that it has unpacked one again: it writes a new one then.
#[derive(Debug, Default)]
pub(super) struct Marks(BTreeMap<String, Option<Mark>>);

type Mark = (u64, i64, i64);

impl Marks {
    /// As they are now.
    pub(super) fn take(goals: &[&Goal]) -> Self {
        let marks = goals.iter().map(|goal| {
            let package = goal.plugin.package();
            let mark = mark(&package);
            (package, mark)
        });
        Self(marks.collect())
    }

    /// Whether dpkg has unpacked a package since.
    fn unpacked(&self, package: &str) -> bool {
        self.0
            .get(package)
            .is_none_or(|before| *before != mark(package))
    }
}

fn mark(package: &str) -> Option<Mark> {
    let list = fs_err::metadata(format!("/var/lib/dpkg/info/{package}.list")).ok()?;
    Some((list.ino(), list.mtime(), list.mtime_nsec()))
}

/// What became of the goals. `why` finds words for each that was not reached.
pub(super) fn report(
    goals: &[Goal],
    before: &Packages,
    after: &Packages,
    marks: &Marks,
    why: impl Fn(&Goal) -> Option<Diagnosis>,
) -> Report {
    let mut report = Report::default();
    for goal in goals {
        let change = judge(goal, after.plugin(&goal.plugin), marks);
        if change.did == Did::Failed {
            report.failures.extend(why(goal));
        }
        report.plugins.push(change);
    }
    let others = others(goals, before, after);
    report.plugins.extend(others);
    let own = |package: &str| goals.iter().any(|goal| goal.plugin.package() == package);
    let unfinished = after.unfinished.iter().filter(|one| !own(&one.package));
    report.unfinished = unfinished.cloned().collect();
    report
}

fn judge(goal: &Goal, now: Option<&Installed>, marks: &Marks) -> Change {
    let before = goal.before.as_ref();
    let now = now.filter(|now| !now.state.is_gone());
    let (did, reason) = match &goal.aim {
        Aim::Stay { reason: None } => (Did::Unchanged, None),
        Aim::Stay { reason } => (Did::Kept, reason.clone()),
        Aim::Gone if now.is_none() => (Did::Removed, None),
        Aim::Gone => (Did::Failed, None),
        Aim::Version { offer, again } => {
            let there = now.is_some_and(|now| {
                now.version == offer.version && now.from_farm && is_configured(now.state)
            });
            let done = there && (!again || marks.unpacked(&offer.package));
            let did = if done {
                named(before.map(|one| &one.version), &offer.version, *again)
            } else {
                Did::Failed
            };
            (did, None)
        }
    };
    change(&goal.plugin, did, before, now, reason)
}

/// Whether its own scripts have all run: triggers of other packages may be to come.
fn is_configured(state: PackageState) -> bool {
    matches!(
        state,
        PackageState::Installed | PackageState::TriggersAwaited | PackageState::TriggersPending
    )
}

fn named(before: Option<&DebianVersion>, now: &DebianVersion, again: bool) -> Did {
    match before {
        None => Did::Installed,
        Some(before) if before < now => Did::Upgraded,
        Some(before) if before > now => Did::Downgraded,
        Some(_) if again => Did::Reinstalled,
        Some(_) => Did::Configured,
    }
}

/// Other plugins that came, changed or went: because they were needed, or because they need one that went.
fn others(goals: &[Goal], before: &Packages, after: &Packages) -> Vec<Change> {
    let mut ids: Vec<_> = before.plugins.iter().chain(&after.plugins).collect();
    ids.sort_by(|a, b| a.package.cmp(&b.package));
    ids.dedup_by(|a, b| a.package == b.package);
    let ids = ids.into_iter().map(|one| &one.plugin);
    let others = ids.filter(|id| goals.iter().all(|goal| goal.plugin != **id));
    let there = |packages: &'_ Packages, id: &PluginId| {
        let found = packages.plugin(id).filter(|one| !one.state.is_gone());
        found.cloned()
    };
    let changed = others.filter_map(|id| {
        let (was, now) = (there(before, id), there(after, id));
        let did = match (&was, &now) {
            (None, Some(now)) if !is_configured(now.state) => Did::Failed,
            (Some(was), Some(now)) if was.version == now.version => return None,
            (was, Some(now)) => named(was.as_ref().map(|was| &was.version), &now.version, false),
            (Some(_), None) => Did::Removed,
            (None, None) => return None,
        };
        Some(change(id, did, was.as_ref(), now.as_ref(), None))
    });
    changed.collect()
}

fn change(
    plugin: &PluginId,
    did: Did,
    before: Option<&Installed>,
    now: Option<&Installed>,
    reason: Option<String>,
) -> Change {
    Change {
        plugin: plugin.clone(),
        package: plugin.package(),
        did,
        before: before.map(|one| one.version.clone()),
        after: now.map(|one| one.version.clone()),
        state: now.map_or(PackageState::NotInstalled, |one| one.state),
        reason,
    }
}
