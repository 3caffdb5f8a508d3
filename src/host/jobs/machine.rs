//! What jobs need of the machine that they are for.

use tokio::sync::mpsc;

use crate::apt::{Available, Installed, Policies};
use crate::host::helper::{Cause, Diagnosis, Report, Request};
use crate::model::{PluginId, Target};
use crate::plugin::WazoVersion;

/// Takes the lines that a job's commands print.
pub type Lines = mpsc::Sender<String>;

/// The machine: what apt and dpkg know, what the helper does as root, and which Wazo it is.
pub trait Machine: Send + Sync + 'static {
    /// The plugins that dpkg has, by their packages' names.
    fn plugins(&self) -> impl Future<Output = Result<Vec<Installed>, Trouble>> + Send;

    /// What dpkg has of a plugin; none, if it is gone.
    fn installed(
        &self,
        plugin: &PluginId,
    ) -> impl Future<Output = Result<Option<Installed>, Trouble>> + Send;

    /// Every version of a plugin that apt knows of, the highest first.
    fn available(
        &self,
        plugin: &PluginId,
    ) -> impl Future<Output = Result<Vec<Available>, Trouble>> + Send;

    /// What the administrator's pins let apt do with packages by itself.
    fn policies(
        &self,
        packages: Vec<String>,
    ) -> impl Future<Output = Result<Policies, Trouble>> + Send;

    /// Whether apt upgrades this machine to a version by itself, with the share of machines in mind that it is meant for.
    fn is_due(&self, version: &Available) -> bool;

    /// Has the helper do something. What is printed goes to `lines`.
    fn ask(
        &self,
        request: Request,
        lines: Lines,
    ) -> impl Future<Output = Result<Report, Trouble>> + Send;

    /// The version of this machine's Wazo.
    fn wazo_version(&self) -> impl Future<Output = Result<WazoVersion, Trouble>> + Send;

    /// The machine's Debian release.
    fn release(&self) -> Result<Target, Trouble>;
}

/// Why something did not work on the machine or at the farm, and whose fault that is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    /// Whose fault it is, as far as it is known.
    pub cause: Cause,
    /// For programs.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl Trouble {
    /// Something that went wrong.
    #[must_use]
    pub fn new(
        cause: Cause,
        code: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            cause,
            code: code.to_owned(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// What events say of it.
    pub(super) fn diagnosis(self) -> Diagnosis {
        Diagnosis {
            cause: self.cause,
            code: self.code,
            message: self.message,
            hint: self.hint,
            package: None,
            script: None,
            step: None,
            exit_status: None,
            output: Vec::new(),
        }
    }
}
