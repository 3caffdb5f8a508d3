//! Judges a payload that is safe to read: is it what a plugin's author meant to ship? Many a plugin's rules exit with 0
//! after half of them failed, so the exit code proves nothing and the tree is looked at instead.
//!
//! [`Check`] lists the checks. Each gives at most one [`Finding`], which names the first few entries. Nothing here reads
//! the contents of files beyond what the [`Payload`] knows of them.

mod checks;
mod facts;
mod log;
mod names;
mod places;
mod python;
#[cfg(test)]
mod tests;

pub use checks::Check;
pub use facts::Facts;

use self::checks::Report;
use super::package::foreign_machines;
use super::payload::{Entry, Payload};
use crate::model::{Finding, LogLine, Target, printable};

/// What is judged, and what else is known about its build.
#[derive(Debug, Clone, Copy)]
pub struct Inspection<'a> {
    /// The tree that the build left behind, before the farm adds anything.
    pub payload: &'a Payload,
    /// The Debian release that it was built for.
    pub target: Target,
    /// What the runner noted.
    pub facts: &'a Facts,
    /// What the plugin printed.
    pub log: &'a [LogLine],
}

/// Judges a payload. Findings come in the order of [`Check::ALL`].
#[must_use]
pub fn inspect(inspection: &Inspection<'_>) -> Vec<Finding> {
    let payload = inspection.payload;
    let mut report = Report::default();
    nothing_in_it(inspection, &mut report);
    told(inspection.facts, &mut report);
    files(payload, &mut report);
    places::check(payload, &mut report);
    python::check(payload, inspection.target, &mut report);
    names::check(payload, &mut report);
    log::check(inspection.log, &mut report);
    report.findings()
}

/// What the tree does not show: what fakeroot pretended, and the old layout's way back, which was tried in the sandbox.
fn told(facts: &Facts, report: &mut Report) {
    for path in facts.devices() {
        report.add(Check::Device, path);
    }
    for (owner, path) in facts.owners() {
        report.add(Check::OwnerLost, &format!("{path} ({owner})"));
    }
    if let Some(status @ 1..) = facts.uninstall_status() {
        report.add(Check::UninstallFailed, &format!("status {status}"));
    }
}

/// The plugin that built something and shipped nothing of it.
fn nothing_in_it(inspection: &Inspection<'_>, report: &mut Report) {
    let payload = inspection.payload;
    let carries = |entry: &Entry| !matches!(entry, Entry::Directory { .. });
    if !payload.entries().values().any(carries) {
        report.add(Check::Empty, "$pkgdir");
    }
    let archives = inspection.facts.archives();
    if !payload.entries().keys().any(|path| python::is_module(path)) {
        archives
            .iter()
            .for_each(|archive| report.add(Check::ArchiveLost, archive));
    }
}

fn files(payload: &Payload, report: &mut Report) {
    for (path, file) in payload.files() {
        if file.is_executable() && file.content.size == 0 {
            report.add(Check::EmptyExecutable, path);
        }
    }
    for (path, what) in foreign_machines(payload) {
        let check = if places::holds_programs(path) {
            Check::ForeignMachine
        } else {
            Check::ForeignData
        };
        report.add(check, &format!("{} ({what})", printable(path, 200)));
    }
    for path in payload.world_writable() {
        report.add(Check::WorldWritable, path);
    }
}
