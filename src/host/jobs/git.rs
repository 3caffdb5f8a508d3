//! Jobs about a repository: the farm builds and signs, this host installs what comes of it. Nothing is compiled here.
//!
//! The steps are wazo-plugind's: `downloading` while the build waits and the farm fetches, `extracting` and `validating` once it
//! has checked the source, `building` and `packaging` while the rules run and all that makes a published package of what they
//! leave, `updating` while apt reads what was published, `installing`, `cleaning`.

use std::time::Duration;

use tokio::time::sleep;

use super::agent::Agent;
use super::asked::MASTER;
use super::fit::{Bounds, installed_version};
use super::machine::{Machine, Trouble};
use super::turns::Turn;
use super::verdict::judge;
use super::work::{Halt, Work, options};
use super::{Asked, JobError, State, Status};
use crate::client::{Client, ClientError, Lines, Listed};
use crate::host::helper::Cause;
use crate::model::{BuildState, DebianVersion, PluginId};
use crate::wire::{Attempt, Build, CheckedPlugin, Detailed, Publication, Submission};

/// How often the farm is asked how far the build is.
const TICK: Duration = Duration::from_millis(700);
/// How often a build is submitted again whose place another one took.
const AGAIN: u32 = 3;
/// How long the farm may take to stop a build.
const FAREWELL: Duration = Duration::from_secs(10);
/// How often what was published is looked for, with growing pauses: mirrors may be behind.
const LOOKS: u32 = 5;
/// The most bytes of the build's log that are kept with the job.
const MAX_LOG: usize = 768 << 10;

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

    /// Submits the repository. The same job submits the same build, however often it does.
    async fn submit(&mut self, suffix: &str, with_reference: bool) -> Result<String, Halt> {
        let job = self.work.job()?;
        let Asked::Git {
            url,
            reference,
            subdirectory,
        } = &job.asked
        else {
            return Err(Halt::Left);
        };
        let target = self.agent.machine.release();
        let target = target.map_err(|trouble| self.work.trouble(trouble))?;
        let named = reference.clone().unwrap_or_else(|| MASTER.to_owned());
        let submission = Submission {
            url: url.clone(),
            subdirectory: subdirectory.clone(),
            reference: with_reference.then_some(named),
            target: Some(target.to_string()),
            ..Submission::default()
        };
        let key = format!("plugfarm-host-{}{suffix}", job.uuid);
        let asked = self.farm.submit(&submission, &key);
        let asked = self.work.unless_stopped(asked).await?;
        let id = asked.map_err(|error| self.refused(error))?.id;
        self.own = Some(id.clone());
        self.watch(&id).await?;
        Ok(id)
    }

    async fn watch(&self, id: &str) -> Result<(), Halt> {
        let farm = self.farm.farm();
        let line = format!("the farm's build: {farm}builds/{id}");
        self.work.note(line).await;
        let id = id.to_owned();
        self.work.change(move |job| job.build = Some(id)).await
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

    /// The build that took the place of this one, if it is of the same; else another one.
    async fn follow_up(&mut self, old: &Build, again: u32) -> Result<String, Halt> {
        let listed = Listed {
            plugin: Some(old.plugin.clone()),
            state: None,
            limit: 50,
        };
        let builds = self.work.unless_stopped(self.farm.builds(&listed)).await?;
        let builds = builds.map_err(|error| self.refused(error))?;
        let alike = |one: &&Build| {
            let state = one.state.parse::<BuildState>();
            let lives =
                state.is_ok_and(|state| !state.is_final() || state == BuildState::Succeeded);
            lives
                && (&one.url, &one.subdirectory, &one.reference, &one.target)
                    == (&old.url, &old.subdirectory, &old.reference, &old.target)
        };
        let newer = builds.iter().take_while(|one| one.id != old.id);
        if let Some(next) = newer.into_iter().find(alike) {
            self.own = None;
            self.watch(&next.id).await?;
            return Ok(next.id.clone());
        }
        if again > AGAIN {
            let words = "other builds of the plugin took this one's place again and again";
            let trouble = Trouble::new(Cause::Farm, "superseded", words, "ask again later");
            return Err(self.work.trouble(trouble));
        }
        self.submit(&format!("-{again}"), old.reference.is_some())
            .await
    }

    /// A build that waits for other plugins goes on waiting if somebody builds them; else it would for ever.
    async fn is_awaited(&mut self, build: &Build) -> Result<(), Halt> {
        let waits = self.work.unless_stopped(self.farm.why(&build.id)).await?;
        let waits = waits.map_err(|error| self.refused(error))?;
        let mut missing = Vec::new();
        for plugin in &waits.awaits {
            let listed = Listed {
                plugin: Some(plugin.clone()),
                state: None,
                limit: 1,
            };
            let last = self.work.unless_stopped(self.farm.builds(&listed)).await?;
            let last = last.map_err(|error| self.refused(error))?.pop();
            let state = last.map(|build| build.state.parse::<BuildState>());
            let comes = [
                BuildState::Queued,
                BuildState::Running,
                BuildState::Succeeded,
            ];
            if !matches!(state, Some(Ok(state)) if comes.contains(&state)) {
                missing.push(plugin.clone());
            }
        }
        if missing.is_empty() {
            self.say(waits.reason).await;
            return Ok(());
        }
        self.work.step(Status::InstallingDependencies).await?;
        let error = JobError::at(Status::InstallingDependencies, options(&self.work.job()?));
        let error = error.with("reason", waits.reason).with("missing", missing);
        Err(Halt::failed(error))
    }

    async fn say_why(&mut self, id: &str) -> Result<(), Halt> {
        if let Ok(waits) = self.work.unless_stopped(self.farm.why(id)).await? {
            self.say(waits.reason).await;
        }
        Ok(())
    }

    async fn say(&mut self, reason: String) {
        if self.reason != reason {
            self.work.note(format!("the build waits: {reason}")).await;
            self.reason = reason;
        }
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

    /// Keeps the build's log with the job.
    async fn keep_log(&self) {
        let Ok(Some(id)) = self.work.job().map(|job| job.build) else {
            return;
        };
        let read = tokio::time::timeout(FAREWELL, self.read_log(&id)).await;
        match read {
            Ok(Ok(log)) => self.work.note(log).await,
            Ok(Err(error)) => tracing::debug!(%error, "the build's log cannot be had"),
            Err(_) => tracing::debug!("the build's log takes too long"),
        }
    }

    async fn read_log(&self, id: &str) -> Result<String, ClientError> {
        let mut answer = self.farm.log(id, Lines::default()).await?;
        let mut log = Vec::new();
        while let Some(piece) = answer
            .chunk()
            .await
            .map_err(|source| ClientError::Unanswered { source })?
        {
            let room = MAX_LOG.saturating_sub(log.len());
            log.extend(piece.into_iter().take(room));
            if room == 0 {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&log).trim_end().to_owned())
    }

    /// Stops the build, unless others asked for it too, or the agent only takes a pause.
    async fn stop(&self) {
        let (Some(own), Ok(job)) = (&self.own, self.work.job()) else {
            return;
        };
        if job.state == State::Running && self.agent.stop.is_cancelled() {
            return;
        }
        let stopped = tokio::time::timeout(FAREWELL, self.farm.cancel(own)).await;
        if !matches!(stopped, Ok(Ok(()))) {
            tracing::debug!(
                build = own,
                "the farm does not stop a build that nobody waits for"
            );
        }
    }
}

fn has(attempt: &Attempt, stage: &str) -> bool {
    attempt.stages.iter().any(|one| one.stage == stage)
}
