//! A log as it grows: read over as many connections as it takes, each line once.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ask::{Ask, unanswered};
use super::events::{Event, Reader};
use super::{Client, ClientError};
use crate::http::{Request, Response};
use crate::model::{LogLine, printable};
use crate::wire::Grown;

/// How long a farm that went away while a log was read is waited for: long enough for it to start again.
const PATIENCE: Duration = Duration::from_secs(600);
/// So many connections in a row that bring nothing, and end sooner than this, are a defect.
const FRUITLESS: (u32, Duration) = (60, Duration::from_secs(5));
/// How long after the end of a connection the next one is made.
const PAUSE: Duration = Duration::from_secs(1);

/// What happened to a build that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// Its log has a line more.
    Line {
        /// Which attempt's.
        attempt: u32,
        /// The line, with its colours.
        line: LogLine,
    },
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
    /// How many connections in a row brought nothing.
    fruitless: u32,
    connected: Instant,
    pause: Duration,
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
            fruitless: 0,
            connected: Instant::now(),
            pause: PAUSE,
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
                if !events.is_empty() {
                    self.fruitless = 0;
                }
                self.ready.extend(events);
                return Ok(());
            }
            Ok(None) => "the farm ended the connection".to_owned(),
            Err(error) if error.passes() => unanswered(error).to_string(),
            Err(error) => return Err(unanswered(error)),
        };
        let (most, soon) = FRUITLESS;
        if self.connected.elapsed() < soon {
            self.fruitless += 1;
        }
        if self.fruitless > most {
            let reason = format!("{most} connections ended with nothing in them");
            return Err(ClientError::Answer { reason });
        }
        (self.client.notice)(&format!("{broken}; going on where it broke off"));
        self.stream = None;
        sleep(self.pause).await;
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
        self.connected = Instant::now();
        self.stream = Some((response, Reader::default()));
        Ok(())
    }
}

fn line(data: &str) -> Result<Happened, ClientError> {
    let grown: Grown = serde_json::from_str(data).map_err(|error| ClientError::Answer {
        reason: error.to_string(),
    })?;
    Ok(Happened::Line {
        attempt: grown.attempt,
        // The farm has escaped what a terminal obeys; this one may be no farm.
        line: grown.kept(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::http::stub::{answer, server};

    /// Whoever follows a build of a server that gives these answers.
    async fn follower(answers: Vec<String>) -> Follower {
        let url = server(answers).await;
        let client = Client::new(url.as_str(), None, Arc::new(|_: &str| ()));
        Follower {
            pause: Duration::ZERO,
            ..client.unwrap().follow("0")
        }
    }

    #[tokio::test]
    async fn a_log_that_breaks_off_goes_on_and_one_that_never_comes_is_given_up() {
        let stream = |body: &str| answer("200 OK\r\nContent-Type: text/event-stream", body);
        let line = |number: u32| {
            format!(
                "event: line\nid: 1:{number}\ndata: {{\"attempt\":1,\"number\":{number},\"text\":\"\\u001b[31m\",\"parts\":[{{\"text\":\"\\u001b[2J\",\"colour\":\"{}\"}}]}}\n\n",
                if number == 1 { "red" } else { "31m" }
            )
        };
        let answers = vec![
            stream(&line(1)),
            String::new(),
            stream(&format!("{}event: end\ndata: failed\n\n", line(2))),
        ];
        let mut follower = follower(answers).await;
        let mut seen = Vec::new();
        let end = loop {
            match follower.next().await.unwrap() {
                Happened::Line { line, .. } => seen.push(line),
                Happened::End(state) => break state,
            }
        };
        assert_eq!(end, "failed");
        assert_eq!(
            seen.iter().map(|line| line.number).collect::<Vec<_>>(),
            [1, 2]
        );
        let text: Vec<_> = seen.iter().map(|line| line.text.as_str()).collect();
        let told = ["\u{1b}[31m\\u{1b}[2J\u{1b}[0m", "\\u{1b}[2J"];
        assert_eq!(
            text, told,
            "no terminal obeys anything but a colour that is known"
        );

        let mut follower = self::follower(vec![stream(": nothing\n\n"); 100]).await;
        let error = follower.next().await.unwrap_err();
        assert!(matches!(error, ClientError::Answer { .. }), "{error}");
    }
}
