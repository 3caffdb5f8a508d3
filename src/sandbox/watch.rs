//! What a running container uses of the machine: disk, files, memory, processor. Read from outside, where no build reaches.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;

use super::cgroup::ControlGroup;
use super::usage::{self, Usage};
use super::{Engine, EngineFacts, SandboxError};
use crate::config::Limits;

/// Free space that builds may not touch, in bytes: publishing and the farm's state live on it.
pub(super) const RESERVE: u64 = 1 << 30;
/// Free inodes that builds may not touch.
const RESERVED_INODES: u64 = 10_000;

/// What a container used at most. A figure that the machine does not give is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Peaks {
    /// Space on disk, in bytes.
    pub disk: Option<u64>,
    /// Files and folders.
    pub inodes: Option<u64>,
    /// Memory in bytes, page cache included. Short runs end before the first look.
    pub memory: Option<u64>,
    /// Processor time, in microseconds.
    pub processor: Option<u64>,
}

impl Peaks {
    /// The larger of each figure.
    pub(super) fn raise(&mut self, other: Self) {
        self.disk = self.disk.max(other.disk);
        self.inodes = self.inodes.max(other.inodes);
        self.memory = self.memory.max(other.memory);
        self.processor = self.processor.max(other.processor);
    }
}

/// What one look found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reading {
    pub(super) used: Peaks,
    /// What is left for builds and everybody else.
    pub(super) free: Option<Usage>,
    /// How many processes the kernel killed for lack of memory.
    pub(super) memory_kills: u64,
    /// How often it refused to start a process.
    pub(super) refused_processes: u64,
}

/// Looks at one container, again and again.
#[derive(Debug)]
pub(super) struct Probe {
    container: String,
    /// The layer that the container writes to, if it can be walked.
    layer: Option<PathBuf>,
    /// The engine's data folder, if it is on this machine.
    data_root: Option<PathBuf>,
    accounts: Option<ControlGroup>,
    limit: Usage,
    /// What was free before the container started.
    before: Option<Usage>,
    walked: Walked,
}

/// The last walk through the layer.
#[derive(Debug)]
struct Walked {
    at: Instant,
    cost: Duration,
    found: Usage,
    /// What was free then.
    free: Option<Usage>,
}

impl Probe {
    /// Refuses to start anything when the disk is as good as full.
    pub(super) fn check_reserve(facts: &EngineFacts) -> Result<(), SandboxError> {
        match free_below(&facts.data_root) {
            Some(free) if facts.local && is_below_reserve(free) => {
                Err(SandboxError::FarmDiskFull {
                    free: free.bytes,
                    reserve: RESERVE,
                })
            }
            _ => Ok(()),
        }
    }

    /// Gets ready to look at a container that has not started yet.
    pub(super) async fn new(
        engine: &Engine,
        container: &str,
        limits: &Limits,
    ) -> Result<Self, SandboxError> {
        let inspected = engine.docker.inspect_container(container, None).await;
        let inspected = inspected.map_err(SandboxError::engine("inspect a container"))?;
        let layer = inspected
            .graph_driver
            .and_then(|driver| driver.data.get("UpperDir").map(PathBuf::from));
        let data_root = engine.facts.local.then(|| engine.facts.data_root.clone());
        let before = data_root.as_deref().and_then(free_below);
        Ok(Self {
            container: container.to_owned(),
            layer: layer.filter(|path| engine.facts.local && fs_err::read_dir(path).is_ok()),
            data_root,
            accounts: None,
            limit: Usage {
                bytes: limits.disk,
                inodes: limits.inodes,
            },
            before,
            walked: Walked {
                at: Instant::now(),
                cost: Duration::ZERO,
                found: Usage::default(),
                free: before,
            },
        })
    }

    /// Looks. Blocks for as long as a walk through the container's files takes, which the limit on them bounds.
    pub(super) fn look(&mut self) -> Reading {
        if self.accounts.is_none() && self.data_root.is_some() {
            self.accounts = ControlGroup::find(&self.container);
        }
        let free = self.data_root.as_deref().and_then(free_below);
        let used = self.disk(free);
        let accounts = self.accounts.as_ref();
        Reading {
            used: Peaks {
                disk: used.map(|used| used.bytes),
                inodes: used.map(|used| used.inodes),
                memory: accounts.and_then(ControlGroup::memory_peak),
                processor: accounts.and_then(ControlGroup::processor),
            },
            free,
            memory_kills: accounts.map_or(0, ControlGroup::memory_kills),
            refused_processes: accounts.map_or(0, ControlGroup::refused_processes),
        }
    }

    /// Looks once more when the container has ended, and further than its limit: by how much it was exceeded is worth knowing.
    pub(super) fn last_look(mut self) -> Reading {
        self.limit.bytes = self.limit.bytes.saturating_mul(4);
        self.limit.inodes = self.limit.inodes.saturating_mul(4);
        self.walked.cost = Duration::ZERO;
        self.look()
    }

    /// A walk costs time, so it is made when the time since the last one pays for it tenfold, or when so much has gone from
    /// the disk that the container may be near a limit. Where the layer cannot be walked, all that has gone is taken for
    /// the container's.
    fn disk(&mut self, free: Option<Usage>) -> Option<Usage> {
        let Some(layer) = &self.layer else {
            return Some(self.before?.minus(free?));
        };
        let walked = &self.walked;
        let since = walked.at.elapsed();
        let near = match (walked.free, free) {
            (Some(then), Some(now)) => {
                let (gone, room) = (then.minus(now), self.limit.minus(walked.found));
                gone.bytes > room.bytes / 2 || gone.inodes > room.inodes / 2
            }
            _ => false,
        };
        if since >= walked.cost * 10 || near && since >= walked.cost {
            let began = Instant::now();
            let found = usage::of(layer, self.limit);
            self.walked = Walked {
                at: Instant::now(),
                cost: began.elapsed(),
                found,
                free,
            };
        }
        Some(self.walked.found)
    }
}

/// What is free on the file system that holds `folder`.
fn free_below(folder: &Path) -> Option<Usage> {
    let stat = statvfs(folder).ok()?;
    Some(Usage {
        bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        // Some file systems make inodes as they go, and count none.
        inodes: if stat.f_files == 0 {
            u64::MAX
        } else {
            stat.f_favail
        },
    })
}

/// Whether so little is left that builds must stop.
pub(super) fn is_below_reserve(free: Usage) -> bool {
    free.bytes < RESERVE || free.inodes < RESERVED_INODES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_of_space_and_of_inodes_is_kept() {
        let free = |bytes, inodes| is_below_reserve(Usage { bytes, inodes });
        assert!(!free(RESERVE, RESERVED_INODES));
        assert!(free(RESERVE - 1, u64::MAX));
        assert!(free(u64::MAX, RESERVED_INODES - 1));
    }

    #[test]
    fn nothing_starts_on_a_full_disk() {
        let facts = |data_root: &str| EngineFacts {
            data_root: PathBuf::from(data_root),
            ..crate::sandbox::engine::tests::facts()
        };
        // The kernel's own file systems have no space at all.
        let refused = Probe::check_reserve(&facts("/proc"));
        assert!(matches!(
            refused,
            Err(SandboxError::FarmDiskFull { free: 0, .. })
        ));
        assert!(Probe::check_reserve(&facts("/")).is_ok());
    }
}
