//! The limits of a build as its evidence says them, and back.

use std::time::Duration;

use crate::config::Limits;
use crate::evidence::LimitFacts;

/// What the evidence says of the limits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0.1 to 1024 cores"
)]
pub(super) fn limit_facts(limits: &Limits) -> LimitFacts {
    LimitFacts {
        memory_bytes: limits.memory,
        cpu_millis: (limits.cpus * 1000.0).round() as u64,
        processes: limits.processes,
        open_files: limits.open_files,
        scratch_bytes: limits.scratch,
        disk_bytes: limits.disk,
        inodes: limits.inodes,
        total_seconds: limits.total_time.as_secs(),
        silence_seconds: limits.silence_time.as_secs(),
        log_bytes: limits.log,
        tree_bytes: limits.tree,
        tree_entries: limits.entries,
    }
}

/// The limits that the evidence says, so that a build can be done again under them.
#[expect(
    clippy::cast_precision_loss,
    reason = "thousandths of a core: at most 1024000"
)]
pub(super) fn recorded_limits(facts: &LimitFacts) -> Limits {
    Limits {
        memory: facts.memory_bytes,
        cpus: facts.cpu_millis as f64 / 1000.0,
        processes: facts.processes,
        open_files: facts.open_files,
        scratch: facts.scratch_bytes,
        disk: facts.disk_bytes,
        inodes: facts.inodes,
        total_time: Duration::from_secs(facts.total_seconds),
        silence_time: Duration::from_secs(facts.silence_seconds),
        log: facts.log_bytes,
        tree: facts.tree_bytes,
        entries: facts.tree_entries,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_come_back_from_the_evidence_as_they_were() {
        let limits = Limits {
            cpus: 0.7,
            memory: 1,
            processes: 2,
            open_files: 3,
            scratch: 4,
            disk: 5,
            inodes: 6,
            total_time: Duration::from_secs(7),
            silence_time: Duration::from_secs(8),
            log: 9,
            tree: 10,
            entries: 11,
        };
        assert_eq!(recorded_limits(&limit_facts(&limits)), limits);
    }
}
