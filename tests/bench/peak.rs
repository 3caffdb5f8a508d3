//! The most memory that a command takes.

use std::path::Path;
use std::process::{Command, Output};

/// Runs `command` below GNU time, which is small itself: what a child had in memory before its `exec` counts too. Gives what it
/// said, and its peak resident size in KiB.
pub fn peak(command: &Command, folder: &Path) -> (Output, f64) {
    let report = folder.join("peak");
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["--format=%M", "--output"]).arg(&report);
    timed.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        timed.env(name, value.unwrap());
    }
    let output = timed.output().unwrap();
    let text = std::fs::read_to_string(report).unwrap();
    (output, text.trim().parse().unwrap())
}
