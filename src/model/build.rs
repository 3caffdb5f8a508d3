//! What becomes of a build: its states, the transitions that are legal, and how urgent it is.

use super::text::word_type;

/// Where a build is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuildState {
    /// It waits: for its turn, or for the time of its next attempt.
    Queued,
    /// It waits for plugins that it depends on and that are not published yet.
    Parked,
    /// An attempt is under way.
    Running,
    /// It was built, and published.
    Succeeded,
    /// A stage refused it, or broke too often.
    Failed,
    /// Somebody asked for it to stop.
    Cancelled,
    /// A newer build of the same plugin, for the same target and channel, took its place.
    Superseded,
    /// The farm died too often while it ran.
    Quarantined,
}

word_type!(
    BuildState,
    "state of a build",
    "it must be queued, parked, running, succeeded, failed, cancelled, superseded or quarantined",
    Queued = "queued",
    Parked = "parked",
    Running = "running",
    Succeeded = "succeeded",
    Failed = "failed",
    Cancelled = "cancelled",
    Superseded = "superseded",
    Quarantined = "quarantined"
);

impl BuildState {
    /// Whether nothing more happens unless somebody asks for it.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Parked | Self::Running)
    }

    /// Whether a build in this state may go into `next`.
    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        match self {
            Self::Queued => matches!(next, Self::Running | Self::Cancelled | Self::Superseded),
            Self::Parked => !matches!(
                next,
                Self::Parked | Self::Running | Self::Succeeded | Self::Quarantined
            ),
            Self::Running => !matches!(next, Self::Running | Self::Superseded),
            Self::Failed | Self::Cancelled | Self::Quarantined => next == Self::Queued,
            Self::Succeeded | Self::Superseded => false,
        }
    }
}

/// How urgent a build is. The more urgent has the larger share of the farm, never all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// It mends what hosts must not wait for. Only the operator says so.
    Urgent,
    /// A release.
    Normal,
    /// It may wait.
    Low,
}

word_type!(
    Priority,
    "priority",
    "it must be urgent, normal or low",
    Urgent = "urgent",
    Normal = "normal",
    Low = "low"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_never_becomes_anything_else() {
        for next in BuildState::ALL {
            assert!(!BuildState::Succeeded.can_become(*next), "{next}");
        }
    }

    #[test]
    fn a_final_state_is_left_only_for_the_queue() {
        for state in BuildState::ALL.iter().filter(|state| state.is_final()) {
            for next in BuildState::ALL {
                let left = state.can_become(*next);
                assert!(!left || *next == BuildState::Queued, "{state} to {next}");
            }
        }
    }

    #[test]
    fn words_are_read_back() {
        for state in BuildState::ALL {
            assert_eq!(state.word().parse::<BuildState>().unwrap(), *state);
        }
        let said = "soon".parse::<Priority>().unwrap_err().to_string();
        insta::assert_snapshot!(said, @"`soon` is not a valid priority: it must be urgent, normal or low");
    }
}
