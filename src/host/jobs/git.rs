//! Jobs about a repository: the farm builds and signs, this host installs what comes of it. Nothing is compiled here.
//!
//! The steps are wazo-plugind's: `downloading` while the build waits and the farm fetches, `extracting` and `validating` once it
//! has checked the source, `building` and `packaging` while the rules run and all that makes a published package of what they
//! leave, `updating` while apt reads what was published, `installing`, `cleaning`.

mod farewell;
mod waits;

use std::time::Duration;

use tokio::time::sleep;

use super::agent::Agent;
use super::asked::MASTER;
use super::fit::{Bounds, installed_version};
use super::machine::{Machine, Trouble};
use super::turns::Turn;
use super::verdict::judge;
use super::work::{Halt, Work, options};
use super::{Asked, JobError, Status};
use crate::client::{Client, ClientError};
use crate::host::helper::Cause;
use crate::model::{BuildState, DebianVersion, PluginId};
use crate::wire::{Attempt, Build, CheckedPlugin, Detailed, Publication};

/// How often the farm is asked how far the build is.
const TICK: Duration = Duration::from_millis(700);
/// How often what was published is looked for, with growing pauses: mirrors may be behind.
const LOOKS: u32 = 5;

/// What became of a build.
enum Built {
    /// Hosts can install it.
    Published(Publication),
    /// There is nothing to install: the plugin is there, in this version.
    There,
}

/// A build that is watched.
struct Watched<'a, M> {
    agent: &'a Agent<M>,
    work: &'a Work,
    farm: &'a Client,
    /// The build that this job has submitted itself.
    own: Option<String>,
    /// Whether it was found out that the plugin may be installed here.
    valid: bool,
    /// Why the build waited when it was looked at last.
    reason: String,
}

impl<M: Machine> Agent<M> {
    /// Installs a plugin from its repository. `turn` is for the time that the farm needs.
    pub(super) async fn build_and_install(&self, work: &Work, turn: Turn) -> Result<(), Halt> {
        work.step(Status::Starting).await?;
        work.step(Status::Downloading).await?;
        let Some(farm) = &self.farm else {
            let words = "no farm builds from repositories for this host";
            let hint = "set farm.url and farm.token_file, or install what is published";
            return Err(work.trouble(Trouble::new(Cause::Farm, "no-farm", words, hint)));
        };
        let mut watched = Watched {
            agent: self,
            work,
            farm,
            own: None,
            valid: work.job()?.plugin_version.is_some(),
            reason: String::new(),
        };
        let built = watched.built().await;
        watched.keep_log().await;
        if built.is_err() || matches!(built, Ok(Built::There)) {
            watched.stop().await;
        }
        drop(turn);
        match built? {
            Built::There => Ok(()),
            Built::Published(publication) => self.install_built(work, &publication).await,
        }
    }

    async fn install_built(&self, work: &Work, published: &Publication) -> Result<(), Halt> {
        let job = work.job()?;
        let plugin = PluginId::of_package(&published.package);
        let version = DebianVersion::new(&published.version).ok();
        let (Some(plugin), Some(version)) = (plugin, version) else {
            let words = format!(
                "the farm published {}, which is no plugin",
                published.package
            );
            return Err(work.trouble(Trouble::new(
                Cause::Farm,
                "no-plugin",
                words,
                "tell the farm's operator",
            )));
        };
        let turn = work.turn(self.apt.queue(job.number)).await?;
        let package = version.clone();
        work.change(move |job| job.version = Some(package)).await?;
        work.step_with_apt(Status::Updating).await?;
        self.find(work, &plugin, &version, &published.suite).await?;
        self.install(work, &plugin, &version, job.reinstall).await?;
        work.step(Status::Cleaning).await?;
        drop(turn);
        Ok(())
    }

    /// Has apt read the farm's index until it knows the version.
    async fn find(
        &self,
        work: &Work,
        plugin: &PluginId,
        version: &DebianVersion,
        suite: &str,
    ) -> Result<(), Halt> {
        for look in 0..LOOKS {
            sleep(Duration::from_secs(u64::from(look))).await;
            self.refresh(work).await?;
            let known = self.known(work, plugin).await?;
            if known.iter().any(|one| one.version == *version) {
                return Ok(());
            }
        }
        Err(work.trouble(Trouble::new(
            Cause::Farm,
            "not-offered",
            format!("the farm published {plugin} {version} in {suite}, and this host's sources do not offer it"),
            "have it promoted to the channel that this host follows, or add that suite to its sources",
        )))
    }
}

impl<M: Machine> Watched<'_, M> {
    /// Follows the build to its end.
    async fn built(&mut self) -> Result<Built, Halt> {
        let mut again = 0;
        let mut id = match self.work.job()?.build {
            Some(id) => id,
            None => self.submit("", true).await?,
        };
        loop {
            let asked = self.farm.build(&id);
            let asked = self.work.unless_stopped(asked).await?;
            let build = asked.map_err(|error| self.refused(error))?;
            if let Some(there) = self.go_with(&build).await? {
                return Ok(there);
            }
            match build.build.state.parse() {
                Ok(BuildState::Succeeded) => return self.published(&build).await,
                Ok(BuildState::Superseded) => {
                    again += 1;
                    id = self.follow_up(&build.build, again).await?;
                    continue;
                }
                Ok(BuildState::Parked) => self.is_awaited(&build.build).await?,
                Ok(BuildState::Queued) => self.say_why(&id).await?,
                Ok(BuildState::Running) => {}
                _ => match self.without_reference(&build.build) {
                    true => {
                        id = self.submit("-default", false).await?;
                        continue;
                    }
                    false => return Err(self.failed(&build).await),
                },
            }
            self.work.unless_stopped(sleep(TICK)).await?;
        }
    }

    /// Whether nobody named a branch, and there is none of the name that is usual with Wazo.
    fn without_reference(&self, build: &Build) -> bool {
        let result = build.result.as_ref();
        let gone = result.and_then(|result| result.code.as_deref()) == Some("ref-gone");
        let asked = self.work.job().map(|job| job.asked);
        let unnamed = matches!(
            asked,
            Ok(Asked::Git {
                reference: None,
                ..
            })
        );
        gone && unnamed && build.reference.as_deref() == Some(MASTER)
    }

    /// Takes the job as far as the build is.
    async fn go_with(&mut self, build: &Detailed) -> Result<Option<Built>, Halt> {
        let Some(attempt) = build.attempts.last() else {
            return Ok(None);
        };
        if has(attempt, "check") {
            self.work.step(Status::Extracting).await?;
        }
        if !self.valid
            && let Some(plugin) = &attempt.plugin
        {
            self.work.step(Status::Validating).await?;
            if let Some(there) = self.validate(plugin).await? {
                return Ok(Some(there));
            }
            self.valid = true;
        }
        if self.valid && has(attempt, "build") {
            self.work.step(Status::Building).await?;
        }
        if self.valid && has(attempt, "package") {
            self.work.step(Status::Packaging).await?;
        }
        Ok(None)
    }

    /// Finds out whether the plugin may be installed here and is not there yet, and installs what it needs.
    async fn validate(&self, checked: &CheckedPlugin) -> Result<Option<Built>, Halt> {
        let work = self.work;
        let plugin: Result<PluginId, _> = checked.plugin.parse();
        let plugin = plugin.map_err(|error| {
            let hint = "update this host's plugfarm-host";
            work.trouble(Trouble::new(
                Cause::Farm,
                "farm-answer",
                error.to_string(),
                hint,
            ))
        })?;
        let bounds = Bounds {
            min: checked.min_wazo_version.as_deref(),
            max: checked.max_wazo_version.as_deref(),
        };
        let wazo = self.agent.wazo(work, [bounds].into_iter()).await?;
        if let Some(wrong) = wazo.and_then(|wazo| bounds.wrong(&wazo)) {
            return Err(Halt::failed(JobError::validation(wrong)));
        }
        let job = work.job()?;
        let there = self.agent.installed(work, &plugin).await?;
        let there = there.filter(|one| one.state.is_whole() && !one.reinstall_required);
        let same = there.is_some_and(|one| installed_version(&one) == checked.version);
        let (named, version) = (plugin.clone(), checked.version.clone());
        work.change(move |job| job.plugin = Some(named)).await?;
        if same && !job.reinstall {
            let line = format!("{plugin} {version} is installed already");
            work.note(line).await;
            return Ok(Some(Built::There));
        }
        let needed: Vec<_> = checked
            .depends
            .iter()
            .filter_map(|one| one.parse().ok())
            .collect();
        work.step(Status::InstallingDependencies).await?;
        if !needed.is_empty() {
            let turn = work.turn(self.agent.apt.queue(job.number)).await?;
            self.agent.dependencies(work, &needed, &[plugin]).await?;
            drop(turn);
        }
        work.change(move |job| job.plugin_version = Some(version))
            .await?;
        Ok(None)
    }

    async fn published(&self, build: &Detailed) -> Result<Built, Halt> {
        for status in [Status::Building, Status::Packaging] {
            self.work.step(status).await?;
        }
        match &build.publication {
            Some(publication) => Ok(Built::Published(publication.clone())),
            None => {
                let words = "the farm built the plugin and published nothing";
                let hint = "tell the farm's operator";
                Err(self
                    .work
                    .trouble(Trouble::new(Cause::Farm, "not-published", words, hint)))
            }
        }
    }

    /// Why the build came to nothing.
    async fn failed(&self, build: &Detailed) -> Halt {
        let job = match self.work.job() {
            Ok(job) => job,
            Err(halt) => return halt,
        };
        let Some(verdict) = build
            .build
            .result
            .as_ref()
            .filter(|one| one.outcome == "failed")
        else {
            let words = format!("the farm's build is {}", build.build.state);
            let hint = "ask the farm's operator why, or ask again";
            return self
                .work
                .trouble(Trouble::new(Cause::Farm, "build-stopped", words, hint));
        };
        let judged = judge(verdict, options(&job));
        let reached = Status::ALL.into_iter().filter(|one| *one <= judged.step);
        for status in reached {
            if let Err(halt) = self.work.step(status).await {
                return halt;
            }
        }
        let is_by_field = judged.error.error_id == "validation-error";
        Halt::failed(match is_by_field {
            true => judged.error,
            false => {
                let url = format!("{}builds/{}", self.farm.farm(), build.build.id);
                judged.error.with("build", url)
            }
        })
    }

    fn refused(&self, error: ClientError) -> Halt {
        let (code, hint) = (error.code().to_string(), error.hint());
        self.work
            .trouble(Trouble::new(Cause::Farm, &code, error.to_string(), hint))
    }
}

fn has(attempt: &Attempt, stage: &str) -> bool {
    attempt.stages.iter().any(|one| one.stage == stage)
}
