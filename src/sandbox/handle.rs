//! A container of ours, and the promise that it goes away.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use bollard::Docker;
use bollard::query_parameters::{KillContainerOptionsBuilder, RemoveContainerOptionsBuilder};

use super::run::status_of;
use super::{Engine, SandboxError};

/// The containers that somebody in this process holds, whatever engine they are on.
static HELD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Whether somebody in this process holds a container. Who does not could not remove it: the engine was away, perhaps.
pub(super) fn is_held(id: &str) -> bool {
    HELD.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .contains(id)
}

/// A container of ours, removed at the latest when nobody holds it any more.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) docker: Docker,
    pub(super) id: String,
    removed: bool,
}

impl Handle {
    pub(super) fn new(engine: &Engine, id: String) -> Self {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(id.clone());
        Self {
            docker: engine.docker.clone(),
            id,
            removed: false,
        }
    }

    /// Removes the container, running or not. Removing it twice is the same as once.
    pub(super) async fn remove(&mut self) -> Result<(), SandboxError> {
        if !self.removed {
            remove(&self.docker, &self.id).await?;
            self.removed = true;
        }
        Ok(())
    }

    /// Sends a signal to the container's first process, which passes it on to the command.
    pub(super) async fn signal(&self, name: &str) -> Result<(), SandboxError> {
        let options = KillContainerOptionsBuilder::new().signal(name).build();
        match self.docker.kill_container(&self.id, Some(options)).await {
            // It has ended in the meantime.
            Err(error) if matches!(status_of(&error), Some(404 | 409)) => Ok(()),
            other => other.map_err(SandboxError::engine("stop a container")),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&self.id);
        drop(held);
        if self.removed {
            return;
        }
        // Whoever held it was dropped in the middle. The next sweep would find the container, but sooner is better.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (docker, id) = (self.docker.clone(), self.id.clone());
            runtime.spawn(async move {
                if let Err(error) = remove(&docker, &id).await {
                    tracing::warn!(%error, container = id, "a container is left over");
                }
            });
        }
    }
}

/// Removes a container with all that belongs to it; one that is gone already, or going, is no error.
pub(super) async fn remove(docker: &Docker, id: &str) -> Result<(), SandboxError> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    match docker.remove_container(id, Some(options)).await {
        Err(error) if matches!(status_of(&error), Some(404 | 409)) => Ok(()),
        other => other.map_err(SandboxError::engine("remove a container")),
    }
}
