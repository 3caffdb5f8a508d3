//! The exit status of a build container: the one trustworthy word about which step failed. `images/builder/run` writes it.

use crate::model::Stage;

/// Statuses of `rules build` begin here; those of `rules package` at [`PACKAGE`].
const BUILD: u8 = 16;
const PACKAGE: u8 = 160;
/// How many statuses belong to one step, and where those that stand for signals begin.
const RANGE: u8 = 96;
const SIGNALS: u8 = 64;
/// The two offsets that stand for several statuses.
const NOT_EXECUTABLE: u8 = 62;
const OTHER: u8 = 63;

/// What a build container's exit status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Both steps say that they did well. That proves nothing: the file tree is inspected.
    Success,
    /// A step failed, and the runner lived to tell.
    Step {
        /// `Build` or `Package`.
        stage: Stage,
        /// How it failed.
        status: StepStatus,
    },
    /// The runner could not work: no source, no tokens, no folder for the result.
    RunnerFault {
        /// 1 to 15; `images/builder/run` says which is which.
        status: u8,
    },
    /// The runner itself was killed, by the plugin or for lack of memory.
    RunnerKilled {
        /// The signal's number.
        signal: u8,
    },
    /// A status that no runner gives.
    Unknown {
        /// The status.
        status: i64,
    },
}

/// How a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// It exited with this status (1 to 61).
    Exited(u8),
    /// It exited with a status that is not told apart: 62 to 125, or above 159.
    ExitedOtherwise,
    /// A signal killed it, or it exited with 128 and the signal's number, as shells do.
    Signalled(u8),
    /// The rules could not be executed (126, 127).
    NotExecutable,
}

impl Exit {
    /// Reads a container's exit status.
    #[must_use]
    pub fn decode(status: i64) -> Self {
        let Ok(byte) = u8::try_from(status) else {
            return Self::Unknown { status };
        };
        match byte {
            0 => Self::Success,
            1..BUILD => Self::RunnerFault { status: byte },
            BUILD..112 => Self::step(Stage::Build, byte - BUILD),
            PACKAGE.. => Self::step(Stage::Package, byte - PACKAGE),
            129..PACKAGE => Self::RunnerKilled { signal: byte - 128 },
            _ => Self::Unknown { status },
        }
    }

    fn step(stage: Stage, offset: u8) -> Self {
        let status = match offset {
            NOT_EXECUTABLE => StepStatus::NotExecutable,
            // An offset of 0 would be a failed step with status 0: the runner never says that.
            0 | OTHER | SIGNALS => StepStatus::ExitedOtherwise,
            SIGNALS..RANGE => StepStatus::Signalled(offset - SIGNALS),
            _ => StepStatus::Exited(offset),
        };
        Self::Step { stage, status }
    }
}

impl std::fmt::Display for StepStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::ExitedOtherwise => f.write_str("exited with a status above 61"),
            Self::Signalled(signal) => write!(f, "was killed by signal {signal}"),
            Self::NotExecutable => f.write_str("could not be executed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_own_range() {
        let step = |stage, status| Exit::Step { stage, status };
        assert_eq!(Exit::decode(0), Exit::Success);
        assert_eq!(Exit::decode(2), Exit::RunnerFault { status: 2 });
        assert_eq!(Exit::decode(17), step(Stage::Build, StepStatus::Exited(1)));
        assert_eq!(
            Exit::decode(78),
            step(Stage::Build, StepStatus::NotExecutable)
        );
        assert_eq!(
            Exit::decode(79),
            step(Stage::Build, StepStatus::ExitedOtherwise)
        );
        assert_eq!(
            Exit::decode(16 + 64 + 9),
            step(Stage::Build, StepStatus::Signalled(9))
        );
        assert_eq!(
            Exit::decode(161),
            step(Stage::Package, StepStatus::Exited(1))
        );
        assert_eq!(
            Exit::decode(160 + 64 + 15),
            step(Stage::Package, StepStatus::Signalled(15))
        );
        assert_eq!(Exit::decode(137), Exit::RunnerKilled { signal: 9 });
        assert_eq!(Exit::decode(127), Exit::Unknown { status: 127 });
        assert_eq!(Exit::decode(-1), Exit::Unknown { status: -1 });
    }

    #[test]
    fn only_zero_is_success() {
        assert!((1..=255).all(|status| Exit::decode(status) != Exit::Success));
    }
}
