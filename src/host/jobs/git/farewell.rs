//! What is left to do for a build that is not followed any more: its log is kept, and it is stopped if nobody waits for it.

use std::time::Duration;

use super::super::State;
use super::super::machine::Machine;
use super::Watched;
use crate::client::{ClientError, Lines};

/// How long the farm may take for either.
const FAREWELL: Duration = Duration::from_secs(10);
/// The most bytes of the build's log that are kept with the job.
const MAX_LOG: usize = 768 << 10;

impl<M: Machine> Watched<'_, M> {
    /// Keeps the build's log with the job.
    pub(super) async fn keep_log(&self) {
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
    pub(super) async fn stop(&self) {
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
