//! An attempt's log, read on from where it was read last: from memory while the attempt runs, else from its file.

use std::path::Path;
use std::sync::Arc;

use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};

use super::Api;
use crate::model::{BuildId, LogLine};
use crate::queue::LiveLog;
use crate::store::Attempt;

/// How many lines are read at once.
pub(super) const BATCH: usize = 500;
/// How many bytes of lines are read at once, but for the last line.
pub(super) const BATCH_BYTES: usize = 64 << 10;

/// A log, and how much of it was read.
pub(super) struct Tail {
    from: From,
    /// How many lines were read.
    after: usize,
}

enum From {
    Memory(Arc<LiveLog>),
    File(Lines<BufReader<File>>),
    /// What was never written is not there.
    Nowhere,
}

impl Tail {
    /// The log of an attempt, of which the first `after` lines were read.
    pub(super) async fn open(api: &Api, build: &BuildId, attempt: &Attempt, after: usize) -> Self {
        if let Some(live) = api.live.log(build)
            && live.number == attempt.number
        {
            let from = From::Memory(live);
            return Self { from, after };
        }
        let name = attempt.log.as_deref().unwrap_or("log");
        Self::of_file(&api.builds.join(attempt.id.as_str()).join(name), after).await
    }

    async fn of_file(path: &Path, after: usize) -> Self {
        let mut from = match fs_err::File::open(path) {
            Ok(file) => {
                let file = File::from_std(file.into_parts().0);
                From::File(BufReader::with_capacity(BATCH_BYTES, file).lines())
            }
            Err(error) => {
                tracing::debug!(%error, "a log is not there");
                From::Nowhere
            }
        };
        for _ in 0..after {
            if !matches!(from.next().await, Ok(Some(_))) {
                break;
            }
        }
        Self { from, after }
    }

    /// How many lines were read.
    pub(super) fn after(&self) -> usize {
        self.after
    }

    /// The next lines: some, unless there are none now.
    pub(super) async fn read(&mut self, most: usize) -> Vec<LogLine> {
        let most = most.min(BATCH);
        let lines = match &mut self.from {
            From::Memory(live) => live.after(self.after, most, BATCH_BYTES),
            file => file.read(self.after, most).await,
        };
        self.after += lines.len();
        lines
    }
}

impl From {
    async fn read(&mut self, after: usize, most: usize) -> Vec<LogLine> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while lines.len() < most && bytes < BATCH_BYTES {
            match self.next().await {
                Ok(Some(text)) => {
                    bytes += text.len();
                    let number = u64::try_from(after + lines.len() + 1).unwrap_or(u64::MAX);
                    lines.push(LogLine { number, text });
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "a log cannot be read");
                    break;
                }
            }
        }
        lines
    }

    async fn next(&mut self) -> std::io::Result<Option<String>> {
        match self {
            Self::File(lines) => lines.next_line().await,
            Self::Memory(_) | Self::Nowhere => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_once_however_long_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let text: String = (1..=2000).map(|line| format!("line {line}\n")).collect();
        fs_err::write(&path, text).unwrap();
        let mut tail = Tail::of_file(&path, 3).await;
        let mut numbers = Vec::new();
        loop {
            let lines = tail.read(usize::MAX).await;
            assert!(lines.len() <= BATCH);
            if lines.is_empty() {
                break;
            }
            assert!(
                lines
                    .iter()
                    .all(|one| one.text == format!("line {}", one.number))
            );
            numbers.extend(lines.into_iter().map(|line| line.number));
        }
        assert!(numbers.into_iter().eq(4..=2000));
        assert_eq!(tail.after(), 2000);
    }

    #[tokio::test]
    async fn what_is_read_at_once_has_a_limit_in_bytes_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let line = "x".repeat(8 << 10);
        fs_err::write(&path, format!("{line}\n").repeat(100)).unwrap();
        let mut tail = Tail::of_file(&path, 0).await;
        assert_eq!(tail.read(usize::MAX).await.len(), 8);
        let mut beyond = Tail::of_file(&path, 101).await;
        assert_eq!(beyond.read(9).await, []);
        let mut nowhere = Tail::of_file(&folder.path().join("none"), 0).await;
        assert_eq!(nowhere.read(9).await, []);
    }
}
