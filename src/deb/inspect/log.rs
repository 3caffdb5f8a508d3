//! Looks for commands that failed while the rules went on, by what the commands print.

use super::checks::{Check, Report};
use crate::model::LogLine;

/// How a line starts, and what else it holds, when a command of the usual kind has failed.
const FAILURES: &[(&str, &[&str])] = &[
    ("tar: ", &["Cannot", "Error", "Not found in archive"]),
    (
        "cp: ",
        &["cannot", "omitting directory", "is not a directory"],
    ),
    ("mv: ", &["cannot", "is not a directory"]),
    ("install: ", &["cannot", "omitting directory", "failed"]),
    ("ln: ", &["failed"]),
    ("mkdir: ", &["cannot"]),
    ("chmod: ", &["cannot", "changing permissions"]),
    ("chown: ", &["cannot", "changing ownership", "invalid"]),
    ("unzip: ", &["cannot"]),
    (
        "wget: ",
        &["unable", "failed", "missing", "error", "cannot"],
    ),
    ("curl: (", &[")"]),
    ("fatal: ", &[""]),
    ("make: *** ", &[""]),
    ("Traceback (most recent call last)", &[""]),
];

pub(super) fn check(log: &[LogLine], report: &mut Report) {
    for line in log.iter().filter(|line| is_failure(line.text.trim_end())) {
        let text = format!("line {}: {}", line.number, line.text.trim_end());
        report.add(Check::LogFailure, &text);
    }
}

fn is_failure(text: &str) -> bool {
    let known = FAILURES.iter().any(|(start, words)| {
        text.strip_prefix(start)
            .is_some_and(|rest| words.iter().any(|word| rest.contains(word)))
    });
    // dash: `rules: 7: name: not found`; bash: `rules: line 7: name: command not found`.
    let shell = text.ends_with(": command not found")
        || text.ends_with(": not found")
            && text.split(": ").any(|part| part.parse::<u32>().is_ok());
    known || shell
}
