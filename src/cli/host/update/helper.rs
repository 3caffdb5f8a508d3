//! Without an agent: the helper is asked, and its report told.

use serde_json::json;

use super::UpdateArgs;
use crate::cli::output;
use crate::host::helper::{Answer, Change, Diagnosis, Did, Helper, HelperError, Report, Request};

/// Whether all that could be updated was.
pub(super) async fn run(arguments: &UpdateArgs) -> Result<bool, HelperError> {
    let helper = Helper::at(&arguments.socket);
    let refreshed = ask(&helper, &Request::Refresh, arguments.json).await?;
    let plugins = arguments.plugins.clone();
    let mut report = ask(&helper, &Request::Update { plugins }, arguments.json).await?;
    // What apt has is used if the farm cannot be reached now, but nobody must think that it is all there is.
    report.failures.splice(0..0, refreshed.failures);
    let succeeded = report.succeeded();
    if arguments.json {
        output::line(&json!({"succeeded": succeeded, "report": &report}).to_string());
    } else {
        tell(&report);
    }
    Ok(succeeded)
}

async fn ask(helper: &Helper, request: &Request, json: bool) -> Result<Report, HelperError> {
    let told = |answer: &Answer| {
        if let (Answer::Output { line }, false) = (answer, json) {
            output::progress(line);
        }
    };
    helper.ask(request, told).await
}

fn tell(report: &Report) {
    for change in &report.plugins {
        output::line(&changed(change));
    }
    for failure in &report.failures {
        output::line(&failed(failure));
    }
    for other in &report.unfinished {
        let (package, state) = (&other.package, other.state.word());
        output::line(&output::warning(&format!(
            "{package} is {state}; this update did not fail for it"
        )));
    }
    if report.plugins.is_empty() {
        output::line("no plugin is installed");
    }
}

fn changed(change: &Change) -> String {
    let Change {
        plugin,
        before,
        after,
        did,
        reason,
        ..
    } = change;
    let version = |version: &Option<_>| match version {
        Some(version) => format!("{version}"),
        None => "nothing".to_owned(),
    };
    let now = version(after);
    match (did, reason) {
        (Did::Unchanged, _) => format!("{plugin}: {now} is the newest"),
        (Did::Kept, Some(reason)) => format!("{plugin}: {now} stays: {reason}"),
        (Did::Failed, _) => format!("{plugin}: failed; it was {}, it is {now}", version(before)),
        _ => format!("{plugin}: {} to {now}", version(before)),
    }
}

fn failed(failure: &Diagnosis) -> String {
    let mut text = format!("error: [{}] {}", failure.code, failure.message);
    for line in &failure.output {
        text.push_str(&format!("\n    │ {line}"));
    }
    text.push_str(&format!("\n  what to do:  {}", failure.hint));
    text
}
