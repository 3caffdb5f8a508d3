//! Why apt did not reach a goal: read from what it printed, once dpkg's states have shown that it did not.
//!
//! A plugin's script prints what it likes, lines that look like dpkg's among them. So nothing here decides whether something
//! failed; it only finds words for it. Words of a script count as the script's as soon as dpkg says that this script failed.

mod apt_words;
mod script;
mod service;
mod stale;

pub(super) use stale::{Lists, stale};

use super::wire::{Cause, Diagnosis};
use crate::apt::{Installed, PackageState};

/// The most lines of output that a diagnosis carries.
pub(super) const TAIL: usize = 40;

/// How a run of apt ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// apt's exit status; none, if a signal ended it.
    pub(super) status: Option<i32>,
    /// What was printed, as far as it was kept.
    pub(super) lines: Vec<String>,
    /// What the guard refused to let dpkg do.
    pub(super) refused: Option<String>,
    /// The time limit that was reached, in seconds.
    pub(super) over_time: Option<u64>,
}

/// Why `package` is not as it was to be. `repository` is the address of the farm that offers it, if one does.
pub(super) fn diagnose(
    package: &str,
    now: Option<&Installed>,
    repository: Option<&str>,
    ended: &Ended,
) -> Diagnosis {
    if let Some(reason) = &ended.refused {
        return refused(package, reason);
    }
    let failed = script::failed(package, &ended.lines);
    if let Some(seconds) = ended.over_time {
        return over_time(package, seconds, failed.as_ref(), &ended.lines);
    }
    if let Some(full) = apt_words::disk(&ended.lines) {
        return Diagnosis {
            package: Some(package.to_owned()),
            output: failed.map_or_else(|| tail(&ended.lines), |failed| failed.output),
            ..full
        };
    }
    if let Some(failed) = failed {
        return script::diagnose(package, failed);
    }
    let found = apt_words::waits(package, &ended.lines)
        .or_else(|| apt_words::find(repository, &ended.lines));
    let found = found.unwrap_or_else(|| unknown(package, now, ended));
    Diagnosis {
        package: found.package.or_else(|| Some(package.to_owned())),
        ..found
    }
}

/// A diagnosis without a script.
pub(super) fn plain(cause: Cause, code: &str, message: String, hint: &str) -> Diagnosis {
    Diagnosis {
        cause,
        code: code.to_owned(),
        message,
        hint: hint.to_owned(),
        package: None,
        script: None,
        step: None,
        exit_status: None,
        output: Vec::new(),
    }
}

/// Why a refresh of the farms' indices failed.
pub(super) fn diagnose_refresh(repository: Option<&str>, ended: &Ended) -> Diagnosis {
    let found = apt_words::find(repository, &ended.lines);
    found.unwrap_or_else(|| Diagnosis {
        output: tail(&ended.lines),
        ..plain(
            Cause::Unknown,
            "refresh-failed",
            "apt could not fetch the farm's index".to_owned(),
            "run `apt-get update` and read what it says",
        )
    })
}

/// The last lines.
pub(super) fn tail(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .skip(lines.len().saturating_sub(TAIL))
        .cloned()
        .collect()
}

fn refused(package: &str, reason: &str) -> Diagnosis {
    Diagnosis {
        package: Some(package.to_owned()),
        ..plain(
            Cause::Apt,
            "not-the-farms",
            format!("nothing was changed: {reason}"),
            "look at the sources of this host (`apt-cache policy PACKAGE`) and remove the one that offers what the farm does not",
        )
    }
}

fn over_time(
    package: &str,
    seconds: u64,
    failed: Option<&script::Failed>,
    lines: &[String],
) -> Diagnosis {
    let running = script::running(package, lines);
    let (cause, who, hint) = if failed.is_some() || running {
        let hint = "ask the plugin's author; a script must not wait for input or for ever";
        (Cause::Plugin, "a script of the plugin", hint)
    } else {
        (
            Cause::Apt,
            "apt",
            "look at the mirrors of this host, and try again",
        )
    };
    let found = plain(
        cause,
        "time-limit",
        format!("{who} was not done after {seconds} seconds, and was ended"),
        hint,
    );
    Diagnosis {
        package: Some(package.to_owned()),
        script: failed.map(|failed| failed.script.to_owned()),
        step: failed.and_then(|failed| failed.step().map(str::to_owned)),
        output: failed.map_or_else(|| tail(lines), |failed| failed.output.clone()),
        ..found
    }
}

fn unknown(package: &str, now: Option<&Installed>, ended: &Ended) -> Diagnosis {
    let state = now.map_or(PackageState::NotInstalled, |now| now.state);
    let said = ended
        .lines
        .iter()
        .rev()
        .find(|line| line.starts_with("E: "));
    let said = said.map_or_else(
        || match ended.status {
            Some(status) => format!("apt ended with status {status}"),
            None => "apt was killed".to_owned(),
        },
        |line| line.trim_start_matches("E: ").to_owned(),
    );
    Diagnosis {
        output: tail(&ended.lines),
        ..plain(
            Cause::Unknown,
            "apt-failed",
            format!("{package} is {} now: {said}", state.word()),
            "read the output; /var/log/apt/term.log has all of it",
        )
    }
}

#[cfg(test)]
mod tests;
