//! How much of everything a stranger's build may use. Each limit that is reached is an outcome with a name of its own.

use std::time::Duration;

/// One mebibyte, in bytes.
const MIB: u64 = 1 << 20;

/// What one build attempt may use, and how large its result may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Memory in bytes, swap included.
    pub memory: u64,
    /// Processors, as a number of cores.
    pub cpus: f64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Open files per process.
    pub open_files: u64,
    /// Size of each scratch file system (`/tmp`, `/var/tmp`), in bytes; counts as memory.
    pub scratch: u64,
    /// What the container may write to disk, in bytes.
    pub disk: u64,
    /// How many files and folders the container may make.
    pub inodes: u64,
    /// Wall time of the whole attempt.
    pub total_time: Duration,
    /// The longest time without a byte of output.
    pub silence_time: Duration,
    /// Log output, in bytes.
    pub log: u64,
    /// The file tree that comes back, in bytes.
    pub tree: u64,
    /// Entries of the file tree that comes back.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 2048 * MIB,
            cpus: 2.0,
            processes: 512,
            open_files: 4096,
            scratch: 512 * MIB,
            disk: 4096 * MIB,
            inodes: 500_000,
            total_time: Duration::from_secs(30 * 60),
            silence_time: Duration::from_secs(10 * 60),
            log: 16 * MIB,
            tree: 2048 * MIB,
            entries: 100_000,
        }
    }
}

/// How large a plugin's source may be, and how long fetching it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLimits {
    /// All files together, in bytes.
    pub size: u64,
    /// Files and folders.
    pub entries: u64,
    /// Wall time of the fetch.
    pub time: Duration,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            size: 512 * MIB,
            entries: 50_000,
            time: Duration::from_secs(5 * 60),
        }
    }
}
