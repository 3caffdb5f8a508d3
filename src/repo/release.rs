//! The Release file of a suite (apt's repository format; wiki.debian.org/DebianRepository/Format).

use std::fmt::Write as _;

use super::Settings;
use super::layout::COMPONENT;
use super::log::Log;
use super::storage::Expected;
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
    let origin = settings.farm.origin();
    let mut text = format!(
        "Origin: {origin}\nLabel: {origin}\nSuite: {suite}\nCodename: {suite}\nDate: {}\n",
        date.release_date()
    );
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
    text.push_str(&format!(
        "Architectures: all amd64\nComponents: {COMPONENT}\nDescription: Wazo plugins of the farm {}\n\
         Acquire-By-Hash: yes\nNo-Support-for-Architecture-all: Packages\nSHA256:\n",
        settings.farm
    ));
    for (path, content) in listed {
        // Writing to a string does not fail.
        let line = writeln!(text, " {} {} {path}", content.sha256, content.size);
        debug_assert!(line.is_ok());
    }
    text
}
