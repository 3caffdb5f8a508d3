//! Maintainer scripts that failed, as dpkg says it (dpkg(1), and Debian Policy 6.5 for the names).

use super::super::wire::{Cause, Diagnosis};
use super::{plain, service, tail};

/// A script that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// Its name in the package, such as `postinst`.
    pub(super) script: &'static str,
    /// Its exit status.
    pub(super) status: Option<i32>,
    /// The signal that ended it, in dpkg's words.
    pub(super) signal: Option<String>,
    /// What it printed.
    pub(super) output: Vec<String>,
}

impl Failed {
    /// The step of `rules` that the farm's script of this name runs.
    pub(super) fn step(&self) -> Option<&'static str> {
        match self.script {
            "postinst" => Some("install"),
            "prerm" => Some("uninstall"),
            "postrm" => Some("postrm"),
            _ => None,
        }
    }
}

/// dpkg's words for scripts.
const SCRIPTS: [(&str, &str); 4] = [
    ("pre-installation script", "preinst"),
    ("post-installation script", "postinst"),
    ("pre-removal script", "prerm"),
    ("post-removal script", "postrm"),
];

/// The script of `package` that failed last, if one did.
pub(super) fn failed(package: &str, lines: &[String]) -> Option<Failed> {
    let at = lines.windows(2).rposition(|pair| {
        matches!(pair, [error, reason] if is_error(error, package) && script_in(reason).is_some())
    })?;
    let reason = lines.get(at + 1)?;
    let begun = lines.get(..at)?;
    let start = begun.iter().rposition(|line| begins(line, package));
    let output = begun.get(start.map_or(0, |start| start + 1)..)?;
    let number = |after: &str| {
        let (_, rest) = reason.split_once(after)?;
        rest.split_whitespace().next()?.parse().ok()
    };
    let signal = reason.split_once("killed by signal (");
    Some(Failed {
        script: script_in(reason)?,
        status: number("error exit status "),
        signal: signal.map(|(_, rest)| rest.trim_end_matches([')', ',']).to_owned()),
        output: tail(output),
    })
}

/// Whether a script of `package` had begun and nothing came after it.
pub(super) fn running(package: &str, lines: &[String]) -> bool {
    lines.iter().any(|line| begins(line, package))
}

fn is_error(line: &str, package: &str) -> bool {
    let rest = line.strip_prefix("dpkg: error processing ");
    rest.is_some_and(|rest| {
        let of_package = rest
            .strip_prefix("package ")
            .and_then(|rest| rest.strip_prefix(package));
        let of_archive = rest
            .strip_prefix("archive ")
            .and_then(|rest| rest.split_once(&format!("/{package}_")));
        of_package.is_some_and(|rest| rest.starts_with([' ', ':'])) || of_archive.is_some()
    })
}

fn script_in(reason: &str) -> Option<&'static str> {
    let found = SCRIPTS.iter().find(|(words, _)| reason.contains(words));
    found
        .filter(|_| reason.starts_with(' '))
        .map(|(_, name)| *name)
}

/// What dpkg prints before it runs scripts of a package.
fn begins(line: &str, package: &str) -> bool {
    let verbs = [
        "Setting up ",
        "Removing ",
        "Unpacking ",
        "Purging configuration files for ",
    ];
    let of = |verb: &&str| {
        let rest = line.strip_prefix(*verb);
        rest.and_then(|rest| rest.strip_prefix(package))
            .is_some_and(|rest| rest.starts_with([' ', ':']))
    };
    let preparing =
        line.starts_with("Preparing to unpack ") && line.contains(&format!("/{package}_"));
    preparing || verbs.iter().any(of)
}

/// Whose fault a failed script is, as far as what it printed tells.
pub(super) fn diagnose(package: &str, failed: Failed) -> Diagnosis {
    let how = match (&failed.signal, failed.status) {
        (Some(signal), _) => format!("was killed ({signal})"),
        (None, Some(status)) => format!("failed with status {status}"),
        (None, None) => "failed".to_owned(),
    };
    let what = match failed.step() {
        Some(step) => format!("`rules {step}` ({}) of {package}", failed.script),
        None => format!("the {} of {package}", failed.script),
    };
    let wazo = failed
        .output
        .iter()
        .find(|line| line.contains(": this plugin needs Wazo "));
    let found = if let Some(line) = wazo {
        let message = line.trim_start_matches(package).trim_start_matches(": ");
        plain(
            Cause::Plugin,
            "wazo-version",
            message.to_owned(),
            "install a version of the plugin that is for this Wazo, or upgrade Wazo",
        )
    } else if let Some(service) = service::at_fault(&failed.output) {
        plain(
            Cause::Service,
            "service-unavailable",
            format!("{what} {how}: {service}"),
            "see that the service runs (`systemctl status`, `wazo-service status`), then install the plugin again",
        )
    } else {
        let code = if failed.signal.is_some() {
            "script-killed"
        } else {
            "script-failed"
        };
        plain(
            Cause::Plugin,
            code,
            format!("{what} {how}"),
            "the output is the script's own; tell the plugin's author",
        )
    };
    Diagnosis {
        package: Some(package.to_owned()),
        script: Some(failed.script.to_owned()),
        step: failed.step().map(str::to_owned),
        exit_status: failed.status,
        output: failed.output,
        ..found
    }
}
