//! Why a job could not be taken, changed or read.

use std::io;
use std::path::PathBuf;

use super::{JobId, State};

/// Why a job could not be taken, changed or read.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// As many jobs wait as may.
    #[error("{most} jobs wait already; try again when some have ended")]
    Full {
        /// How many may wait.
        most: usize,
    },
    /// There is no such job, or not any more.
    #[error("there is no job {id}")]
    Unknown {
        /// Which.
        id: JobId,
    },
    /// The job has ended.
    #[error("the job {id} is {} already", word(*state))]
    Ended {
        /// Which.
        id: JobId,
        /// How it ended.
        state: State,
    },
    /// apt works for the job, and is not interrupted: half a package would be left.
    #[error("apt works for the job {id}, and is not interrupted; wait for its end")]
    TooLate {
        /// Which.
        id: JobId,
    },
    /// A job's file could not be read or written.
    #[error("the job's file {path} cannot be written or read")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nobody takes jobs any more: the agent stops.
    #[error("the agent stops; ask again when it is back")]
    Stopping,
}

fn word(state: State) -> &'static str {
    match state {
        State::Queued => "queued",
        State::Running => "running",
        State::Completed => "completed",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
    }
}
