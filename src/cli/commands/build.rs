//! `plugfarm build`.

use crate::app::App;
use crate::cli::args::{BuildArgs, SourceArgs};
use crate::cli::{Exit, output};
use crate::model::{Blame, Outcome};
use crate::pipeline::{self, Observer, PublishRequest, Report, Request};
use crate::sandbox::Canceller;
use crate::source::{Asker, Location, RequestedRef, Subdirectory};

pub(in crate::cli) async fn run(
    app: &App,
    arguments: &BuildArgs,
    json: bool,
) -> anyhow::Result<Exit> {
    let request = request(app, arguments)?;
    let farm = app.farm().await?;
    let (canceller, cancel) = Canceller::new();
    let interrupted = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            canceller.cancel();
        }
    });
    let terminal = output::Terminal::new();
    let observer: &dyn Observer = if json { &output::Silent } else { &terminal };
    let report = pipeline::build(&farm, &request, observer, &cancel).await;
    interrupted.abort();
    terminal.close();
    if json {
        output::json(&report)?;
    } else {
        output::report(&report);
    }
    Ok(exit(&report))
}

/// The exit code of a build's outcome.
fn exit(report: &Report) -> Exit {
    match (report.outcome, report.blame) {
        (Outcome::Succeeded, _) => Exit::Done,
        (_, Some(Blame::Partner)) => Exit::Plugin,
        _ => Exit::Farm,
    }
}

fn request(app: &App, arguments: &BuildArgs) -> anyhow::Result<Request> {
    let SourceArgs {
        location,
        reference,
        subdirectory,
        namespace,
    } = &arguments.source;
    let channel = arguments.channel.clone();
    let channel = channel.unwrap_or_else(|| app.config.repository.channel.clone());
    Ok(Request {
        location: Location::parse(location, Asker::CommandLine)?,
        reference: reference.as_deref().map(RequestedRef::new).transpose()?,
        subdirectory: subdirectory.as_deref().map(Subdirectory::new).transpose()?,
        namespace: namespace.clone(),
        target: arguments.target,
        allow: arguments.allow.clone(),
        out: arguments.out.clone(),
        publish: arguments.publish.then_some(PublishRequest {
            channel,
            unpinned: arguments.unpinned,
        }),
    })
}
