//! The kernel's own account of a container: memory, processor time and processes, from its control group (version 1 or 2).

use std::path::{Path, PathBuf};

/// Where the kernel keeps the accounts.
const ROOT: &str = "/sys/fs/cgroup";

/// The control group of one container.
#[derive(Debug)]
pub(super) struct ControlGroup {
    memory: PathBuf,
    processor: PathBuf,
    processes: PathBuf,
}

impl ControlGroup {
    /// The group of a container that runs on this machine, in the place that either of Docker's two drivers gives it.
    pub(super) fn find(container: &str) -> Option<Self> {
        let places = [
            format!("docker/{container}"),
            format!("system.slice/docker-{container}.scope"),
        ];
        places.iter().find_map(|place| {
            let unified = Path::new(ROOT).join(place);
            if unified.is_dir() {
                return Some(Self {
                    memory: unified.clone(),
                    processor: unified.clone(),
                    processes: unified,
                });
            }
            let memory = Path::new(ROOT).join("memory").join(place);
            memory.is_dir().then(|| Self {
                memory,
                processor: Path::new(ROOT).join("cpuacct").join(place),
                processes: Path::new(ROOT).join("pids").join(place),
            })
        })
    }

    /// The most memory so far, in bytes.
    pub(super) fn memory_peak(&self) -> Option<u64> {
        number(&self.memory.join("memory.peak"))
            .or_else(|| number(&self.memory.join("memory.max_usage_in_bytes")))
    }

    /// Processor time so far, in microseconds.
    pub(super) fn processor(&self) -> Option<u64> {
        field(&self.processor.join("cpu.stat"), "usage_usec")
            .or_else(|| number(&self.processor.join("cpuacct.usage")).map(|nanos| nanos / 1000))
    }

    /// How many processes the kernel has killed for lack of memory.
    pub(super) fn memory_kills(&self) -> u64 {
        field(&self.memory.join("memory.events"), "oom_kill")
            .or_else(|| field(&self.memory.join("memory.oom_control"), "oom_kill"))
            .unwrap_or(0)
    }

    /// How often the kernel has refused to start a process because there were as many as allowed.
    pub(super) fn refused_processes(&self) -> u64 {
        field(&self.processes.join("pids.events"), "max").unwrap_or(0)
    }
}

fn number(file: &Path) -> Option<u64> {
    fs_err::read_to_string(file).ok()?.trim().parse().ok()
}

/// The number after `name` in a file of such lines.
fn field(file: &Path, name: &str) -> Option<u64> {
    let text = fs_err::read_to_string(file).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let (_, value) = lines.find(|(key, _)| *key == name)?;
    value.trim().parse().ok()
}
