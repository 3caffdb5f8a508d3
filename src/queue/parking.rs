//! What becomes of parked builds: they go on once what they depend on is published, by whomever, and circles are refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cycle;
use super::dispatch::Dispatcher;
use crate::model::FailureCode;
use crate::pipeline::{Conclusion, is_published, now};
use crate::store::{Parked, StoreError};

impl Dispatcher {
    /// Looks at everything that is parked. Whoever parks a build does so afterwards: what was published between its check and
    /// its parking woke nobody.
    pub(super) async fn look_at_parked(&self) -> Result<(), StoreError> {
        self.wake(self.store.parked().await?).await?;
        while let Some(cycle) = cycle::find(&self.store.parked().await?) {
            let message = format!("it depends on itself: {cycle}");
            let hint = "take one of these out of the `depends` of its manifest, and submit that plugin again";
            let code = FailureCode::DependencyCycle;
            let said = Conclusion::failed(code, message, Some(hint.to_owned()));
            let said = serde_json::to_string(&said).unwrap_or_default();
            tracing::info!(build.id = %cycle.build, %cycle, "a circle of plugins is refused");
            match self.store.refuse_parked(&cycle.build, &said, now()).await {
                // Somebody was faster; then it is in no circle any more.
                Err(StoreError::Transition { .. }) => {}
                refused => refused?,
            }
        }
        Ok(())
    }

    async fn wake(&self, parked: Vec<Parked>) -> Result<(), StoreError> {
        let mut awaited = BTreeSet::new();
        for one in &parked {
            for plugin in &one.awaits {
                awaited.insert((
                    plugin.clone(),
                    one.channel.to_string(),
                    one.target.codename(),
                ));
            }
        }
        for one in &parked {
            for plugin in &one.awaits {
                let key = (
                    plugin.clone(),
                    one.channel.to_string(),
                    one.target.codename(),
                );
                if !awaited.remove(&key) {
                    continue;
                }
                let farm = Arc::clone(&self.farm);
                let (what, channel, target) = (plugin.clone(), one.channel.clone(), one.target);
                let found = tokio::task::spawn_blocking(move || {
                    is_published(&farm.publisher, &what, &channel, target)
                });
                match found.await {
                    Ok(Ok(true)) => {
                        let woken = self.store.wake(plugin, &one.channel, one.target, now());
                        if woken.await? > 0 {
                            self.changed.notify_one();
                        }
                    }
                    Ok(Ok(false)) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "what is published cannot be read"),
                    Err(error) => tracing::error!(%error, "what is published could not be read"),
                }
            }
        }
        Ok(())
    }
}
