//! A job as others see it: in the interface, and on the command line.

use serde_json::{Value, json};

use super::{Job, JobId, Step};

impl Job {
    /// As it is shown. What was asked for is in it as it was asked, with a secret in no place.
    #[must_use]
    pub fn shown(&self) -> Value {
        let step = |step: &Step| {
            json!({
                "status": step.status.word(),
                "started_at": step.started_at.rfc3339(),
                "ended_at": step.ended_at.map(|time| time.rfc3339()),
            })
        };
        json!({
            "uuid": self.uuid.as_str(),
            "parent": self.parent.as_ref().map(JobId::as_str),
            "kind": self.kind,
            "state": self.state,
            "options": self.asked.options(),
            "reinstall": self.reinstall,
            "namespace": self.plugin.as_ref().map(|id| id.namespace.as_str()),
            "name": self.plugin.as_ref().map(|id| id.name.as_str()),
            "version": self.plugin_version,
            "package_version": self.version.as_ref().map(ToString::to_string),
            "build": self.build,
            "created_at": self.created_at.rfc3339(),
            "ended_at": self.ended_at.map(|time| time.rfc3339()),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "reason": self.reason,
            "errors": self.error,
        })
    }
}
