//! What a build used of what it may use, for whoever writes the next one.

use serde::{Deserialize, Serialize};

use crate::sandbox::Finished;

/// How much of how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The most that was used.
    pub used: u64,
    /// The most that may be.
    pub limit: u64,
}

/// What both steps used at most. A figure that the machine does not give is `null`; short runs end before the first look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Wall time, in milliseconds.
    pub time: Measure,
    /// Memory in bytes, page cache included.
    pub memory: Option<Measure>,
    /// Space on disk, in bytes.
    pub disk: Option<Measure>,
    /// Files and folders.
    pub inodes: Option<Measure>,
    /// Processor time, in milliseconds.
    pub processor: Option<u64>,
}

impl Resources {
    /// What a container used.
    pub(super) fn of(finished: &Finished) -> Self {
        let (limits, peaks) = (finished.limits(), finished.peaks);
        let measure = |used: Option<u64>, limit| used.map(|used| Measure { used, limit });
        let millis =
            |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            time: Measure {
                used: millis(finished.timings.run),
                limit: millis(limits.total_time),
            },
            memory: measure(peaks.memory, limits.memory),
            disk: measure(peaks.disk, limits.disk),
            inodes: measure(peaks.inodes, limits.inodes),
            processor: peaks.processor.map(|micros| micros / 1000),
        }
    }
}
