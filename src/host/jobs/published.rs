//! Jobs about what is published: a plugin comes from the signed repository, follows it, or goes.
//!
//! Nothing is built here, so that the steps of wazo-plugind that build are left out: `starting`, `downloading` (what is
//! published is looked at), `validating`, `installing dependencies`, `installing`, `completed`. Its clients wait for the last one
//! and print the others.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::agent::Agent;
use super::fit::{Bounds, Choice, choose, manifest_version};
use super::machine::{Machine, Trouble};
use super::work::{Halt, Work, options};
use super::{Asked, JobError, Moment, Offered, State, Status};
use crate::apt::{Available, Installed};
use crate::host::helper::{Cause, Request};
use crate::model::{DebianVersion, PluginId};
use crate::plugin::WazoVersion;

/// How long what apt knows of the farm counts as new.
const FRESH: Duration = Duration::from_secs(60);

/// When the farm's index was fetched last.
#[derive(Debug, Default)]
pub(super) struct Freshness(Mutex<Option<Instant>>);

impl Freshness {
    fn is_fresh(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() < FRESH)
    }

    fn renew(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

impl<M: Machine> Agent<M> {
    /// Installs what is published. `above` are the plugins that it is installed for, one for the other.
    pub(super) async fn published(&self, work: &Work, above: &[PluginId]) -> Result<(), Halt> {
        work.step(Status::Starting).await?;
        work.step(Status::Downloading).await?;
        let job = work.job()?;
        let Asked::Market { version, .. } = &job.asked else {
            return Err(Halt::Left);
        };
        let version = version.as_deref();
        let Some(plugin) = &job.plugin else {
            return Err(work.trouble(nothing_published("of that name")));
        };
        let offers = self.offers(work, plugin, version).await?;
        let installed = self.installed(work, plugin).await?;
        let asked = (version, job.reinstall);
        let unknown = match choose(&offers, installed.as_ref(), asked, None) {
            Choice::NoPlugin => Some(nothing_published(&format!("of {plugin}"))),
            Choice::NoVersion => Some(no_version(version, &offers)),
            _ => None,
        };
        if let Some(unknown) = unknown {
            return Err(work.trouble(unknown));
        }
        work.step(Status::Validating).await?;
        let wazo = self.wazo(work, offers.iter().map(Bounds::of)).await?;
        let offer = match choose(&offers, installed.as_ref(), asked, wazo.as_ref()) {
            Choice::Install(offer) => offer,
            Choice::Unfit(_, wrong) => return Err(Halt::failed(JobError::validation(wrong))),
            Choice::Higher(one) if job.reinstall => {
                return Err(work.trouble(higher(one)));
            }
            Choice::Higher(one) => {
                work.note(format!("{}; it is kept", higher(one))).await;
                return Ok(());
            }
            _ => {
                work.note(format!("{plugin} is installed already")).await;
                return Ok(());
            }
        };
        self.come(work, offer, job.reinstall, above).await
    }

    /// Removes a plugin.
    pub(super) async fn removed(&self, work: &Work, plugin: &PluginId) -> Result<(), Halt> {
        work.step(Status::Starting).await?;
        work.step_with_apt(Status::Removing).await?;
        let Some(installed) = self.installed(work, plugin).await? else {
            work.note(format!("{plugin} is not installed any more"))
                .await;
            return Ok(());
        };
        self.note_offer(work, plugin, &installed.version).await?;
        let request = Request::Remove {
            plugin: plugin.clone(),
        };
        let report = self.machine.ask(request, work.lines()).await;
        work.judge(report.map_err(|trouble| work.trouble(trouble))?, plugin)
    }

    /// Installs a version, after what it depends on.
    pub(super) async fn come(
        &self,
        work: &Work,
        offer: &Available,
        reinstall: bool,
        above: &[PluginId],
    ) -> Result<(), Halt> {
        let version = manifest_version(offer).to_owned();
        let (plugin, package) = (offer.plugin.clone(), offer.version.clone());
        work.change(move |job| {
            (job.plugin_version, job.version) = (Some(version), Some(package));
            job.step(Status::InstallingDependencies, &Moment::now());
        })
        .await?;
        let path = [above, &[plugin]].concat();
        self.dependencies(work, &depends(offer), &path).await?;
        self.install(work, &offer.plugin, &offer.version, reinstall)
            .await
    }

    /// Installs exactly this version.
    pub(super) async fn install(
        &self,
        work: &Work,
        plugin: &PluginId,
        version: &DebianVersion,
        reinstall: bool,
    ) -> Result<(), Halt> {
        self.note_offer(work, plugin, version).await?;
        work.step_with_apt(Status::Installing).await?;
        let request = Request::Install {
            plugin: plugin.clone(),
            version: Some(version.clone()),
            reinstall,
        };
        let report = self.machine.ask(request, work.lines()).await;
        work.judge(report.map_err(|trouble| work.trouble(trouble))?, plugin)
    }

    /// Notes which farm offers the package that is changed now, if it is to know what comes of that.
    async fn note_offer(
        &self,
        work: &Work,
        plugin: &PluginId,
        version: &DebianVersion,
    ) -> Result<(), Halt> {
        if self.reporting.is_none() {
            return Ok(());
        }
        let offers = self.machine.available(plugin).await.unwrap_or_default();
        let mut offers = offers.into_iter();
        let offer = offers.find(|offer| offer.version == *version);
        let offered = offer.map(|offer| Offered {
            farm: offer.farm,
            version: offer.version,
        });
        work.change(move |job| job.offered = offered).await
    }

    /// Installs the plugins that another one needs and that are not there, each by a job of its own. `path` ends with the one
    /// that needs them; what is on it comes by itself.
    pub(super) async fn dependencies(
        &self,
        work: &Work,
        needed: &[PluginId],
        path: &[PluginId],
    ) -> Result<(), Halt> {
        let mut missing = Vec::new();
        for plugin in needed.iter().filter(|plugin| !path.contains(plugin)) {
            let there = self.installed(work, plugin).await?;
            if there.is_none_or(|one| !one.state.is_whole())
                && !self.child(work, plugin, path).await?
            {
                missing.push(plugin.to_string());
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let error = JobError::at(Status::InstallingDependencies, options(&work.job()?));
        let reason = format!(
            "it needs {}, which could not be installed",
            missing.join(", ")
        );
        let error = error.with("reason", reason).with("missing", json!(missing));
        Err(Halt::failed(error))
    }

    /// Installs a plugin for another one. Whether that went well.
    async fn child(&self, work: &Work, plugin: &PluginId, path: &[PluginId]) -> Result<bool, Halt> {
        let asked = Asked::Market {
            namespace: plugin.namespace.to_string(),
            name: plugin.name.to_string(),
            version: None,
        };
        self.part(work, asked, path).await
    }

    /// Has a part of a job done by a job of its own. Whether that went well.
    pub(super) async fn part(
        &self,
        work: &Work,
        asked: Asked,
        path: &[PluginId],
    ) -> Result<bool, Halt> {
        let id = self.jobs.child(&work.id, asked.clone()).await?;
        let child = Work::new(&self.jobs, &id, &self.stop);
        let came = match (child.job()?.state.is_final(), asked) {
            // It was done for this job before the agent died.
            (true, _) => Ok(()),
            (false, Asked::Update { plugin }) => Box::pin(self.updated(&child, &plugin)).await,
            (false, _) => Box::pin(self.published(&child, path)).await,
        };
        child.close().await;
        self.conclude(&id, came).await.map_err(Halt::Disk)?;
        match self.jobs.get(&id) {
            Some(job) if job.state.is_final() => Ok(job.state == State::Completed),
            // The agent stops, in the middle of it.
            _ => Err(Halt::Left),
        }
    }

    /// What is published of a plugin. The farm's index is fetched where what was asked for may be newer.
    pub(super) async fn offers(
        &self,
        work: &Work,
        plugin: &PluginId,
        version: Option<&str>,
    ) -> Result<Vec<Available>, Halt> {
        let known = self.known(work, plugin).await;
        let has = |known: &[Available]| match version {
            Some(version) => known.iter().any(|one| manifest_version(one) == version),
            None => !known.is_empty() && self.fresh.is_fresh(),
        };
        match known {
            Ok(known) if has(&known) => Ok(known),
            _ => {
                self.refresh(work).await?;
                self.known(work, plugin).await
            }
        }
    }

    pub(super) async fn known(
        &self,
        work: &Work,
        plugin: &PluginId,
    ) -> Result<Vec<Available>, Halt> {
        let known = self.machine.available(plugin).await;
        known.map_err(|trouble| work.trouble(trouble))
    }

    /// Fetches the farm's index.
    pub(super) async fn refresh(&self, work: &Work) -> Result<(), Halt> {
        let report = self.machine.ask(Request::Refresh, work.lines()).await;
        let report = report.map_err(|trouble| work.trouble(trouble))?;
        match report.failures.into_iter().next() {
            Some(failure) => Err(work.fault(failure)),
            None => {
                self.fresh.renew();
                Ok(())
            }
        }
    }

    pub(super) async fn installed(
        &self,
        work: &Work,
        plugin: &PluginId,
    ) -> Result<Option<Installed>, Halt> {
        let installed = self.machine.installed(plugin).await;
        installed.map_err(|trouble| work.trouble(trouble))
    }

    /// The version of this host's Wazo, where it matters.
    pub(super) async fn wazo<'a>(
        &self,
        work: &Work,
        mut bounds: impl Iterator<Item = Bounds<'a>>,
    ) -> Result<Option<WazoVersion>, Halt> {
        if !bounds.any(Bounds::are_set) {
            return Ok(None);
        }
        let wazo = self.machine.wazo_version().await;
        wazo.map(Some).map_err(|trouble| work.trouble(trouble))
    }
}

/// The plugins that a package depends on.
fn depends(offer: &Available) -> Vec<PluginId> {
    let field = offer.fields.get("Depends").unwrap_or_default();
    let named = field.split(',').filter(|one| !one.contains('|'));
    let names = named.filter_map(|one| one.split_whitespace().next());
    names.filter_map(PluginId::of_package).collect()
}

fn nothing_published(what: &str) -> Trouble {
    Trouble::new(
        Cause::Unknown,
        "not-published",
        format!("nothing {what} is published for this host"),
        "see GET /market for what is; check that this host's sources have the farm's repository, and that the market server answers if one is set",
    )
}

fn no_version(version: Option<&str>, offers: &[Available]) -> Trouble {
    let known: Vec<_> = offers.iter().take(20).map(manifest_version).collect();
    Trouble::new(
        Cause::Unknown,
        "no-such-version",
        format!(
            "version {} is not published for this host",
            version.unwrap_or_default()
        ),
        format!("choose one of {}", known.join(", ")),
    )
}

fn higher(installed: &Installed) -> Trouble {
    Trouble::new(
        Cause::Unknown,
        "higher-installed",
        format!(
            "{} is installed, which is higher than anything published",
            installed.version
        ),
        "name the version to go back to",
    )
}
