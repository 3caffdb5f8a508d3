//! The farm tries itself: where a container would not be confined, or cannot be started, no build is.

use std::time::{Duration, Instant};

use super::dispatch::Dispatcher;
use crate::model::Target;
use crate::pipeline::now;
use crate::sandbox::{ImageName, self_test};
use crate::store::StoreError;

/// How the reason begins why the queue is locked: such a lock the farm takes away itself.
const FAILED: &str = "the farm's check of itself failed: ";
/// How often the farm tries itself while nothing fails.
const OFTEN: Duration = Duration::from_secs(3600);
/// How soon it tries itself again after a fault.
const SOON: Duration = Duration::from_secs(5);
/// How long it waits for the engine.
const PATIENCE: Duration = Duration::from_secs(60);

impl Dispatcher {
    /// Tries the farm, if that is due: each hour, and each time that it is asked for while the queue is locked for it.
    pub(super) async fn check_if_due(&self) -> Result<(), StoreError> {
        let locked = self.store.queue_lock().await?;
        let own = locked.is_some_and(|reason| reason.starts_with(FAILED));
        if own || self.not_checked_for(OFTEN) {
            self.check().await?;
        }
        Ok(())
    }

    /// Tries the farm after a fault of its own: perhaps no other build needs to fail.
    pub(super) async fn check_after_fault(&self) -> Result<(), StoreError> {
        match self.not_checked_for(SOON) {
            true => self.check().await,
            false => Ok(()),
        }
    }

    /// Tries the farm. As long as it fails, nothing begins.
    async fn check(&self) -> Result<(), StoreError> {
        let tried = tokio::time::timeout(PATIENCE, self.posture()).await;
        let wrong = tried.unwrap_or_else(|_| Some("the engine does not answer".to_owned()));
        self.checked(Instant::now());
        let locked = self.store.queue_lock().await?;
        match (wrong, locked) {
            (Some(wrong), None) => {
                let reason = format!("{FAILED}{wrong}");
                tracing::error!(reason, "the queue is locked");
                self.store.lock_queue(&reason, "farm", now()).await?;
            }
            (None, Some(reason)) if reason.starts_with(FAILED) => {
                tracing::info!("the farm is well again; the queue is unlocked");
                self.store.unlock_queue("farm", now()).await?;
                self.changed.notify_one();
            }
            _ => {}
        }
        Ok(())
    }

    /// What is wrong with the containers of this farm, if anything is.
    async fn posture(&self) -> Option<String> {
        for target in Target::ALL {
            let image = match self.farm.images.find(ImageName::Builder, target).await {
                Ok(Some(image)) => image,
                Ok(None) => continue,
                Err(error) => return Some(error.to_string()),
            };
            return match self_test(&self.farm.engine, &image).await {
                Ok(posture) if posture.is_sound() => None,
                Ok(posture) => Some(format!("a container is not confined ({posture})")),
                Err(error) => Some(error.to_string()),
            };
        }
        Some("no image was made to build in; `plugfarm images build` makes them".to_owned())
    }
}
