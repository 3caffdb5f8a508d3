//! The log of one build. Every line goes to its file; the few that may explain a failure also stay in memory.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use fs_err::File;

use crate::model::LogLine;

/// How many of the last lines, and how many of the lines that look like trouble, are remembered.
const REMEMBERED: usize = 12;

/// What a line says when something went wrong, in the words of the tools that plugins use.
const TROUBLE: &[&str] = &[
    "rror:",
    "Error ",
    "ERROR",
    "annot ",
    "not found",
    "No such file",
    "ermission denied",
    "Traceback",
    "not permitted",
    "fatal:",
    "ould not",
    "failure in name resolution",
    ": *** ",
    "FAILED",
    "nrecognized",
    "Killed",
    "No space left",
];

/// A build's log, written while the build runs.
#[derive(Debug)]
pub(super) struct BuildLog {
    path: PathBuf,
    file: BufWriter<File>,
    lines: u64,
    last: VecDeque<LogLine>,
    trouble: VecDeque<LogLine>,
}

impl BuildLog {
    /// Starts a log at `path`, which must not exist yet.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = fs_err::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            lines: 0,
            last: VecDeque::new(),
            trouble: VecDeque::new(),
        })
    }

    /// Appends one line, which the caller has made printable, and gives it its number.
    pub(super) fn append(&mut self, text: &str) -> io::Result<LogLine> {
        self.lines += 1;
        writeln!(self.file, "{text}")?;
        let line = LogLine {
            number: self.lines,
            text: text.to_owned(),
        };
        if TROUBLE.iter().any(|word| text.contains(word)) {
            remember(&mut self.trouble, line.clone());
        }
        remember(&mut self.last, line.clone());
        Ok(line)
    }

    /// The lines that most likely explain a failure, oldest first.
    #[must_use]
    pub(super) fn telling(&self) -> Vec<LogLine> {
        let mut lines: Vec<_> = self.trouble.iter().chain(&self.last).cloned().collect();
        lines.sort_by_key(|line| line.number);
        lines.dedup();
        lines
    }

    /// The lines that look like trouble, oldest first, at most the last dozen.
    pub(super) fn trouble(&self) -> impl Iterator<Item = &LogLine> {
        self.trouble.iter()
    }

    /// Writes out what is buffered, and says where the log is.
    pub(super) fn flush(&mut self) -> io::Result<&Path> {
        self.file.flush()?;
        Ok(&self.path)
    }
}

/// Of a line that is repeated, the first is remembered.
fn remember(lines: &mut VecDeque<LogLine>, line: LogLine) {
    if lines.back().is_some_and(|last| last.text == line.text) {
        return;
    }
    if lines.len() == REMEMBERED {
        lines.pop_front();
    }
    lines.push_back(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_telling_lines_are_the_trouble_and_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = BuildLog::create(&folder.path().join("log")).unwrap();
        log.append("tar: dist/x.tar.gz: Cannot open: No such file or directory")
            .unwrap();
        for n in 0..30 {
            log.append(&format!("line {n}")).unwrap();
        }
        let numbers: Vec<_> = log.telling().iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]);
        let path = log.flush().unwrap();
        assert_eq!(fs_err::read_to_string(path).unwrap().lines().count(), 31);
    }

    #[test]
    fn a_repeated_line_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = BuildLog::create(&folder.path().join("log")).unwrap();
        for text in ["begin", "sh: Cannot fork", "sh: Cannot fork", "end"] {
            log.append(text).unwrap();
        }
        let numbers: Vec<_> = log.telling().iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 2, 4]);
    }

    #[test]
    fn a_line_of_stars_is_an_ornament_and_what_make_says_is_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = BuildLog::create(&folder.path().join("log")).unwrap();
        log.append("        ********************").unwrap();
        log.append("make: *** [Makefile:4: install] Error 1")
            .unwrap();
        assert_eq!(log.trouble().count(), 1);
    }

    #[test]
    fn a_log_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        BuildLog::create(&path).unwrap();
        assert!(BuildLog::create(&path).is_err());
    }
}
