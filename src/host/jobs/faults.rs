//! wazo-plugind's errors: which `error_id`, message and details a failure has.

use serde_json::{Map, Value, json};

use super::{JobError, Status};

/// What errors are about.
const RESOURCE: &str = "plugins";
/// The most bytes of an error's details.
const MAX_DETAILS: usize = 256 << 10;

impl JobError {
    /// Somebody stopped the job.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new("cancelled", "Cancelled", json!({}))
    }

    /// The plugin's manifest is not what it may be, or not for this host: for each field, what is wrong with it.
    #[must_use]
    pub fn validation(details: Value) -> Self {
        Self::new("validation-error", "Validation error", details)
    }

    /// The plugin's own code failed at a step.
    #[must_use]
    pub fn building(step: Status) -> Self {
        let details = json!({"step": step.word()});
        Self::new("install-error", "Installation error", details)
    }

    /// Anything else failed at a step.
    #[must_use]
    pub fn at(step: Status, details: Value) -> Self {
        let word = step.word();
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        let message: String = first.into_iter().chain(letters).collect();
        Self::new(
            &format!("{}-error", word.replace(' ', "-")),
            &format!("{message} Error"),
            details,
        )
    }

    /// Likewise, with something more to say: `key` is not one of wazo-plugind's.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.entry(key).or_insert_with(|| value.into());
        self
    }

    /// Without more than an event and a file have room for: what is not wazo-plugind's goes first.
    pub(super) fn bounded(mut self) -> Self {
        const LEAST: [&str; 4] = ["findings", "output_tail", "missing", "failed"];
        let mut names: Vec<_> = LEAST.map(str::to_owned).into();
        names.extend(self.details.keys().cloned());
        for name in names {
            let size = |details: &Map<String, Value>| {
                serde_json::to_vec(details).map_or(usize::MAX, |text| text.len())
            };
            if size(&self.details) <= MAX_DETAILS {
                break;
            }
            if self.details.remove(&name).is_some() {
                self.details.insert("cut".to_owned(), true.into());
            }
        }
        self
    }

    fn new(error_id: &str, message: &str, details: Value) -> Self {
        let details = match details {
            Value::Object(details) => details,
            _ => Map::new(),
        };
        Self {
            error_id: error_id.to_owned(),
            message: message.to_owned(),
            resource: RESOURCE.to_owned(),
            details,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_have_an_end() {
        let error = JobError::at(Status::Removing, json!({"reason": "why"}));
        assert_eq!(error.clone().bounded(), error);
        let large = error.with("findings", "x".repeat(MAX_DETAILS)).bounded();
        let details = serde_json::to_string(&large.details).unwrap();
        assert_eq!(details, r#"{"reason":"why","cut":true}"#);
        let larger = large.with("z", "x".repeat(MAX_DETAILS)).bounded();
        assert!(!larger.details.contains_key("z"));
    }

    #[test]
    fn errors_are_named_as_wazo_plugind_names_them() {
        let said = |error: JobError| serde_json::to_string(&error).unwrap();
        insta::assert_snapshot!(said(JobError::building(Status::Building)), @r#"{"error_id":"install-error","message":"Installation error","resource":"plugins","details":{"step":"building"}}"#);
        let options = json!({"install_options": {"url": "u"}});
        insta::assert_snapshot!(said(JobError::at(Status::Downloading, options)), @r#"{"error_id":"downloading-error","message":"Downloading Error","resource":"plugins","details":{"install_options":{"url":"u"}}}"#);
        insta::assert_snapshot!(said(JobError::at(Status::InstallingDependencies, json!({}))), @r#"{"error_id":"installing-dependencies-error","message":"Installing dependencies Error","resource":"plugins","details":{}}"#);
        let error = JobError::at(Status::Removing, json!({})).with("output_tail", "sh: 1");
        insta::assert_snapshot!(said(error), @r#"{"error_id":"removing-error","message":"Removing Error","resource":"plugins","details":{"output_tail":"sh: 1"}}"#);
    }
}
