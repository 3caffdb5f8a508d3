//! What is told of a job while it goes on: wazo-plugind's statuses, and the events that carry them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::JobError;
use crate::model::InvalidValue;

/// Where a job is: the statuses of wazo-plugind's events, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Status {
    /// It begins.
    Starting,
    /// The repository is fetched; or the published versions are looked at.
    Downloading,
    /// The plugin's manifest is read.
    Extracting,
    /// It is found out whether the plugin may be installed here, and whether it is installed already.
    Validating,
    /// Plugins that it depends on are installed. apt does that, within `installing`: no job says so.
    InstallingDependencies,
    /// `rules build`, at the farm.
    Building,
    /// `rules package` at the farm, and all that makes a signed package of it.
    Packaging,
    /// apt reads what the farm has published.
    Updating,
    /// apt installs.
    Installing,
    /// apt removes.
    Removing,
    /// What the job needed goes.
    Cleaning,
    /// It did what was asked.
    Completed,
    /// It did not.
    Error,
}

impl Status {
    /// Every status, in their order.
    pub const ALL: [Self; 13] = [
        Self::Starting,
        Self::Downloading,
        Self::Extracting,
        Self::Validating,
        Self::InstallingDependencies,
        Self::Building,
        Self::Packaging,
        Self::Updating,
        Self::Installing,
        Self::Removing,
        Self::Cleaning,
        Self::Completed,
        Self::Error,
    ];

    /// Its word, as in events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Downloading => "downloading",
            Self::Extracting => "extracting",
            Self::Validating => "validating",
            Self::InstallingDependencies => "installing dependencies",
            Self::Building => "building",
            Self::Packaging => "packaging",
            Self::Updating => "updating",
            Self::Installing => "installing",
            Self::Removing => "removing",
            Self::Cleaning => "cleaning",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }

    /// Whether nothing follows it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Error)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Status {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must be one of wazo-plugind's";
        let found = Self::ALL.into_iter().find(|status| status.word() == text);
        found.ok_or_else(|| InvalidValue::new("status", text, RULE))
    }
}

impl TryFrom<String> for Status {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        status.word().to_owned()
    }
}

/// One event of a job, as it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What it says.
    pub status: Status,
    /// When that was: this host's local time without its zone, as wazo-bus writes it.
    pub timestamp: String,
    /// Why, for [`Status::Error`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<JobError>,
}
