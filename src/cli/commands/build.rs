//! `plugfarm build`.

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{BuildArgs, SourceArgs};
use crate::cli::usage::WrongUsage;
use crate::cli::{channels, locate, output};
use crate::deb::inspect::Check;
use crate::model::{Channel, Severity, printable};
use crate::pipeline::{self, Observer, Parameters, PublishRequest, Report, Request};
use crate::sandbox::{Cancel, Canceller};
use crate::source::{Access, RequestedRef, Subdirectory};
use tokio::signal::unix::{SignalKind, signal};

pub(in crate::cli) async fn run(
    app: &App,
    arguments: &BuildArgs,
    json: bool,
) -> anyhow::Result<Answer> {
    let request = request(app, arguments)?;
    let farm = app.farm().await?;
    let report = watched(json, async |observer, cancel| {
        pipeline::build(&farm, pipeline::new_id(), &request, observer, cancel).await
    });
    answer(report.await)
}

/// Does what takes long, shown to whoever watches, until somebody asks for it to stop.
pub(super) async fn watched<T>(
    json: bool,
    work: impl AsyncFnOnce(&dyn Observer, &Cancel) -> T,
) -> T {
    let (canceller, cancel) = Canceller::new();
    let interrupted = tokio::spawn(async move {
        if stop_signal().await.is_ok() {
            canceller.cancel();
        }
    });
    let terminal = output::Terminal::new();
    let observer: &dyn Observer = if json { &output::Silent } else { &terminal };
    let done = work(observer, &cancel).await;
    interrupted.abort();
    terminal.close();
    done
}

fn answer(report: Report) -> anyhow::Result<Answer> {
    let artifacts = report.artifacts.iter();
    let paths: Vec<_> = artifacts
        .map(|artifact| artifact.path.display().to_string())
        .collect();
    let details = serde_json::to_value(&report)?;
    let answer = Answer::from(report.conclusion).with(details);
    Ok(answer.saying(paths).with_log(report.log))
}

/// Waits for whatever asks a process to end: a person's Ctrl-C, a service manager, a terminal that goes away.
pub(in crate::cli) async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

fn request(app: &App, arguments: &BuildArgs) -> anyhow::Result<Request> {
    let SourceArgs {
        location,
        reference,
        subdirectory,
        namespace,
    } = &arguments.source;
    known_codes(&arguments.allow)?;
    let preview = arguments
        .preview
        .as_deref()
        .map(Channel::preview)
        .transpose()?;
    let named = preview.as_ref().or(arguments.channel.as_ref());
    let channel = channels::entered(app, named)?;
    Ok(Request {
        location: locate(location)?,
        reference: reference.as_deref().map(RequestedRef::new).transpose()?,
        subdirectory: subdirectory.as_deref().map(Subdirectory::new).transpose()?,
        access: Access::Settings,
        plugin: None,
        parameters: Parameters {
            namespace: namespace.clone(),
            target: arguments.target,
            preview,
            allow: arguments.allow.clone(),
        },
        out: arguments.out.clone(),
        publish: arguments.publish.then_some(PublishRequest {
            channel,
            unpinned: arguments.unpinned,
            after_dependencies: false,
        }),
    })
}

/// A typing mistake in `--allow` would go into the signed evidence, and allow nothing.
fn known_codes(allow: &[String]) -> anyhow::Result<()> {
    let held = Check::ALL
        .iter()
        .filter(|check| check.severity() == Severity::Hold);
    let held: Vec<_> = held.map(|check| check.code()).collect();
    match allow.iter().find(|code| !held.contains(&code.as_str())) {
        None => Ok(()),
        Some(code) => {
            let code = printable(code, 60);
            let held = held.join(", ");
            let message = format!("`{code}` is no finding that can be allowed; these are: {held}");
            Err(WrongUsage(message).into())
        }
    }
}
