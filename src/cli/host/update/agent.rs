//! With an agent: the jobs that it makes, and how they end.

use serde_json::{Value, json};

use super::UpdateArgs;
use crate::cli::output;
use crate::host::socket::{AskError, Said, Wish, ask};
use crate::model::printable;

/// The most characters of a line that the agent says.
const MAX_LINE: usize = 2000;

/// Whether all jobs did what they were for.
pub(super) async fn run(arguments: &UpdateArgs) -> Result<bool, AskError> {
    let plugins = arguments.plugins.clone();
    let mut jobs = Vec::new();
    let told = |said: &Said| match said {
        Said::Step { plugin, step } if !arguments.json => {
            let plugin = plugin.as_ref().map(|plugin| format!("{plugin}: "));
            let step = printable(step, MAX_LINE);
            output::progress(&format!("{}{step}", plugin.unwrap_or_default()));
        }
        Said::Ended { job } => {
            if !arguments.json {
                tell(job);
            }
            jobs.push(job.clone());
        }
        _ => {}
    };
    ask(&arguments.agent, &Wish::Update { plugins }, told).await?;
    let succeeded = jobs.iter().all(|job| job["state"] == "completed");
    if arguments.json {
        output::line(&json!({"succeeded": succeeded, "jobs": jobs}).to_string());
    } else if let [only] = &jobs[..]
        && only["name"].is_null()
        && only["reason"].is_null()
        && succeeded
    {
        output::line("no plugin is installed");
    }
    Ok(succeeded)
}

/// What became of a job, for people.
fn tell(job: &Value) {
    let plugin = match (job["namespace"].as_str(), job["name"].as_str()) {
        (Some(namespace), Some(name)) => Some(format!("{namespace}/{name}")),
        _ => None,
    };
    let prefix = plugin.as_ref().map(|plugin| format!("{plugin}: "));
    let prefix = prefix.unwrap_or_default();
    for reason in job["reason"].as_str().unwrap_or_default().lines() {
        output::line(&printable(&format!("{prefix}{reason}"), MAX_LINE));
    }
    match (job["state"].as_str(), job["package_version"].as_str()) {
        (Some("completed"), Some(version)) => {
            output::line(&format!("{prefix}updated to {version}"))
        }
        (Some("completed"), None) => {}
        (state, _) => fail(&prefix, state.unwrap_or_default(), &job["errors"]),
    }
}

fn fail(prefix: &str, state: &str, error: &Value) {
    let details = &error["details"];
    let text = |value: &Value| value.as_str().map(|text| printable(text, MAX_LINE));
    let reason = text(&details["reason"]).or_else(|| text(&error["message"]));
    let code = text(&details["code"]).or_else(|| text(&error["error_id"]));
    let (code, reason) = (code.unwrap_or_default(), reason.unwrap_or_default());
    output::line(&format!("error: {prefix}{state}: [{code}] {reason}"));
    for line in details["output_tail"].as_str().unwrap_or_default().lines() {
        output::line(&format!("    │ {}", printable(line, MAX_LINE)));
    }
    if let Some(hint) = text(&details["hint"]) {
        output::line(&format!("  what to do:  {hint}"));
    }
}
