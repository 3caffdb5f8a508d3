//! Logs: whole, by lines, and as they grow.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::Viewer;
use super::builds::{Id, find};
use super::problem::Problem;
use super::tail::{BATCH, BATCH_BYTES, Tail};
use super::{Api, State};
use crate::listen::{Origin, Place};
use crate::model::{BuildId, LogLine, colours};
use crate::wire::Grown;

/// How often a build that waits is looked at for whoever reads its log.
const TICK: Duration = Duration::from_millis(500);

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Lines {
    /// Which attempt's, from 1; without it, the last one's.
    attempt: Option<u32>,
    /// The first line, from 1.
    from: Option<usize>,
    /// The last line.
    to: Option<usize>,
    /// Whether it is for a terminal: with colours, as `ESC [ … m`.
    #[serde(default)]
    colours: bool,
}

/// A build's log, or some lines of it
#[utoipa::path(get, path = "/builds/{id}/log", params(("id" = String, Path), Lines),
    responses(
        (status = 200, description = "this is it", content_type = "text/plain", body = String),
        (status = 410, description = "it is kept no longer", body = Problem)
    ))]
pub(super) async fn log(
    api: State,
    viewer: Viewer,
    id: Id,
    asked: Result<Query<Lines>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(asked) = asked?;
    let build = find(&api, id, &viewer.0).await?;
    let attempts = api.store.attempts(&build.id).await?;
    let attempt = match asked.attempt {
        Some(number) => attempts.into_iter().find(|one| one.number == number),
        None => attempts.into_iter().last(),
    };
    let attempt = attempt.ok_or_else(|| Problem::missing("attempt"))?;
    if attempt.ended_at.is_some() && attempt.log.is_none() {
        let words = "the log of this attempt is kept no longer, or there was none";
        let hint = "submit the build again for a new one";
        return Err(Problem::new(StatusCode::GONE, words, hint));
    }
    let first = asked.from.unwrap_or(1).max(1);
    let last = asked.to.unwrap_or(usize::MAX);
    let tail = Tail::open(&api, &build.id, &attempt, first - 1).await;
    let text = stream::unfold((tail, last), move |(mut tail, last)| async move {
        let lines = tail.read(last.saturating_sub(tail.after())).await;
        let text: String = lines
            .iter()
            .map(|line| shown(line, asked.colours))
            .collect();
        (!lines.is_empty()).then_some((Ok::<_, Infallible>(text), (tail, last)))
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, Body::from_stream(text)))
}

/// A line with its end.
fn shown(line: &LogLine, in_colour: bool) -> String {
    let text = match in_colour {
        true => line.text.clone(),
        false => colours::plain(&line.text),
    };
    text + "\n"
}

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// Goes on after this event, as `Last-Event-ID` does: browsers cannot say that at first.
    after: Option<String>,
}

/// A build's log as it grows, over all its attempts, until the build has come to its end
#[utoipa::path(get, path = "/builds/{id}/log/live",
    params(("id" = String, Path), After, ("Last-Event-ID" = Option<String>, Header, description = "goes on after this event")),
    responses(
        (status = 200, description = "this is it", content_type = "text/event-stream", body = String)
    ))]
pub(super) async fn live(
    api: State,
    viewer: Viewer,
    id: Id,
    origin: Origin,
    asked: Result<Query<After>, QueryRejection>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let Query(asked) = asked.map_err(|error| Problem::wrong(error.body_text()))?;
    let seat = api.load.reader(origin)?;
    let build = find(&api, id, &viewer.0).await?;
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    let last = last.or(asked.after.as_deref());
    let (attempt, after) = last.and_then(place).unwrap_or((0, 0));
    let reader = Reader {
        api: Arc::clone(&api),
        build: build.id,
        attempt,
        after,
        tail: None,
        ready: VecDeque::new(),
        ended: false,
        _place: seat,
    };
    Ok(Sse::new(reader.events()).keep_alive(KeepAlive::default()))
}

/// The attempt and the line that an event's id names.
fn place(text: &str) -> Option<(u32, usize)> {
    let (attempt, line) = text.split_once(':')?;
    Some((attempt.parse().ok()?, line.parse().ok()?))
}

/// Somebody who reads a log as it grows. They pull: whoever is slow holds up nobody.
struct Reader {
    api: Arc<Api>,
    build: BuildId,
    /// The attempt whose lines were read last.
    attempt: u32,
    /// How many of them were.
    after: usize,
    /// Its log, once it runs no more.
    tail: Option<Tail>,
    ready: VecDeque<Event>,
    ended: bool,
    _place: Place,
}

impl Reader {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, async |mut reader| {
            while reader.ready.is_empty() && !reader.ended {
                if let Err(error) = reader.read().await {
                    tracing::warn!(?error, "whoever reads a log is sent away");
                    reader.ended = true;
                }
            }
            let event = reader.ready.pop_front()?;
            Some((Ok(event), reader))
        })
    }

    /// Reads more lines, waits for some, or finds that there will be none.
    async fn read(&mut self) -> Result<(), Problem> {
        if let Some(log) = self.api.live.log(&self.build)
            && log.number >= self.attempt
        {
            self.enter(log.number);
            if log.grows(self.after).await {
                let lines = log.after(self.after, BATCH, BATCH_BYTES);
                self.push(lines);
            } else {
                // It has ended, and is taken away at once.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            return Ok(());
        }
        if let Some(tail) = &mut self.tail {
            let lines = tail.read(BATCH).await;
            if !lines.is_empty() {
                self.push(lines);
                return Ok(());
            }
        }
        let found = self.api.store.build(&self.build).await?;
        let build = found.ok_or_else(|| Problem::missing("build"))?;
        let attempts = self.api.store.attempts(&self.build).await?;
        // What runs is in memory, or about to be.
        let ended = attempts.iter().filter(|one| one.ended_at.is_some());
        let first = self.attempt.max(1);
        for attempt in ended.filter(|one| one.number >= first) {
            if self.tail.is_some() && attempt.number == self.attempt {
                continue;
            }
            self.enter(attempt.number);
            let mut tail = Tail::open(&self.api, &self.build, attempt, self.after).await;
            let lines = tail.read(BATCH).await;
            self.tail = Some(tail);
            if !lines.is_empty() {
                self.push(lines);
                return Ok(());
            }
        }
        if build.state.is_final() {
            let event = Event::default().event("end").data(build.state.word());
            self.ready.push_back(event);
            self.ended = true;
        } else {
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }

    fn enter(&mut self, attempt: u32) {
        if self.attempt != attempt {
            self.attempt = attempt;
            self.after = 0;
            self.tail = None;
        }
    }

    fn push(&mut self, lines: Vec<LogLine>) {
        self.after += lines.len();
        for line in lines {
            let id = format!("{}:{}", self.attempt, line.number);
            // As JSON it is one line, whatever the plugin printed.
            let grown = Grown::new(self.attempt, &line);
            let data = serde_json::to_string(&grown).unwrap_or_default();
            self.ready
                .push_back(Event::default().event("line").id(id).data(data));
        }
    }
}
