//! Removes what a crash left on the engine: containers of this farm, and of nobody else.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bollard::query_parameters::ListContainersOptionsBuilder;

use super::{Engine, SandboxError, handle, owner};

/// Removes every container of this farm whose process is gone or whose deadline has passed, and says how many there were.
/// Containers of other farms, and those that a living process of this farm looks after, stay.
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
        let (Some(id), Some(labels)) = (container.id, container.labels) else {
            continue;
        };
        // The engine filters by label; that the label is exactly ours is not left to it.
        let ours = labels.get(owner::INSTANCE) == Some(&engine.owner.instance);
        if ours && (engine.owner.is_gone(&labels) || is_overdue(&labels)) {
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
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    deadline.is_none_or(|deadline| now.as_secs() > deadline)
}
