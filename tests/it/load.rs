//! How much one caller may ask of the farm: whoever asks for more is told when to come again, and hurts nobody else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::service_lab::Service;

/// A farm on which nothing begins, and what asks it for a build of the plugin `name`.
async fn locked(settings: &str) -> (Service, String) {
    let mut service = Service::with_repository(", channels: [testing, stable]", settings).await;
    service.start();
    let token = service.partner();
    let lock = ["queue", "lock", "--reason=a test", "--by=somebody"];
    service.farm.run(&lock).succeeds();
    (service, token)
}

fn asked(name: &str) -> Value {
    json!({ "url": format!("https://git.example.org/{name}"), "plugin": format!("demo/{name}") })
}

/// What comes before this text, and the text.
fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut found = String::new();
    let mut byte = [0];
    while !found.ends_with(text) {
        stream.read_exact(&mut byte).unwrap();
        found.push(char::from(byte[0]));
    }
    found
}

/// A connection that has its place: those that were there before may be on their way out still.
fn placed(service: &Service) -> TcpStream {
    let began = Instant::now();
    loop {
        let mut stream = service.connect();
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: farm\r\n\r\n")
            .unwrap();
        if read_until(&mut stream, "\r\n\r\n").starts_with("HTTP/1.1 200") {
            return stream;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "there is room");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_and_idle_ones_keep_nobody_from_stopping_the_farm() {
    let settings =
        "serve: {limits: {connections: 6, connections_per_address: 4, log_readers: 2}}\n";
    let (mut service, _) = locked(settings).await;
    let mut idle: Vec<_> = (0..4).map(|_| placed(&service)).collect();
    let refused = service.get("/health");
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    drop(idle.pop());
    let began = Instant::now();
    while service.get("/health").status != 200 {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "its place is free"
        );
    }
    let began = Instant::now();
    service.stop();
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_logs_leave_room_for_others() {
    let settings = "serve: {limits: {log_readers: 9, log_readers_per_address: 2}}\n";
    let (service, token) = locked(settings).await;
    let submitted = service.post("/builds", &token, &asked("read"));
    let path = format!(
        "/builds/{}/log/live",
        submitted.json()["id"].as_str().unwrap()
    );
    let mut readers: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = service.connect();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: farm\r\n\r\n").unwrap();
            let head = read_until(&mut stream, "\r\n\r\n");
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            stream
        })
        .collect();
    let refused = service.get(&path);
    assert_eq!(
        (refused.status, refused.kind()),
        (429, "application/problem+json")
    );
    assert_eq!(service.get("/status").status, 200);
    drop(readers.pop());
    let mut again = service.connect();
    let began = Instant::now();
    loop {
        write!(again, "GET {path} HTTP/1.1\r\nHost: farm\r\n\r\n").unwrap();
        if read_until(&mut again, "\r\n\r\n").starts_with("HTTP/1.1 200") {
            break;
        }
        // The farm sees that the reader is gone when it next sends something, within the time of a keep-alive.
        assert!(began.elapsed() < Duration::from_secs(40));
        std::thread::sleep(Duration::from_millis(500));
        again = service.connect();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_too_often_is_told_when_to_come_again() {
    let settings = "serve: {limits: {requests_per_minute: 60}}\n";
    let (service, _) = locked(settings).await;
    let answers: Vec<_> = (0..80).map(|_| service.get("/status")).collect();
    let refused = answers.iter().find(|one| one.status == 429).unwrap();
    assert_eq!(refused.kind(), "application/problem+json");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait}");
    assert_eq!(refused.json()["retry_after"], wait);
    let mut pages = (0..80).map(|_| service.get_with("/status", "Accept: text/html"));
    let page = pages.find(|one| one.status == 429).unwrap();
    assert_eq!(
        page.kind(),
        "text/html; charset=utf-8",
        "browsers get a page"
    );
    assert!(page.text().contains("asks more often"), "{}", page.text());
    assert!(!page.header("retry-after").is_empty());
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    let release = service.get("/apt/dists/testing/InRelease").status;
    assert_ne!(release, 429, "hosts are let be");
    std::thread::sleep(Duration::from_secs(wait));
    assert_eq!(service.get("/status").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_submits_so_many_a_minute_and_so_many_wait() {
    let settings = "serve: {limits: {submissions_per_minute: 5, queued_per_partner: 3}}\n";
    let (service, token) = locked(settings).await;
    let submit = |name: &str| service.post("/builds", &token, &asked(name));
    for name in ["one", "two", "three"] {
        assert_eq!(submit(name).status, 201);
    }
    let refused = submit("four");
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.json()["detail"],
        "3 builds of acme wait already, and no more may"
    );
    assert!(refused.json()["hint"].as_str().unwrap().contains("cancel"));
    assert_eq!(submit("three").status, 201, "it takes the other's place");
    let refused = submit("three");
    assert_eq!((refused.status, refused.header("retry-after")), (429, "12"));
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_enter_the_first_channel_and_only_an_operator_says_otherwise() {
    let (service, token) = locked("").await;
    let mut asked = asked("straight");
    asked["channel"] = json!("stable");
    let refused = service.post("/builds", &token, &asked);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(
        refused.json()["hint"]
            .as_str()
            .unwrap()
            .contains("promoted")
    );
    asked["channel"] = json!("nightly");
    assert_eq!(service.post("/builds", &token, &asked).status, 422);
    asked["channel"] = json!("testing");
    assert_eq!(service.post("/builds", &token, &asked).status, 201);
    let create = [
        "token",
        "create",
        "--partner=acme",
        "--scope=operate",
        "--json",
    ];
    let created = service.farm.run(&create).succeeds().json();
    asked["channel"] = json!("stable");
    let operator = created["token"].as_str().unwrap();
    assert_eq!(service.post("/builds", operator, &asked).status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_kept_no_more_is_a_problem_and_a_log_has_lines_up_to_any_number() {
    let mut service = Service::new("").await;
    let url = service.repository("helloworld", "helloworld");
    service.start();
    let token = service.partner();
    let submitted = service.post(
        "/builds",
        &token,
        &json!({ "url": url, "plugin": "demo/helloworld" }),
    );
    let id = submitted.json()["id"].as_str().unwrap().to_owned();
    let build = service.wait(&id, &["succeeded"]);

    let whole = service.get(&format!("/builds/{id}/log")).text();
    let lines = format!("/builds/{id}/log?from=1&to={}", usize::MAX);
    assert_eq!(service.get(&lines).text(), whole);
    let none = format!("/builds/{id}/log?from={}&to=3", usize::MAX);
    assert_eq!(service.get(&none).text(), "");

    let deb = &build["artifacts"][0];
    let path = format!("/builds/{id}/artifacts/{}", deb["name"].as_str().unwrap());
    let tag = format!("\"{}\"", deb["sha256"].as_str().unwrap());
    let answer = service.get(&path);
    assert_eq!((answer.status, answer.header("etag")), (200, tag.as_str()));
    let known = service.get_with(&path, &format!("If-None-Match: {tag}"));
    assert_eq!((known.status, known.body.len()), (304, 0));
    let attempt = build["attempts"][0]["id"].as_str().unwrap();
    let folder = service.farm.data().join("builds").join(attempt);
    fs::remove_dir_all(folder).unwrap();
    let gone = service.get(&path);
    assert_eq!(
        (gone.status, gone.kind()),
        (404, "application/problem+json")
    );
    assert_eq!(gone.header("etag"), "");
}
