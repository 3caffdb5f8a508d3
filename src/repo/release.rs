//! The Release file of a suite (apt's repository format; wiki.debian.org/DebianRepository/Format).

use std::fmt::Write as _;

use super::log::Log;
use super::storage::Expected;
use super::{Settings, layout};
use crate::model::{Suite, Timestamp};

/// The field that names the audit log as it was at this publication: so the signature covers the log, and whoever keeps an
/// old `InRelease` can tell whether the log was changed since. apt passes over fields that it does not know.
pub(super) const LOG_FIELD: &str = "X-Plugfarm-Log";

/// Writes a Release. Its lines end without blanks, so that the clear-signed form says the same.
///
/// `Origin`, `Label` and `Codename` never change: apt refuses a repository that changes them. Only SHA-256 is listed, so
/// that there is one tree of places by content, and every index uncompressed too, without which apt finds nothing.
pub(super) fn release(
    settings: &Settings,
    suite: &Suite,
    date: Timestamp,
    log: Option<&Log>,
    listed: &[(String, Expected)],
) -> String {
    let name = suite.to_string();
    let mut text = head(settings, &name, &name, date);
    if let Some(valid_for) = settings.valid_for {
        let seconds = i64::try_from(valid_for.as_secs()).unwrap_or(i64::MAX);
        let until = Timestamp::from_seconds(date.seconds().saturating_add(seconds));
        text.push_str(&format!("Valid-Until: {}\n", until.release_date()));
    }
    if !settings.signed_by.is_empty() {
        text.push_str(&format!("Signed-By: {}\n", settings.signed_by.join(", ")));
    }
    if let Some(log) = log {
        text.push_str(&format!("{LOG_FIELD}: {log}\n"));
    }
    text.push_str("Acquire-By-Hash: yes\n");
    text + &list(listed)
}

/// Writes the Release of what a suite was at a time, which there is never a next one of. It has no places by content: what
/// is at its plain names does not change.
pub(super) fn snapshot_release(
    settings: &Settings,
    suite: &Suite,
    time: Timestamp,
    listed: &[(String, Expected)],
) -> String {
    let name = layout::snapshot(time, suite);
    head(settings, &name, &layout::snapshot_codename(time), time) + &list(listed)
}

fn head(settings: &Settings, suite: &str, codename: &str, date: Timestamp) -> String {
    let (origin, farm) = (settings.farm.origin(), &settings.farm);
    format!(
        "Origin: {origin}\nLabel: {origin}\nSuite: {suite}\nCodename: {codename}\nDate: {}\n\
         Architectures: all amd64\nComponents: {}\nDescription: Wazo plugins of the farm {farm}\n\
         No-Support-for-Architecture-all: Packages\n",
        date.release_date(),
        layout::COMPONENT,
    )
}

fn list(listed: &[(String, Expected)]) -> String {
    let mut text = "SHA256:\n".to_owned();
    for (path, content) in listed {
        // Writing to a string does not fail.
        let line = writeln!(text, " {} {} {path}", content.sha256, content.size);
        debug_assert!(line.is_ok());
    }
    text
}
