//! A build of a farm, watched to its end, and what it came to.

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Duration, MissedTickBehavior, interval};

use super::answer::Answer;
use crate::client::{Client, ClientError, Happened};
use crate::model::{Blame, BuildState, FailureCode, LogLine, Outcome, Stage, printable};
use crate::pipeline::Conclusion;
use crate::wire::{Detailed, Verdict};

/// How often it is asked why a build waits.
const ASKING: Duration = Duration::from_secs(3);

/// Is told what happens to a build.
pub(super) trait Watcher {
    /// Its log has a line more, in this attempt.
    fn line(&mut self, attempt: u32, line: &LogLine);
    /// It waits, for this reason.
    fn waits(&mut self, reason: &str);
}

/// Watches a build to its end, and says what it came to.
pub(super) async fn watch(
    client: &Client,
    id: &str,
    watcher: &mut dyn Watcher,
) -> anyhow::Result<Answer> {
    let mut happens = happenings(client, id);
    let mut ticks = interval(ASKING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut quiet, mut said) = (true, String::new());
    loop {
        tokio::select! {
            happened = happens.recv() => match happened.transpose()? {
                Some(Happened::Line { attempt, line }) => {
                    quiet = false;
                    watcher.line(attempt, &line);
                }
                Some(Happened::End(_)) | None => break,
            },
            _ = ticks.tick(), if quiet => {
                // Whoever asks is told at once; that this fails is no reason to stop.
                if let Ok(why) = client.why(id).await && waiting(&why.state) && why.reason != said {
                    watcher.waits(&printable(&why.reason, 500));
                    said = why.reason;
                }
            }
        }
    }
    let build = client.build(id).await?;
    Ok(outcome(&build).with(json!({ "build": build })))
}

fn waiting(state: &str) -> bool {
    [BuildState::Queued.word(), BuildState::Parked.word()].contains(&state)
}

/// What happens, read by a task of its own: a pause in it is nobody else's.
fn happenings(client: &Client, id: &str) -> mpsc::Receiver<Result<Happened, ClientError>> {
    let (tell, hear) = mpsc::channel(256);
    let mut follower = client.follow(id);
    tokio::spawn(async move {
        loop {
            let happened = follower.next().await;
            let ends = !matches!(happened, Ok(Happened::Line { .. }));
            if tell.send(happened).await.is_err() || ends {
                return;
            }
        }
    });
    hear
}

/// What a build came to, as every command says it.
pub(super) fn outcome(build: &Detailed) -> Answer {
    let state = build.build.state.as_str();
    let answer: Answer = match (state.parse(), &build.build.result) {
        (Ok(BuildState::Succeeded), _) => Conclusion::done(published(build)).into(),
        (Ok(BuildState::Superseded), _) => {
            let words = "a newer build of the same plugin took its place before it began";
            let hint = "follow the newer one";
            Conclusion::failed(FailureCode::Superseded, words, Some(hint.to_owned())).into()
        }
        (Ok(BuildState::Cancelled), _) => {
            let words = "somebody asked for it to stop";
            Conclusion::failed(FailureCode::Cancelled, words, None).into()
        }
        (_, Some(verdict)) => conclusion(verdict).into(),
        (_, None) => {
            let words = format!("it is {}", printable(state, 100));
            let hint = Some("see it with `plugfarm builds show`".to_owned());
            Conclusion::failed(FailureCode::FarmUnavailable, words, hint).into()
        }
    };
    answer.saying(summary(build))
}

fn published(build: &Detailed) -> String {
    match &build.publication {
        Some(one) => printable(
            &format!("{} {} is in {}", one.package, one.version, one.suite),
            500,
        ),
        None => "the package was built".to_owned(),
    }
}

fn summary(build: &Detailed) -> Option<String> {
    let done = build.build.state == BuildState::Succeeded.word();
    done.then(|| published(build))
}

fn conclusion(verdict: &Verdict) -> Conclusion {
    let code = verdict.code.as_deref();
    let known = FailureCode::ALL.iter().find(|one| Some(one.word()) == code);
    let blame = match verdict.blame.as_deref() {
        Some("partner") => Blame::Partner,
        Some("upstream") => Blame::Upstream,
        _ => Blame::Farm,
    };
    let text = |text: &String| printable(text, 2000);
    let line = |line: &crate::wire::Line| LogLine {
        number: line.number,
        text: printable(&line.text, usize::MAX),
    };
    Conclusion {
        outcome: Outcome::Failed,
        stage: verdict.stage.as_deref().and_then(Stage::of_word),
        code: known.copied(),
        blame: Some(blame),
        message: text(&verdict.message),
        hint: verdict.hint.as_ref().map(text),
        lines: verdict.lines.iter().map(line).collect(),
    }
}
