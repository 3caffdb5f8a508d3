//! A container of ours, and the promise that it goes away.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{KillContainerOptionsBuilder, RemoveContainerOptionsBuilder};
use tokio::sync::watch;
use tracing::Instrument as _;

use super::run::status_of;
use super::{Engine, SandboxError};

/// The containers that somebody in this process holds, whatever engine they are on.
static HELD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// How many containers are being removed that nobody waits for.
static LEAVING: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));
/// How many there may be at once; whoever comes next waits.
const LEAVING_AT_ONCE: usize = 8;
/// How long the process waits for them at its end. The next sweep finds the rest.
const FAREWELL: Duration = Duration::from_secs(60);

/// Waits until every container is gone that nobody waited for. Called before the process ends.
pub async fn settled() {
    let mut leaving = LEAVING.subscribe();
    let gone = leaving.wait_for(|count| *count == 0);
    if tokio::time::timeout(FAREWELL, gone).await.is_err() {
        tracing::warn!("containers are still being removed; the next sweep sees to them");
    }
}

/// Counts a container that leaves, until it is gone.
struct Leaving;

impl Leaving {
    async fn begin() -> Self {
        let mut leaving = LEAVING.subscribe();
        // The sender is never dropped, so that this cannot fail.
        drop(leaving.wait_for(|count| *count < LEAVING_AT_ONCE).await);
        LEAVING.send_modify(|count| *count += 1);
        Self
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        LEAVING.send_modify(|count| *count = count.saturating_sub(1));
    }
}

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

    /// Has the container removed while the caller goes on: a removal takes longer than most stages. See [`settled`].
    pub(super) async fn leave(mut self) {
        let leaving = Leaving::begin().await;
        let removing = async move {
            if let Err(error) = self.remove().await {
                tracing::warn!(%error, container = self.id, "a container could not be removed; the next sweep will");
            }
            drop(leaving);
        };
        tokio::spawn(removing.in_current_span());
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
            let removing = async move {
                if let Err(error) = remove(&docker, &id).await {
                    tracing::warn!(%error, container = id, "a container is left over");
                }
            };
            runtime.spawn(removing.in_current_span());
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
