//! `plugfarm-host update`: plugins to the versions that it is this host's turn for.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::cli::output;
use crate::host::helper::{
    Answer, Change, Diagnosis, Did, Helper, HelperError, Report, Request, SOCKET,
};
use crate::model::PluginId;

#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct UpdateArgs {
    /// The plugins, as namespace/name; all that are installed, if none is named
    #[arg(value_name = "PLUGIN")]
    plugins: Vec<PluginId>,
    /// The root helper's unix socket
    #[arg(long, default_value = SOCKET, value_name = "PATH")]
    socket: PathBuf,
    /// Print one JSON object for machines, in place of words for people
    #[arg(long)]
    json: bool,
}

const NOTES: &str = "A version that its farm gives to a share of the hosts only is taken once it is this host's turn, which the \
    machine's id decides: `apt upgrade` decides alike. An explicit `apt install PACKAGE` takes it at once.\n\nA version that is \
    higher than the farm's, such as one that was built here, is kept; so is a package that is held.\n\nExit codes: 0 done, \
    1 something could not be updated, 2 wrong usage, 3 the helper cannot be asked.";

pub(super) async fn run(arguments: &UpdateArgs) -> anyhow::Result<ExitCode> {
    let helper = Helper::at(&arguments.socket);
    let refreshed = ask(&helper, &Request::Refresh, arguments.json).await?;
    let plugins = arguments.plugins.clone();
    let mut report = ask(&helper, &Request::Update { plugins }, arguments.json).await?;
    // What apt has is used if the farm cannot be reached now, but nobody must think that it is all there is.
    report.failures.splice(0..0, refreshed.failures);
    if arguments.json {
        let succeeded = report.succeeded();
        output::line(&json!({"succeeded": succeeded, "report": &report}).to_string());
    } else {
        tell(&report);
    }
    Ok(if report.succeeded() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
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
