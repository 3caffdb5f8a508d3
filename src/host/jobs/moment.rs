//! The clock of jobs.

use jiff::Zoned;

use crate::model::Timestamp;

/// A moment, in the two forms that a job needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// In the job.
    pub at: Timestamp,
    /// In events: this host's local time without its zone, with microseconds.
    pub text: String,
}

impl Moment {
    /// This one.
    #[must_use]
    pub fn now() -> Self {
        let now = Zoned::now();
        Self {
            at: Timestamp::from_seconds(now.timestamp().as_second()),
            text: now.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string(),
        }
    }
}
