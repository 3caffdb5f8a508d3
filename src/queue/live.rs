//! What runs in this process right now: its log as it grows, and the way to stop it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::model::{BuildId, LogLine};
use crate::sandbox::Canceller;

/// The log of one attempt while it runs, in memory: at most what the limits of a build let it print.
#[derive(Debug)]
pub struct LiveLog {
    /// The attempt's number, from 1.
    pub number: u32,
    lines: Mutex<Vec<LogLine>>,
    /// How many lines there are, and whether no more will come.
    length: watch::Sender<(usize, bool)>,
}

impl LiveLog {
    /// An empty log, of attempt `number`.
    #[must_use]
    pub fn new(number: u32) -> Self {
        Self {
            number,
            lines: Mutex::new(Vec::new()),
            length: watch::Sender::new((0, false)),
        }
    }

    pub(super) fn push(&self, line: LogLine) {
        let mut lines = lock(&self.lines);
        lines.push(line);
        self.length.send_replace((lines.len(), false));
    }

    pub(super) fn end(&self) {
        self.length.send_modify(|(_, ended)| *ended = true);
    }

    /// How many lines there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.lines).len()
    }

    /// Whether nothing has been printed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// At most `most` lines after the first `after`, and no more than it takes for `bytes`.
    #[must_use]
    pub fn after(&self, after: usize, most: usize, bytes: usize) -> Vec<LogLine> {
        let lines = lock(&self.lines);
        let mut left = bytes;
        let fits = |line: &&LogLine| {
            let fits = left > 0;
            left = left.saturating_sub(line.text.len().max(1));
            fits
        };
        let found = lines.iter().skip(after).take(most).take_while(fits);
        found.cloned().collect()
    }

    /// Waits until there are more than `after` lines, and says whether that will ever be.
    pub async fn grows(&self, after: usize) -> bool {
        let mut length = self.length.subscribe();
        let waited = length
            .wait_for(|(count, ended)| *count > after || *ended)
            .await;
        waited.is_ok_and(|found| found.0 > after)
    }
}

struct Entry {
    log: Arc<LiveLog>,
    canceller: Canceller,
    /// Whether it still needs a container.
    sandboxed: bool,
}

/// The builds that run in this process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Live(Arc<Mutex<HashMap<BuildId, Entry>>>);

impl Live {
    pub(super) fn begin(&self, build: &BuildId, log: Arc<LiveLog>, canceller: Canceller) {
        let entry = Entry {
            log,
            canceller,
            sandboxed: true,
        };
        lock(&self.0).insert(build.clone(), entry);
    }

    pub(super) fn end(&self, build: &BuildId) {
        if let Some(entry) = lock(&self.0).remove(build) {
            entry.log.end();
        }
    }

    /// The log of a build that runs here.
    #[must_use]
    pub fn log(&self, build: &BuildId) -> Option<Arc<LiveLog>> {
        lock(&self.0).get(build).map(|entry| Arc::clone(&entry.log))
    }

    /// Notes that a build needs no container any more: what is left to do is to sign and to publish.
    pub(super) fn leave_sandbox(&self, build: &BuildId) {
        if let Some(entry) = lock(&self.0).get_mut(build) {
            entry.sandboxed = false;
        }
    }

    /// How many builds may run at once when `workers` of them may have a container: while one is signed and published, which
    /// waits for disks and for others, the next one begins. Never more than twice as many, however long publishing takes.
    pub(super) fn places(&self, workers: usize) -> usize {
        let entries = lock(&self.0);
        let leaving = entries.values().filter(|entry| !entry.sandboxed).count();
        workers + leaving.min(workers)
    }

    /// Whether a build runs here.
    #[must_use]
    pub fn has(&self, build: &BuildId) -> bool {
        lock(&self.0).contains_key(build)
    }

    /// Stops a build, if it runs here.
    pub fn cancel(&self, build: &BuildId) {
        if let Some(entry) = lock(&self.0).get(build) {
            entry.canceller.cancel();
        }
    }

    pub(super) fn cancel_all(&self) {
        for entry in lock(&self.0).values() {
            entry.canceller.cancel();
        }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

/// What is locked here is whole after each statement: whoever panicked meanwhile has broken nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_needs_no_container_makes_place_for_another() {
        let live = Live::default();
        let builds: Vec<_> = (1..=5)
            .map(|number| BuildId::from_uuid(uuid::Uuid::from_u128(number)))
            .collect();
        for build in &builds {
            live.begin(build, Arc::new(LiveLog::new(1)), Canceller::new().0);
        }
        assert_eq!(live.places(2), 2);
        live.leave_sandbox(&builds[0]);
        assert_eq!(live.places(2), 3);
        for build in &builds {
            live.leave_sandbox(build);
        }
        assert_eq!(
            live.places(2),
            4,
            "a repository that stands still is not waited at by all"
        );
        for build in &builds {
            live.end(build);
        }
        assert_eq!(live.places(2), 2);
    }

    #[tokio::test]
    async fn whoever_reads_a_log_hears_of_each_line_and_of_the_end() {
        let log = Arc::new(LiveLog::new(1));
        let reader = Arc::clone(&log);
        let reading = tokio::spawn(async move {
            let mut seen = Vec::new();
            while reader.grows(seen.len()).await {
                seen.extend(reader.after(seen.len(), 9, 2 * "line 1".len()));
            }
            seen
        });
        for number in 1..=5 {
            let text = format!("line {number}");
            log.push(LogLine { number, text });
            tokio::task::yield_now().await;
        }
        log.end();
        assert_eq!(reading.await.unwrap().len(), 5);
    }
}
