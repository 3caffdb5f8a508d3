//! Removes what builds left that is kept no longer. What hosts install is in the repository, which keeps its own.

use std::path::Path;
use std::time::Duration;

use super::Upkeep;
use crate::model::Timestamp;
use crate::pipeline::keep_only_the_log;
use crate::store::StoreError;

/// How many attempts are looked at in one go.
const AT_ONCE: u32 = 500;

impl Upkeep {
    /// Removes artifacts and logs whose time is over. The state forgets them first: whoever is killed in between leaves a
    /// folder that nothing names, not a name without a file.
    pub(super) async fn prune(&self, now: Timestamp) -> Result<(), String> {
        let words = |error: StoreError| format!("old logs and artifacts stay: {error}");
        for (keep, logs) in [(self.keep.logs, true), (self.keep.artifacts, false)] {
            loop {
                let old = self.store.leftovers(before(now, keep), logs, AT_ONCE).await;
                let old = old.map_err(words)?;
                for left in &old {
                    let forgotten = self.store.forget(&left.attempt, logs).await;
                    forgotten.map_err(words)?;
                    let folder = self.builds.join(left.attempt.as_str());
                    if logs || !left.log {
                        remove(&folder);
                    } else {
                        keep_only_the_log(&folder);
                    }
                }
                if old.len() < AT_ONCE as usize {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn before(now: Timestamp, keep: Duration) -> Timestamp {
    let keep = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_seconds(now.seconds().saturating_sub(keep))
}

fn remove(folder: &Path) {
    if let Err(error) = fs_err::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "an old attempt's folder stays");
    }
}
