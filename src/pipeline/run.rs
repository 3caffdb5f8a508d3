//! Stages `build` and `package`: the rules' own two steps, in one container without network, rights or secrets.

use std::io;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, now};
use super::check::Checked;
use super::log::BuildLog;
use super::observer::Observer;
use super::resources::Resources;
use crate::model::{Failure, FailureCode, Sha256, Stage, Timestamp};
use crate::plugin::Layout;
use crate::sandbox::{
    FEWER_PROCESSES, Finished, Image, ImageName, LogEvent, Printed, Run, SandboxError, Step,
};

/// What was built, in what, and when: what every later stage hands on.
pub(super) struct Built {
    pub(super) checked: Checked,
    pub(super) image: Image,
    pub(super) started: Timestamp,
    pub(super) ended: Timestamp,
}

/// A build whose steps say that they did well. That proves nothing yet.
pub(super) struct Ran {
    pub(super) built: Built,
    pub(super) finished: Finished,
}

/// Runs both steps, in the image whose root file system is `image` if the engine has it still, else in today's.
pub(super) async fn run(
    attempt: &mut Attempt<'_>,
    checked: Checked,
    image: Option<Sha256>,
) -> Result<Ran, Failure> {
    let began = attempt.begin(Stage::Build)?;
    let kept = match image {
        Some(root) => attempt.farm.images.with_root(root).await.map_err(failed)?,
        None => None,
    };
    let image = match kept {
        Some(image) => image,
        None => find_image(attempt, &checked).await.map_err(|mut failure| {
            failure.lines = attempt.log.telling();
            failure
        })?,
    };
    let source = checked.source();
    let tar =
        fs_err::File::open(&source.tar).map_err(Attempt::storage(Stage::Build, "the source"))?;
    let started = now();
    let architecture = attempt.report.target.architecture();
    let run = match checked.plugin.layout {
        Layout::Standard => Run::rules(&image, tar, source.commit_time, architecture),
        Layout::Legacy => Run::legacy(&image, tar, source.commit_time, architecture),
    };
    let container = run
        .limits(&attempt.farm.config.limits)
        .build(attempt.id.as_str(), 1)
        .start(&attempt.farm.engine)
        .await
        .map_err(failed)?;
    let mut watcher = Watcher::new(&mut attempt.log, attempt.observer, began);
    let waited = container
        .wait(&mut |event| watcher.take(event), attempt.cancel.clone())
        .await;
    let Watcher { took, broken, .. } = watcher;
    let finished = waited.map_err(failed)?;
    attempt.report.resources = Some(Resources::of(&finished));
    if let Some(error) = broken {
        return Err(give_up(finished, Attempt::storage(Stage::Build, "the log")(error)).await);
    }
    if let Err(mut failure) = finished.verdict() {
        failure.lines = attempt.log.telling();
        hint_at_processes(&mut failure);
        return Err(give_up(finished, failure).await);
    }
    for (stage, took) in took {
        attempt.report.timings.add(stage, took);
    }
    Ok(Ran {
        built: Built {
            checked,
            image,
            started,
            ended: now(),
        },
        finished,
    })
}

/// The target's builder image, with the packages that the plugin asks for and the folders that its layout needs.
async fn find_image(attempt: &mut Attempt<'_>, checked: &Checked) -> Result<Image, Failure> {
    let images = &attempt.farm.images;
    let target = attempt.report.target;
    let found = images
        .find(ImageName::Builder, target)
        .await
        .map_err(failed)?;
    let base = found.ok_or_else(|| {
        let image = format!("{}:{target}", ImageName::Builder);
        failed(SandboxError::ImageMissing { image })
    })?;
    let wanted = &checked.plugin.manifest.build_depends;
    let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
    let mut watcher = Watcher::new(&mut attempt.log, attempt.observer, Instant::now());
    let mut progress = |line: &str| watcher.line(Printed::plainly(line));
    let image = images
        .with_packages(&base, &wanted, &mut progress)
        .await
        .map_err(failed)?;
    match checked.plugin.layout {
        Layout::Standard => Ok(image),
        Layout::Legacy => images.legacy(&image, &mut progress).await.map_err(failed),
    }
}

fn failed(error: SandboxError) -> Failure {
    error.failure(Stage::Build)
}

/// A refused process may have gone unseen; then only the plugin's own words tell of it, and they prove nothing.
fn hint_at_processes(failure: &mut Failure) {
    const SAID: &[&str] = &[
        "Resource temporarily unavailable",
        "Cannot fork",
        "can't start new thread",
    ];
    let mut lines = failure.lines.iter();
    if failure.code == FailureCode::RulesExit
        && lines.any(|line| SAID.iter().any(|words| line.text.contains(words)))
    {
        failure.hint = format!("if the log means processes: {FEWER_PROCESSES}");
    }
}

/// Has the container of a failed run removed.
async fn give_up(finished: Finished, failure: Failure) -> Failure {
    finished.leave().await;
    failure
}

/// Takes what the container makes known: lines into the log, steps to whoever watches.
struct Watcher<'a> {
    log: &'a mut BuildLog,
    observer: &'a dyn Observer,
    began: Instant,
    /// How long each step took that ended.
    took: Vec<(Stage, Duration)>,
    /// Why the log could not be written.
    broken: Option<io::Error>,
}

impl<'a> Watcher<'a> {
    fn new(log: &'a mut BuildLog, observer: &'a dyn Observer, began: Instant) -> Self {
        Self {
            log,
            observer,
            began,
            took: Vec::new(),
            broken: None,
        }
    }

    fn line(&mut self, text: Printed<'_>) {
        match self.log.append(text) {
            Ok(line) => self.observer.log(&line),
            Err(error) => self.broken = self.broken.take().or(Some(error)),
        }
    }

    fn take(&mut self, event: LogEvent<'_>) {
        match event {
            LogEvent::Line { text, .. } => self.line(text),
            LogEvent::Step(Step {
                stage,
                status: Some(0),
            }) => {
                let took = self.began.elapsed();
                self.took.push((stage, took));
                self.observer
                    .finished(stage, took, &format!("rules {stage}"));
            }
            LogEvent::Step(Step {
                stage: Stage::Package,
                status: None,
            }) => {
                self.began = Instant::now();
                self.observer.started(Stage::Package);
            }
            LogEvent::Step(_) => {}
        }
    }
}
