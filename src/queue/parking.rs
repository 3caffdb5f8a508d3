//! What becomes of parked builds: they go on once what they depend on is published, by whomever, and circles are refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cycle;
use super::dispatch::Dispatcher;
use crate::model::{BuildId, Channel, FailureCode, PluginId, Target};
use crate::pipeline::{Conclusion, is_published, now};
use crate::store::{Parked, Reader, StoreError};

/// How many plugins are looked for at once. What is left has its turn later.
const LOOKED_FOR: usize = 256;

impl Dispatcher {
    /// Looks after a build that has just been parked: what was published between its check and its parking woke nobody.
    pub(super) async fn look_at_parked(&self, build: &BuildId) -> Result<(), StoreError> {
        let all = self.store.parked().await?;
        let own = all.iter().filter(|one| one.build == *build);
        for (plugin, channel, target) in awaited(own) {
            self.wake(plugin, channel, target).await?;
        }
        self.refuse_cycles().await
    }

    /// Looks after everything that is parked: somebody else may have published what it waits for.
    pub(super) async fn look_at_all_parked(&self) -> Result<(), StoreError> {
        let all = self.store.parked().await?;
        let awaited: Vec<_> = awaited(all.iter()).collect();
        let turns = awaited.chunks(LOOKED_FOR).count().max(1);
        let turn = usize::try_from(now().seconds() / 30).unwrap_or(0);
        for (plugin, channel, target) in awaited
            .chunks(LOOKED_FOR)
            .nth(turn % turns)
            .unwrap_or_default()
        {
            self.wake(plugin, channel, *target).await?;
        }
        self.refuse_cycles().await
    }

    /// Puts back into the queue what waits only for a plugin, if hosts can get that now.
    async fn wake(
        &self,
        plugin: &PluginId,
        channel: &Channel,
        target: Target,
    ) -> Result<(), StoreError> {
        let (farm, what, suite) = (Arc::clone(&self.farm), plugin.clone(), channel.clone());
        let found = tokio::task::spawn_blocking(move || {
            is_published(&farm.publisher, &what, &suite, target)
        });
        match found.await {
            Ok(Ok(true)) => {
                if self.store.wake(plugin, channel, target, now()).await? > 0 {
                    self.changed.notify_one();
                }
            }
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what is published cannot be read"),
            Err(error) => tracing::error!(%error, "what is published could not be read"),
        }
        Ok(())
    }

    async fn refuse_cycles(&self) -> Result<(), StoreError> {
        while let Some(cycle) = cycle::find(&self.store.parked().await?) {
            let named = cycle.told(&self.hidden_from_readers_of(&cycle.build).await?);
            let message = format!("it depends on itself: {named}");
            let hint = "take one of these out of the `depends` of its manifest, and submit that plugin again";
            let code = FailureCode::DependencyCycle;
            let said = Conclusion::failed(code, message, Some(hint.to_owned()));
            let said = serde_json::to_string(&said).unwrap_or_default();
            tracing::info!(build.id = %cycle.build, cycle = cycle.told(&[]), "a circle of plugins is refused");
            match self.store.refuse_parked(&cycle.build, &said, now()).await {
                // Somebody was faster; then it is in no circle any more.
                Err(StoreError::Transition { .. }) => {}
                refused => refused?,
            }
        }
        Ok(())
    }
}

impl Dispatcher {
    /// The plugins that may not be named to whoever reads of a build: everybody, or, if it is private, its partner.
    async fn hidden_from_readers_of(&self, build: &BuildId) -> Result<Vec<PluginId>, StoreError> {
        let public = self.store.shows(build, &Reader::Anybody).await?;
        let found = self.store.build(build).await?.filter(|_| !public);
        let reader = found.map_or(Reader::Anybody, |build| Reader::Partner {
            name: build.partner,
            namespaces: Vec::new(),
        });
        self.store.hidden_plugins(&reader).await
    }
}

/// What these builds wait for, each once.
fn awaited<'a>(
    parked: impl Iterator<Item = &'a Parked>,
) -> impl Iterator<Item = (&'a PluginId, &'a Channel, Target)> {
    let each = parked.flat_map(|one| {
        let plugins = one.awaits.iter();
        plugins.map(|plugin| (plugin, &one.channel, one.target))
    });
    let mut seen = BTreeSet::new();
    each.filter(move |(plugin, channel, target)| {
        seen.insert(((*plugin).clone(), channel.as_str(), target.codename()))
    })
}
