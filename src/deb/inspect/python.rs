//! Python files: whether the target's Python finds them, and whether they are in somebody's way.

use super::checks::{Check, Report};
use crate::deb::payload::Payload;
use crate::model::Target;

/// Names that no plugin may claim among all Python packages of a host.
const COMMON: &[&str] = &[
    "conftest.py",
    "doc",
    "docs",
    "etc",
    "example",
    "examples",
    "scripts",
    "setup.py",
    "src",
    "test",
    "tests",
];

/// Whether `path` is a file among Python's installed packages.
pub(super) fn is_module(path: &str) -> bool {
    module(path).is_some()
}

/// The part of `path` below `dist-packages` or `site-packages`.
fn module(path: &str) -> Option<&str> {
    let parts = path
        .split_once("/dist-packages/")
        .or_else(|| path.split_once("/site-packages/"));
    parts.map(|(_, below)| below)
}

pub(super) fn check(payload: &Payload, target: Target, report: &mut Report) {
    let wanted = format!("python{}", target.python());
    for (path, _) in payload.files() {
        if path.contains("__pycache__/") || path.ends_with(".pyc") {
            report.add(Check::PythonCache, path);
        }
        let Some(library) = system_library(path) else {
            continue;
        };
        let version = library.split('/').next().unwrap_or_default();
        if is_versioned(version) && version != wanted {
            report.add(Check::PythonVersion, path);
        }
        if library.contains("/site-packages/") {
            report.add(Check::PythonUnseen, path);
        }
        let top = module(path).and_then(|below| below.split('/').next());
        if top.is_some_and(|top| COMMON.contains(&top)) {
            report.add(Check::PythonPollution, path);
        }
    }
}

/// The part of `path` below a `lib` folder that the system's Python searches, if it is one of Python's.
fn system_library(path: &str) -> Option<&str> {
    let below = ["usr/local/lib/", "usr/lib/"]
        .iter()
        .find_map(|lib| path.strip_prefix(lib));
    below.filter(|below| below.starts_with("python"))
}

/// Whether `name` is `python` with a version of two numbers.
fn is_versioned(name: &str) -> bool {
    let numbers = name
        .strip_prefix("python")
        .and_then(|version| version.split_once('.'));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    numbers.is_some_and(|(major, minor)| digits(major) && digits(minor))
}
