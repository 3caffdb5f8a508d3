//! Removes what a crash left on the engine: containers of this farm, and of nobody else.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bollard::query_parameters::ListContainersOptionsBuilder;

use super::{Engine, SandboxError, handle, owner};

/// How old a container of this process is, in seconds, before it is believed that nobody holds it: it may be just made.
const YOUNG: u64 = 20;

/// Removes every container of this farm whose process is gone, whose deadline has passed, or that this process could not
/// remove when it should have, and says how many there were. Containers of other farms, and those that a living process of
/// this farm looks after, stay.
///
/// # Errors
///
/// What the engine says; containers that come later in its list are left for the next sweep.
pub async fn sweep(engine: &Engine) -> Result<usize, SandboxError> {
    let label = format!("{}={}", owner::INSTANCE, engine.owner.instance);
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&HashMap::from([("label", vec![label.as_str()])]))
        .build();
    let listed = engine.docker.list_containers(Some(options)).await;
    let mut removed = 0;
    for container in listed.map_err(SandboxError::engine("list containers"))? {
        let (Some(id), Some(labels), created) = (container.id, container.labels, container.created)
        else {
            continue;
        };
        // The engine filters by label; that the label is exactly ours is not left to it.
        let ours = labels.get(owner::INSTANCE) == Some(&engine.owner.instance);
        let forgotten = || {
            let age = created.map(|time| now().saturating_sub(time.unsigned_abs()));
            engine.owner.is_this(&labels) && !handle::is_held(&id) && age > Some(YOUNG)
        };
        if ours && (engine.owner.is_gone(&labels) || is_overdue(&labels) || forgotten()) {
            handle::remove(&engine.docker, &id).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_overdue(labels: &HashMap<String, String>) -> bool {
    let deadline = labels
        .get(owner::DEADLINE)
        .and_then(|text| text.parse::<u64>().ok());
    deadline.is_none_or(|deadline| now() > deadline)
}

/// In seconds since the epoch.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
