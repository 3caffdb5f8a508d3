//! A log as it grows: read over as many connections as it takes, each line once.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::sleep;

use super::ask::{Ask, unanswered};
use super::events::{Event, Reader};
use super::{Client, ClientError};
use crate::http::{Request, Response};
use crate::model::printable;
use crate::wire::{Grown, Line};

/// How long a farm that went away while a log was read is waited for: long enough for it to start again.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long after the end of a connection the next one is made.
const PAUSE: Duration = Duration::from_secs(1);

/// What happened to a build that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// Its log has a line more.
    Line(Grown),
    /// It came to its end, in this state.
    End(String),
}

/// Whoever reads a log as it grows.
pub struct Follower {
    client: Client,
    build: String,
    /// The id of the last event: where the next connection goes on.
    last: Option<String>,
    stream: Option<(Response, Reader)>,
    ready: VecDeque<Event>,
}

impl Follower {
    pub(super) fn new(client: Client, build: &str) -> Self {
        Self {
            // A farm that was never there is found missing sooner, by whoever submitted to it.
            client: client.with_patience(PATIENCE),
            build: build.to_owned(),
            last: None,
            stream: None,
            ready: VecDeque::new(),
        }
    }

    /// What happens next. It waits for as long as nothing does.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: the farm refuses, or did not come back in time.
    pub async fn next(&mut self) -> Result<Happened, ClientError> {
        loop {
            while let Some(event) = self.ready.pop_front() {
                if event.id.is_some() {
                    self.last.clone_from(&event.id);
                }
                match event.kind.as_str() {
                    "line" => return line(&event.data),
                    "end" => return Ok(Happened::End(printable(&event.data, 100))),
                    _ => {}
                }
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), ClientError> {
        let Some((response, reader)) = &mut self.stream else {
            return self.connect().await;
        };
        let broken = match response.chunk().await {
            Ok(Some(bytes)) => {
                let events = reader.feed(&bytes).ok_or_else(|| ClientError::Answer {
                    reason: "an event is too large".to_owned(),
                })?;
                self.ready.extend(events);
                return Ok(());
            }
            Ok(None) => "the farm ended the connection".to_owned(),
            Err(error) if error.passes() => unanswered(error).to_string(),
            Err(error) => return Err(unanswered(error)),
        };
        (self.client.notice)(&format!("{broken}; going on where it broke off"));
        self.stream = None;
        sleep(PAUSE).await;
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        let url = self.client.at(&["builds", &self.build, "log", "live"]);
        let mut request = Request::get(url);
        if let Some(last) = &self.last {
            request = request.with("last-event-id", last);
        }
        let again = true;
        let response = self.client.ask(Ask { request, again }).await?;
        let kind = response.header("content-type").unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Err(ClientError::NoFarm {
                url: response.url().to_string(),
                status: response.status(),
            });
        }
        self.stream = Some((response, Reader::default()));
        Ok(())
    }
}

fn line(data: &str) -> Result<Happened, ClientError> {
    let grown: Grown = serde_json::from_str(data).map_err(|error| ClientError::Answer {
        reason: error.to_string(),
    })?;
    // The farm has escaped what a terminal obeys; this one may be no farm.
    let line = Line {
        text: printable(&grown.line.text, usize::MAX),
        ..grown.line
    };
    Ok(Happened::Line(Grown { line, ..grown }))
}
