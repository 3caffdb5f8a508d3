//! Tells the bus what happens to jobs, from what is written down with them.
//!
//! Events of one job are sent in their order, each once the one before is confirmed. What the bus has taken is written down; a
//! death between the two sends an event again, under the same id.

use std::time::Duration;

use serde_json::json;

use super::{Event, Job, Jobs, JobsError, Kind};
use crate::bus::{self, Bus, BusError};
use crate::sandbox::Cancel;

/// The first pause after the bus did not take something, and the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// How long the bus may take the rest when the agent stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// Tells `bus` of `jobs`, as coming from the Wazo `origin`, until somebody asks to stop.
pub(super) async fn tell(jobs: Jobs, mut bus: Bus, origin: Option<String>, mut stop: Cancel) {
    let mut pause = FIRST;
    while !stop.is_cancelled() {
        match send(&jobs, &mut bus, origin.as_deref()).await {
            Ok(()) => {
                if pause > FIRST {
                    tracing::info!("the bus takes events again");
                }
                pause = FIRST;
                tokio::select! {
                    () = jobs.told() => {}
                    () = stop.cancelled() => {}
                }
            }
            Err(error) => {
                if pause == FIRST {
                    tracing::warn!(%error, "events wait for the bus");
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
                pause = (pause * 2).min(LONGEST);
            }
        }
    }
    let rest = tokio::time::timeout(FAREWELL, send(&jobs, &mut bus, origin.as_deref())).await;
    if !matches!(rest, Ok(Ok(()))) {
        tracing::info!("events are left that the bus has not taken; they are sent later");
    }
}

/// Sends what was not sent.
async fn send(jobs: &Jobs, bus: &mut Bus, origin: Option<&str>) -> Result<(), BusError> {
    for job in jobs.snapshot(|job| !job.is_told()) {
        let mut sent = job.sent;
        let mut failed = Ok(());
        for (place, event) in job.events.iter().enumerate().skip(job.sent) {
            let message = event_of(&job, place, event, origin).message();
            failed = bus.publish(&message).await;
            if failed.is_err() {
                break;
            }
            sent = place + 1;
        }
        if sent > job.sent {
            match jobs.sent(&job.uuid, sent).await {
                Ok(()) | Err(JobsError::Unknown { .. }) => {}
                Err(error) => {
                    tracing::error!(%error, job = %job.uuid, "what the bus has taken cannot be written down: it is sent again");
                    tokio::time::sleep(FIRST).await;
                }
            }
        }
        failed?;
    }
    Ok(())
}

/// An event as Wazo's services know it.
fn event_of(job: &Job, place: usize, event: &Event, origin: Option<&str>) -> bus::Event {
    let (name, verb) = match job.kind {
        Kind::Uninstall => ("plugin_uninstall_progress", "uninstall"),
        Kind::Install | Kind::Update => ("plugin_install_progress", "install"),
    };
    let mut data = json!({"uuid": job.uuid, "status": event.status});
    if let Some(errors) = &event.errors {
        data["errors"] = json!(errors);
    }
    let key = ["plugin", verb, job.uuid.as_str(), event.status.word()];
    bus::Event {
        name,
        key: key.map(str::to_owned).to_vec(),
        data,
        timestamp: event.timestamp.clone(),
        origin: origin.map(str::to_owned),
        id: format!("{}:{place}", job.uuid),
    }
}
