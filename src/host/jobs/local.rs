//! This machine, for jobs: apt and dpkg themselves, the root helper, Wazo's own services.

use std::time::Duration;

use super::machine::{Lines, Machine, Trouble};
use crate::apt::{Apt, AptError, Available, Installed, Policies, is_due, machine_id, release};
use crate::host::helper::{Answer, Cause, Helper, HelperError, RefusalCode, Report, Request};
use crate::model::{PluginId, Target};
use crate::plugin::WazoVersion;
use crate::wazo::Versions;

/// How often the helper is asked again that was lost or is not there, and the pause before it.
const AGAIN: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// This machine.
#[derive(Debug, Clone)]
pub struct Local {
    apt: Apt,
    helper: Helper,
    versions: Versions,
}

impl Local {
    /// This machine, by way of these.
    #[must_use]
    pub fn new(apt: Apt, helper: Helper, versions: Versions) -> Self {
        Self {
            apt,
            helper,
            versions,
        }
    }
}

impl Machine for Local {
    async fn plugins(&self) -> Result<Vec<Installed>, Trouble> {
        let installed = self.apt.installed().await;
        installed.map_err(|error| unknown(&error))
    }

    async fn policies(&self, packages: Vec<String>) -> Result<Policies, Trouble> {
        let policies = self.apt.policies(&packages).await;
        policies.map_err(|error| unknown(&error))
    }

    async fn installed(&self, plugin: &PluginId) -> Result<Option<Installed>, Trouble> {
        let installed = self.plugins().await?;
        Ok(installed.into_iter().find(|one| one.plugin == *plugin))
    }

    async fn available(&self, plugin: &PluginId) -> Result<Vec<Available>, Trouble> {
        let mut offers = self
            .apt
            .available()
            .await
            .map_err(|error| unknown(&error))?;
        offers.retain(|one| one.plugin == *plugin);
        Ok(offers)
    }

    fn is_due(&self, version: &Available) -> bool {
        is_due(version, &machine_id())
    }

    async fn ask(&self, request: Request, lines: Lines) -> Result<Report, Trouble> {
        let mut tries = 0;
        loop {
            let asked = self.helper.ask(&request, |answer| {
                // Whoever prints more than the disk takes loses lines, and nothing else.
                if let Answer::Output { line } = answer
                    && lines.try_send(line.clone()).is_err()
                {
                    tracing::debug!("a line of output was dropped");
                }
            });
            match asked.await {
                Ok(report) => return Ok(report),
                // Asking twice for a state is the same as asking once.
                Err(HelperError::Unavailable { .. } | HelperError::Lost { .. })
                    if tries < AGAIN =>
                {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(HelperError::Refused { refusal })
                    if refusal.code == RefusalCode::Busy && tries < AGAIN =>
                {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(refused(&error)),
            }
        }
    }

    async fn wazo_version(&self) -> Result<WazoVersion, Trouble> {
        let trouble = |message: String| {
            let hint = "check that wazo-confd answers, or set WAZO_VERSION for the agent";
            Trouble::new(Cause::Service, "wazo-version", message, hint)
        };
        let version = self.versions.current().await;
        let version = version.map_err(|error| trouble(error.to_string()))?;
        WazoVersion::new(&version).map_err(|error| trouble(error.to_string()))
    }

    fn release(&self) -> Result<Target, Trouble> {
        let found = release().map_err(|error| unknown(&error))?;
        found.ok_or_else(|| {
            let words = "plugins are not built for this machine's Debian release";
            Trouble::new(
                Cause::Apt,
                "release",
                words,
                "ask the farm's operator for it",
            )
        })
    }
}

fn unknown(error: &AptError) -> Trouble {
    let (cause, code) = match error {
        AptError::NotTheFarms { .. } => (Cause::Farm, "index-refused"),
        AptError::NoFarm | AptError::NoSource { .. } => (Cause::Apt, "no-farm"),
        _ => (Cause::Apt, "apt"),
    };
    let hint = "see that the farm's keyring package is installed, then run apt-get update";
    Trouble::new(cause, code, error.to_string(), hint)
}

fn refused(error: &HelperError) -> Trouble {
    match error {
        HelperError::Refused { refusal } => {
            let cause = match refusal.code {
                RefusalCode::UnknownPlugin | RefusalCode::UnknownVersion => Cause::Farm,
                RefusalCode::NoFarm | RefusalCode::Unavailable => Cause::Apt,
                _ => Cause::Unknown,
            };
            let code = serde_json::to_value(refusal.code).ok();
            let code = code.as_ref().and_then(|code| code.as_str());
            Trouble::new(
                cause,
                code.unwrap_or("refused"),
                &refusal.message,
                &refusal.hint,
            )
        }
        HelperError::Unavailable { .. } | HelperError::Lost { .. } => Trouble::new(
            Cause::Apt,
            "helper",
            error.to_string(),
            "see that plugfarm-host helper runs, then ask again",
        ),
    }
}
