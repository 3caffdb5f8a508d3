//! Jobs that update: a plugin follows what is published, as far as apt would follow it by itself.

use serde_json::json;

use super::agent::Agent;
use super::fit::Bounds;
use super::machine::{Machine, Trouble};
use super::work::{Halt, Work, options};
use super::{Asked, JobError, Status};
use crate::apt::{Available, Installed, Kept, Policies, Upgrade, upgrade};
use crate::host::helper::Cause;
use crate::model::PluginId;
use crate::plugin::WazoVersion;

/// The most characters of the reasons for which nothing was done.
const MAX_REASON: usize = 64 << 10;

/// What an update of a plugin comes to.
pub(super) enum Prospect {
    /// It is brought to this version.
    Due(Box<Available>),
    /// It stays as it is: why.
    Stays(String),
}

impl<M: Machine> Agent<M> {
    /// Brings an installed plugin to what apt would upgrade it to.
    pub(super) async fn updated(&self, work: &Work, plugin: &PluginId) -> Result<(), Halt> {
        work.step(Status::Starting).await?;
        work.step(Status::Downloading).await?;
        // A part of an update of all does not look again. What a farm that cannot be reached has not told is told in the end.
        let (offers, away) = match work.job()?.parent {
            Some(_) => (self.known(work, plugin).await?, None),
            None => match self.offers(work, plugin, None).await {
                Err(Halt::Failed(error)) => (self.known(work, plugin).await?, Some(error)),
                offers => (offers?, None),
            },
        };
        work.step(Status::Validating).await?;
        let Some(installed) = self.installed(work, plugin).await? else {
            let words = format!("{plugin} is not installed");
            let hint = "install it first";
            return Err(work.trouble(Trouble::new(Cause::Unknown, "not-installed", words, hint)));
        };
        let policies = self.machine.policies(vec![installed.package.clone()]).await;
        let policies = policies.map_err(|trouble| work.trouble(trouble))?;
        let wazo = self.wazo(work, offers.iter().map(Bounds::of)).await?;
        let prospect = self.prospect(&installed, offers, &policies, wazo.as_ref());
        match (prospect, away) {
            (Prospect::Due(offer), _) => self.come(work, &offer, false, &[]).await,
            (Prospect::Stays(_), Some(away)) => Err(Halt::Failed(away)),
            (Prospect::Stays(why), None) => {
                work.note(format!("{plugin}: {why}")).await;
                work.change(|job| job.reason = Some(why)).await
            }
        }
    }

    /// Brings all plugins to what apt would upgrade them to, each by a job of its own. One that fails keeps none of the others.
    pub(super) async fn all_updated(&self, work: &Work) -> Result<(), Halt> {
        work.step(Status::Starting).await?;
        work.step(Status::Downloading).await?;
        // A farm that cannot be reached keeps nobody from what apt knows already; it is told in the end.
        let refreshed = match self.refresh(work).await {
            Err(Halt::Failed(error)) => Some(error),
            refreshed => {
                refreshed?;
                None
            }
        };
        work.step(Status::Validating).await?;
        let prospects = self.prospects().await;
        let prospects = prospects.map_err(|trouble| work.trouble(trouble))?;
        let (mut due, mut reasons) = (Vec::new(), Vec::new());
        for (plugin, prospect) in prospects {
            match prospect {
                Prospect::Due(_) => due.push(plugin),
                Prospect::Stays(why) => reasons.push(format!("{plugin}: {why}")),
            }
        }
        self.say(work, reasons).await?;
        let mut failed = Vec::new();
        for plugin in due {
            work.step(Status::Installing).await?;
            if work.job()?.state.is_final() {
                return Err(Halt::Left);
            }
            let asked = Asked::Update {
                plugin: plugin.clone(),
            };
            if !self.part(work, asked, &[]).await? {
                failed.push(plugin.to_string());
            }
        }
        if !failed.is_empty() {
            let error = JobError::at(Status::Installing, options(&work.job()?));
            let reason = format!("{} could not be updated", failed.join(", "));
            let hint = "their own jobs say why: GET /0.2/jobs, those with this parent";
            let error = error.with("reason", reason).with("hint", hint);
            return Err(Halt::failed(error.with("failed", json!(failed))));
        }
        refreshed.map_or(Ok(()), |error| Err(Halt::Failed(error)))
    }

    /// Keeps the reasons for which nothing is done.
    async fn say(&self, work: &Work, reasons: Vec<String>) -> Result<(), Halt> {
        if reasons.is_empty() {
            return Ok(());
        }
        for reason in &reasons {
            work.note(reason.clone()).await;
        }
        let text: String = reasons.join("\n").chars().take(MAX_REASON).collect();
        work.change(|job| job.reason = Some(text)).await
    }

    /// What an update of each plugin that is installed comes to, with what apt knows now.
    pub(super) async fn prospects(&self) -> Result<Vec<(PluginId, Prospect)>, Trouble> {
        let plugins = self.machine.plugins().await?;
        let packages = plugins.iter().map(|one| one.package.clone()).collect();
        let policies = self.machine.policies(packages).await?;
        let (mut found, mut wazo) = (Vec::new(), None);
        for installed in plugins {
            let offers = self.machine.available(&installed.plugin).await?;
            if wazo.is_none() && offers.iter().map(Bounds::of).any(Bounds::are_set) {
                wazo = Some(self.machine.wazo_version().await?);
            }
            let prospect = self.prospect(&installed, offers, &policies, wazo.as_ref());
            found.push((installed.plugin, prospect));
        }
        Ok(found)
    }

    fn prospect(
        &self,
        installed: &Installed,
        mut offers: Vec<Available>,
        policies: &Policies,
        wazo: Option<&WazoVersion>,
    ) -> Prospect {
        let fits = |one: &Available| wazo.is_none_or(|wazo| Bounds::of(one).wrong(wazo).is_none());
        let higher = |one: &&Available| one.version > installed.version && !fits(one);
        let unfit = offers.iter().find(higher);
        let unfit = unfit.map(|one| format!("stays: {} is not for this host's Wazo", one.version));
        offers.retain(fits);
        let lets = |offer: &Available| policies.lets(&offer.package, &offer.version);
        let why = match upgrade(installed, &offers, lets, |one| self.machine.is_due(one)) {
            Upgrade::To(offer) => return Prospect::Due(Box::new(offer.clone())),
            Upgrade::Kept(why @ (Kept::Held(_) | Kept::Pinned(_) | Kept::NotYet(_))) => {
                format!("stays: {why}")
            }
            Upgrade::Newest => unfit.unwrap_or_else(|| "is the newest".to_owned()),
            Upgrade::Kept(why) => unfit.unwrap_or_else(|| format!("stays: {why}")),
        };
        Prospect::Stays(format!("{} {why}", installed.version))
    }
}
