//! Asking the farm for a build, and following it where others take its place or it waits for others.

use super::super::asked::MASTER;
use super::super::machine::{Machine, Trouble};
use super::super::work::{Halt, options};
use super::super::{Asked, JobError, Status};
use super::Watched;
use crate::client::Listed;
use crate::host::helper::Cause;
use crate::model::BuildState;
use crate::wire::{Build, Submission};

/// How often a build is submitted again whose place another one took.
const AGAIN: u32 = 3;

impl<M: Machine> Watched<'_, M> {
    /// Submits the repository. The same job submits the same build, however often it does.
    pub(super) async fn submit(
        &mut self,
        suffix: &str,
        with_reference: bool,
    ) -> Result<String, Halt> {
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

    /// The build that took the place of this one, if it is of the same; else another one.
    pub(super) async fn follow_up(&mut self, old: &Build, again: u32) -> Result<String, Halt> {
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
    pub(super) async fn is_awaited(&mut self, build: &Build) -> Result<(), Halt> {
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

    pub(super) async fn say_why(&mut self, id: &str) -> Result<(), Halt> {
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
}
