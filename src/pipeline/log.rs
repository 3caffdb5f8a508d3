//! The log of one build. Every line goes to its file; the few that may explain a failure also stay in memory.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use fs_err::File;

use crate::model::LogLine;
use crate::sandbox::Printed;

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

    /// Appends one line, and gives it its number. It is written with its colours, and remembered without.
    pub(super) fn append(&mut self, text: Printed<'_>) -> io::Result<LogLine> {
        self.lines += 1;
        writeln!(self.file, "{}", text.coloured)?;
        let line = |text: &str| LogLine {
            number: self.lines,
            text: text.to_owned(),
        };
        let plain = line(text.plain);
        if TROUBLE.iter().any(|word| plain.text.contains(word)) {
            remember(&mut self.trouble, plain.clone());
        }
        let coloured = line(text.coloured);
        remember(&mut self.last, plain);
        Ok(coloured)
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

    impl BuildLog {
        fn note(&mut self, plain: &str) {
            self.append(Printed::plainly(plain)).unwrap();
        }
    }

    #[test]
    fn the_telling_lines_are_the_trouble_and_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = BuildLog::create(&folder.path().join("log")).unwrap();
        log.note("tar: dist/x.tar.gz: Cannot open: No such file or directory");
        for n in 0..30 {
            log.note(&format!("line {n}"));
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
            log.note(text);
        }
        let numbers: Vec<_> = log.telling().iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 2, 4]);
    }

    #[test]
    fn a_line_of_stars_is_an_ornament_and_what_make_says_is_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = BuildLog::create(&folder.path().join("log")).unwrap();
        log.note("        ********************");
        log.note("make: *** [Makefile:4: install] Error 1");
        assert_eq!(log.trouble().count(), 1);
    }

    #[test]
    fn a_log_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        BuildLog::create(&path).unwrap();
        assert!(BuildLog::create(&path).is_err());
    }

    #[test]
    fn a_log_has_colours_and_what_explains_a_failure_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = BuildLog::create(&folder.path().join("log")).unwrap();
        let coloured = "\u{1b}[31mrules: 3: x: not found\u{1b}[0m";
        let plain = "rules: 3: x: not found";
        let line = log.append(Printed { plain, coloured }).unwrap();
        assert_eq!(line.text, coloured);
        for told in [log.telling(), log.trouble().cloned().collect()] {
            assert_eq!(told.len(), 1);
            assert_eq!(told[0].text, plain);
        }
        let path = log.flush().unwrap();
        assert_eq!(
            fs_err::read_to_string(path).unwrap(),
            format!("{coloured}\n")
        );
    }
}
