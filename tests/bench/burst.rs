//! A burst of submissions by five partners at once: each build to its outcome, none lost, the shares fair, the API quick
//! meanwhile, and builds a minute beside as many bare cycles of containers.
//!
//! Run it with `cargo bench --profile dev --bench burst -- 1000`; one JSON object goes to standard output, times in
//! milliseconds. A cycle is what a build needs of the engine at least, for each of its two containers, one of which has a
//! network to fetch by: it is made, started, waited for, read from and removed. As many cycles run at once as builds do, and
//! as many in all, unless a second number says how many: half of them before the builds, half of them after.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "a measurement may stop at the first surprise, and tells less than the stories do"
)]

#[path = "../it/farm.rs"]
mod farm;
mod samples;
#[path = "../it/sandbox_lab.rs"]
mod sandbox_lab;
#[path = "../it/service_lab.rs"]
mod service_lab;
#[path = "../it/source_lab.rs"]
mod source_lab;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use farm::edit;
use samples::Samples;
use service_lab::Service;

/// How many partners submit at once.
const PARTNERS: usize = 5;
/// How many builds, and how many cycles, run at once.
const WORKERS: usize = 2;
/// How often the API is asked meanwhile.
const PROBE: Duration = Duration::from_millis(50);

/// A partner, and what it has built.
struct Partner {
    name: String,
    token: String,
    /// URLs and names of its plugins.
    plugins: Vec<(String, String)>,
}

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok());
    let builds = numbers.next().unwrap_or(1000);
    let cycles = numbers.next().unwrap_or(builds);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("{}", runtime.block_on(measure(builds, cycles)));
}

async fn measure(builds: usize, wanted: usize) -> Value {
    let limits = "requests_per_minute: 1000000, submissions_per_minute: 1000000, queued_per_partner: 1000000";
    let settings = format!("serve: {{workers: {WORKERS}, limits: {{{limits}}}}}\n");
    let mut service = Service::new(&settings).await;
    let partners: Vec<_> = (0..PARTNERS)
        .map(|number| partner(&service, number, builds / PARTNERS))
        .collect();
    service.start();
    let half = (wanted / 2).max(1);
    let before = cycles(&service, half);

    let (mut submits, mut ids) = (Samples::default(), Vec::new());
    let (mut probes, over) = (Samples::default(), AtomicBool::new(false));
    let began = Instant::now();
    let took = std::thread::scope(|scope| {
        let service = &service;
        let bursts: Vec<_> = partners
            .iter()
            .map(|partner| scope.spawn(move || burst(service, partner)))
            .collect();
        for burst in bursts {
            let (own, took) = burst.join().unwrap();
            ids.extend(own);
            took.into_iter().for_each(|took| submits.push_time(took));
        }
        let (ids, over) = (&ids, &over);
        let probing = scope.spawn(move || probe(service, ids, over));
        while is_busy(service) {
            std::thread::sleep(Duration::from_secs(1));
        }
        let took = began.elapsed();
        over.store(true, Ordering::Relaxed);
        probing
            .join()
            .unwrap()
            .into_iter()
            .for_each(|took| probes.push_time(took));
        took
    });

    let found = listed(&service);
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for build in &found {
        *states.entry(build["state"].as_str().unwrap()).or_default() += 1;
    }
    let lost = ids
        .iter()
        .filter(|id| !found.iter().any(|build| build["id"] == ***id));
    let rate = found.len() as f64 * 60.0 / took.as_secs_f64();
    let after = cycles(&service, half);
    let cycles = 2.0 * half as f64 * 60.0 / (before + after).as_secs_f64();
    json!({
        "bench": "burst",
        "submissions": ids.len(),
        "lost": lost.count(),
        "states": states,
        "unfairness": unfairness(&service, &found),
        "submit_ms": percentiles(&submits),
        "api_ms": percentiles(&probes),
        "seconds": took.as_secs_f64(),
        "builds_per_minute": rate,
        "cycles": 2 * half,
        "cycles_seconds": [before.as_secs_f64(), after.as_secs_f64()],
        "cycles_per_minute": cycles,
        "ratio": rate / cycles,
    })
}

/// A partner with a namespace and so many plugins of its own.
fn partner(service: &Service, number: usize, plugins: usize) -> Partner {
    let name = format!("partner{number}");
    let farm = &service.farm;
    farm.run(&["partner", "add", &name]).succeeds();
    let owner = format!("--partner={name}");
    farm.run(&["namespace", "add", &name, &owner]).succeeds();
    let created = farm
        .run(&["token", "create", &owner, "--json"])
        .succeeds()
        .json();
    let plugin = |which: usize| {
        let plugin = format!("burst-{number}-{which}");
        let url = service.repository_with("helloworld", &plugin, |folder| {
            let manifest = folder.join("wazo/plugin.yml");
            edit(&manifest, "namespace: demo", &format!("namespace: {name}"));
        });
        (url, format!("{name}/{plugin}"))
    };
    Partner {
        token: created["token"].as_str().unwrap().to_owned(),
        plugins: (0..plugins).map(plugin).collect(),
        name,
    }
}

/// Submits everything that a partner has, and gives the builds, and how long each answer took.
fn burst(service: &Service, partner: &Partner) -> (Vec<String>, Vec<Duration>) {
    let submit = |(url, plugin): &(String, String)| {
        let asked = json!({ "url": url, "plugin": plugin });
        let began = Instant::now();
        let answer = service.post("/builds", &partner.token, &asked);
        let took = began.elapsed();
        assert_eq!(answer.status, 201, "{}", answer.text());
        (answer.json()["id"].as_str().unwrap().to_owned(), took)
    };
    partner.plugins.iter().map(submit).unzip()
}

/// What people look at while builds run, and how long each answer took.
fn probe(service: &Service, ids: &[String], over: &AtomicBool) -> Vec<Duration> {
    let mut took = Vec::new();
    for (round, id) in ids.iter().cycle().enumerate() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let path = match round % 4 {
            0 => "/status".to_owned(),
            1 => "/builds?limit=50".to_owned(),
            2 => format!("/builds/{id}"),
            _ => format!("/builds/{id}/why"),
        };
        let began = Instant::now();
        let answer = service.get(&path);
        took.push(began.elapsed());
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        std::thread::sleep(PROBE);
    }
    took
}

fn is_busy(service: &Service) -> bool {
    let status = service.get("/status").json();
    assert!(status["banner"].is_null(), "{status}");
    ["queued", "running", "parked"]
        .iter()
        .any(|state| !status["builds"][*state].is_null())
}

/// Every build that there is.
fn listed(service: &Service) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let before = all
            .last()
            .map(|last| format!("&before={}", last["id"].as_str().unwrap()));
        let path = format!("/builds?limit=200{}", before.unwrap_or_default());
        let page = service.get(&path).json();
        match page.as_array().unwrap().as_slice() {
            [] => return all,
            more => all.extend_from_slice(more),
        }
    }
}

/// By how many builds the partner that was best off was ever ahead of the one that was worst off, while all of them waited:
/// by when their builds began.
fn unfairness(service: &Service, builds: &[Value]) -> usize {
    let began = |build: &Value| {
        let shown = service
            .get(&format!("/builds/{}", build["id"].as_str().unwrap()))
            .json();
        let attempt = shown["attempts"][0]["id"].as_str().unwrap().to_owned();
        // Ids of attempts are in the order in which they began.
        (attempt, shown["partner"].as_str().unwrap().to_owned())
    };
    let mut order: Vec<_> = builds.iter().map(began).collect();
    order.sort();
    let each = builds.len() / PARTNERS;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut most = 0;
    for (_, partner) in order {
        *counts.entry(partner).or_default() += 1;
        let (least, best) = (
            counts.values().min().unwrap(),
            counts.values().max().unwrap(),
        );
        let least = if counts.len() < PARTNERS { &0 } else { least };
        most = most.max(best - least);
        if *best == each {
            break;
        }
    }
    most
}

fn percentiles(samples: &Samples) -> Value {
    json!({
        "count": samples.len(),
        "median": samples.median(),
        "p99": samples.percentile(99),
        "most": samples.percentile(100),
    })
}

/// How long the engine takes for so many cycles, [`WORKERS`] at once.
fn cycles(service: &Service, count: usize) -> Duration {
    let image = builder(service);
    let left = std::sync::atomic::AtomicUsize::new(count);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            let (image, left) = (&image, &left);
            scope.spawn(move || {
                let take = || {
                    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        left.checked_sub(1)
                    })
                };
                while take().is_ok() {
                    container(image, "bridge");
                    container(image, "none");
                }
            });
        }
    });
    began.elapsed()
}

/// One container's life, asked of the engine with nothing in between.
fn container(image: &str, network: &str) {
    let wanted =
        json!({ "Image": image, "Cmd": ["true"], "HostConfig": { "NetworkMode": network } });
    let made: Value =
        serde_json::from_slice(&engine("POST", "/containers/create", &wanted)).unwrap();
    let id = made["Id"].as_str().unwrap();
    let none = Value::Null;
    engine("POST", &format!("/containers/{id}/start"), &none);
    engine("POST", &format!("/containers/{id}/wait"), &none);
    engine(
        "GET",
        &format!("/containers/{id}/archive?path=/etc/hostname"),
        &none,
    );
    engine("DELETE", &format!("/containers/{id}"), &none);
}

/// Asks the engine over HTTP/1.0, where the answer is all that comes until the end.
fn engine(method: &str, path: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut stream = UnixStream::connect("/var/run/docker.sock").unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    assert_eq!(
        head.split(' ').nth(1).unwrap().chars().next(),
        Some('2'),
        "{path}: {head}"
    );
    answer.split_off(end + 4)
}

/// The id of the image that bookworm's builds run in.
fn builder(service: &Service) -> String {
    let images = service
        .farm
        .run(&["images", "list", "--json"])
        .succeeds()
        .json();
    let images = images["images"].as_array().unwrap();
    let image = images
        .iter()
        .find(|image| image["name"] == "builder" && image["target"] == "bookworm");
    image.unwrap()["id"].as_str().unwrap().to_owned()
}
