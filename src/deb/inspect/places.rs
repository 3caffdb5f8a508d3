//! Where files may not be, or should not.

use super::checks::{Check, Report};
use crate::deb::payload::{Entry, Payload};

/// Folders, and the check that an entry below them is for.
const PLACES: &[(&str, Check)] = &[
    ("DEBIAN", Check::ControlFolder),
    ("usr/lib/wazo-plugind", Check::PlugindFolder),
    ("var/lib/dpkg", Check::PackageDatabase),
    ("var/lib/apt", Check::PackageDatabase),
    ("var/cache/apt", Check::PackageDatabase),
    ("dev", Check::KernelFolder),
    ("proc", Check::KernelFolder),
    ("sys", Check::KernelFolder),
    ("run", Check::VolatileFolder),
    ("var/run", Check::VolatileFolder),
    ("home", Check::PersonalFolder),
    ("root", Check::PersonalFolder),
    ("tmp", Check::TemporaryFolder),
    ("var/tmp", Check::TemporaryFolder),
    ("bin", Check::MergedUsr),
    ("sbin", Check::MergedUsr),
    ("lib", Check::MergedUsr),
    ("lib64", Check::MergedUsr),
    ("etc/apt", Check::AptConfiguration),
];

/// What the root of a file system holds (Filesystem Hierarchy Standard 3.0, chapter 3), besides what [`PLACES`] judges.
const ROOT: &[&str] = &["etc", "opt", "srv", "usr", "var"];

pub(super) fn check(payload: &Payload, report: &mut Report) {
    for (path, entry) in payload.entries() {
        let place = PLACES.iter().find(|(folder, _)| is_in(path, folder));
        match place {
            Some(_) if matches!(entry, Entry::Directory { .. }) && holds_entries(payload, path) => {
            }
            Some((_, check)) => report.add(*check, path),
            None if !path.contains('/') && !ROOT.contains(&path.as_str()) => {
                report.add(Check::TopLevel, path);
            }
            None => {}
        }
    }
}

/// Whether `path` is `folder` or below it.
fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a host's programs, libraries and Python modules lie where `path` is. The kernel's firmware is for devices.
pub(super) fn holds_programs(path: &str) -> bool {
    const FOLDERS: &[&str] = &["bin", "games", "lib", "lib32", "lib64", "libexec", "sbin"];
    let own = path
        .strip_prefix("opt/")
        .and_then(|below| below.split_once('/'))
        .map(|(_, below)| below);
    let prefixed = ["usr/local/", "usr/"]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix));
    let below = own.or(prefixed).unwrap_or(path);
    let top = below.split('/').next().unwrap_or_default();
    let python = ["/dist-packages/", "/site-packages/"]
        .iter()
        .any(|folder| path.contains(folder));
    python || FOLDERS.contains(&top) && !is_in(below, "lib/firmware")
}

/// Whether anything lies below the folder `path`; then that is reported, and not the folder.
fn holds_entries(payload: &Payload, path: &str) -> bool {
    let below = format!("{path}/");
    let mut after = payload.entries().range(below.clone()..);
    after
        .next()
        .is_some_and(|(next, _)| next.starts_with(&below))
}
