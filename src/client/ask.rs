//! One request, asked until it is answered or patience ends.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};
use url::Url;

use super::{Client, ClientError};
use crate::http::{HttpError, Request, Response};
use crate::wire::Problem;

/// The most bytes of an answer.
const MAX_ANSWER: u64 = 16 << 20;
/// The most bytes of a problem document.
const MAX_PROBLEM: u64 = 64 << 10;
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(10);

/// A request, and whether asking twice is the same as asking once.
pub(super) struct Ask {
    pub(super) request: Request,
    pub(super) again: bool,
}

impl Client {
    /// Where something of the farm is.
    pub(super) fn at(&self, path: &[&str]) -> Url {
        let mut url = self.farm.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Reads something; asking for it again changes nothing.
    pub(super) async fn read<T: DeserializeOwned>(&self, url: Url) -> Result<T, ClientError> {
        let ask = Ask {
            request: Request::get(url),
            again: true,
        };
        parse(self.ask(ask).await?).await
    }

    /// A request with a body.
    pub(super) fn post(&self, url: Url, body: &impl Serialize) -> Result<Request, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Answer {
            reason: error.to_string(),
        })?;
        Ok(Request::post(url, "application/json", body))
    }

    /// Does something, and reads what came of it.
    pub(super) async fn act<T: DeserializeOwned>(
        &self,
        request: Request,
        again: bool,
    ) -> Result<T, ClientError> {
        parse(self.ask(Ask { request, again }).await?).await
    }

    /// Does something that asking twice for does once.
    pub(super) async fn order(&self, request: Request) -> Result<(), ClientError> {
        let again = true;
        self.ask(Ask { request, again }).await.map(drop)
    }

    /// Asks, and again while that may help. Gives an answer that says that it was done.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Response, ClientError> {
        let request = match &self.token {
            Some(token) => ask.request.by(token),
            None => ask.request,
        };
        let (began, mut pause) = (Instant::now(), Duration::from_millis(500));
        loop {
            let error = match self.try_once(request.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(wanted) = waits(&error, ask.again) else {
                return Err(error);
            };
            let wait = wanted.max(pause);
            if began.elapsed().saturating_add(wait) > self.patience {
                return Err(error);
            }
            let seconds = wait.as_secs_f64();
            (self.notice)(&format!("{error}; trying again in {seconds} s"));
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn try_once(&self, request: Request) -> Result<Response, ClientError> {
        let answer = self.http.send(request).await.map_err(unanswered)?;
        if answer.is_success() {
            return Ok(answer);
        }
        let (url, status) = (answer.url().to_string(), answer.status());
        let wait = answer.header("retry-after");
        let wait = wait.and_then(|text| text.trim().parse().ok());
        let kind = answer.header("content-type").unwrap_or_default();
        if !kind.starts_with("application/problem+json") {
            return Err(ClientError::NoFarm { url, status });
        }
        let bytes = answer.bytes(MAX_PROBLEM).await.map_err(unanswered)?;
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(ClientError::refused(problem, wait, self.token.is_some())),
            Err(_) => Err(ClientError::NoFarm { url, status }),
        }
    }
}

/// How long to wait before asking again, at least; none where that would not help.
fn waits(error: &ClientError, again: bool) -> Option<Duration> {
    match error {
        ClientError::Unanswered { source } => (again && source.passes()).then_some(Duration::ZERO),
        // A proxy answers for a farm that is down.
        ClientError::NoFarm {
            status: 502..=504, ..
        } => again.then_some(Duration::ZERO),
        // The farm says itself that it did nothing.
        ClientError::Refused { problem, wait, .. } if [429, 503].contains(&problem.status) => {
            Some(Duration::from_secs(wait.unwrap_or(0)))
        }
        // Or that it may have.
        ClientError::Refused { problem, wait, .. } if problem.status == 504 => {
            again.then_some(Duration::from_secs(wait.unwrap_or(0)))
        }
        _ => None,
    }
}

pub(super) fn unanswered(source: HttpError) -> ClientError {
    ClientError::Unanswered { source }
}

async fn parse<T: DeserializeOwned>(answer: Response) -> Result<T, ClientError> {
    let (url, status) = (answer.url().to_string(), answer.status());
    let kind = answer.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(ClientError::NoFarm { url, status });
    }
    let bytes = answer.bytes(MAX_ANSWER).await.map_err(unanswered)?;
    serde_json::from_slice(&bytes).map_err(|error| ClientError::Answer {
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::http::stub::{answer, server};

    /// A client of a server that gives these answers, and what it was told meanwhile.
    async fn client(answers: Vec<String>) -> (Client, Arc<Mutex<Vec<String>>>) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&said);
        let notice = Arc::new(move |words: &str| notes.lock().unwrap().push(words.to_owned()));
        let url = server(answers).await;
        let client = Client::new(url.as_str(), Some("plugfarm_secret".to_owned()), notice);
        (client.unwrap(), said)
    }

    fn json(body: &str) -> String {
        answer("200 OK\r\nContent-Type: application/json", body)
    }

    fn problem(status: &str, more: &str) -> String {
        let body = r#"{"status": 429, "title": "t", "detail": "too much", "hint": "wait"}"#;
        let kind = "Content-Type: application/problem+json";
        answer(&format!("{status}\r\n{kind}{more}"), body)
    }

    #[tokio::test]
    async fn a_farm_that_is_down_is_asked_again_and_told_of() {
        let answers = vec![
            String::new(),
            answer("502 Bad Gateway", "<html>"),
            problem("429 Too Many Requests", "\r\nRetry-After: 3"),
            json("[]"),
        ];
        let (client, said) = client(answers).await;
        let began = Instant::now();
        assert!(client.tokens().await.unwrap().is_empty());
        assert!(began.elapsed() >= Duration::from_secs(3));
        let said = said.lock().unwrap();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[2].contains("left alone for 3 seconds"), "{said:?}");
    }

    #[tokio::test]
    async fn whoever_wants_to_be_left_alone_for_ever_is() {
        for wait in ["86400", "18446744073709551615"] {
            let more = format!("\r\nRetry-After: {wait}");
            let (client, _) = client(vec![problem("429 Too Many Requests", &more)]).await;
            let error = client.tokens().await.unwrap_err();
            assert!(error.to_string().contains(wait), "{error}");
        }
    }

    #[tokio::test]
    async fn what_is_not_the_same_twice_is_asked_once() {
        let (client, _) = client(vec![String::new(), json("{}")]).await;
        let error = client.retry("0").await.unwrap_err();
        assert!(matches!(error, ClientError::Unanswered { .. }), "{error}");
    }

    #[tokio::test]
    async fn what_is_no_farm_is_not_believed() {
        let elsewhere = answer("302 Found\r\nLocation: http://127.0.0.2/", "");
        let html = answer("200 OK\r\nContent-Type: text/html", "<p>hello</p>");
        for wrong in [elsewhere, html, answer("404 Not Found", "nothing")] {
            let (client, _) = client(vec![wrong]).await;
            let error = client.tokens().await.unwrap_err();
            assert!(matches!(error, ClientError::NoFarm { .. }), "{error}");
        }
        let (client, _) = client(vec![json("{")]).await;
        let error = client.tokens().await.unwrap_err();
        assert!(matches!(error, ClientError::Answer { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_list_without_end_ends() {
        let page = r#"[{"plugin": "a/b", "url": "u", "subdirectory": null, "private": false}]"#;
        let (client, _) = client(vec![json(page); 3]).await;
        let error = client.sources(None).await.unwrap_err();
        assert!(error.to_string().contains("does not end"), "{error}");
    }
}
