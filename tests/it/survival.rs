//! What the farm lives through: kills at any moment, an engine that goes away, a disk that is full, builds that kill it.
//! Nothing is lost, nothing is done twice, no container stays.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine_lab::PrivateEngine;
use crate::failures::containers;
use crate::service_lab::Service;
use crate::source_lab::run;

/// How often a storm kills.
fn kills() -> u64 {
    match std::env::var_os("PLUGFARM_SOAK") {
        Some(_) => 200,
        None => 4,
    }
}

/// Numbers that look random, and are the same for the same seed.
struct Dice(u64);

impl Dice {
    /// From the clock; what it was is printed, so that a storm can be had again.
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = now.unwrap().as_nanos() as u64;
        println!("seed: {seed}");
        Self(seed)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

fn submit(service: &Service, token: &str, url: &str, plugin: &str) -> String {
    let asked = json!({ "url": url, "plugin": plugin });
    let answer = service.post("/builds", token, &asked);
    assert_eq!(answer.status, 201, "{}", answer.text());
    id(&answer.json())
}

fn states(build: &Value) -> Vec<&str> {
    let attempts = build["attempts"].as_array().unwrap().iter();
    attempts.map(|one| one["state"].as_str().unwrap()).collect()
}

/// Waits until no container of the farm is there.
fn leaves_no_container(list: impl Fn() -> Vec<String>) {
    let began = Instant::now();
    while list() != [""; 0] {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", list());
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn is_whole(service: &Service, published: &[&str]) {
    let shown = service.farm.run(&["repo", "show"]).succeeds().stdout;
    for name in published {
        let package = format!("wazo-plugind-{name}-demo");
        assert_eq!(shown.matches(&package).count(), 1, "{name}: {shown}");
    }
    service.farm.run(&["repo", "check"]).succeeds();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_that_is_killed_at_any_moment_loses_nothing_and_does_nothing_twice() {
    let mut dice = Dice::new();
    let mut service = Service::new("serve: {quarantine_after: 100000}\n").await;
    let names = ["one", "two", "three", "four", "five"];
    let urls = names.map(|name| service.repository("helloworld", name));
    service.start();
    let token = service.partner();
    let mut builds = BTreeSet::new();
    for kill in 0..kills() {
        let which = dice.below(5) as usize;
        let asked = json!({ "url": urls[which], "plugin": format!("demo/{}", names[which]) });
        let (pause, ask) = (dice.below(3500), dice.below(3500));
        // Somebody submits at any moment too, and asks again with the same key until there is an answer.
        let key = format!("Idempotency-Key: kill-{kill}");
        let answer = std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(ask));
                service.try_post("/builds", &token, &key, &asked)
            });
            std::thread::sleep(Duration::from_millis(pause));
            service.kill_now();
            first.join().unwrap()
        });
        service.restart();
        let again = service.try_post("/builds", &token, &key, &asked).unwrap();
        let again = again.json();
        if let Ok(first) = answer {
            assert_eq!(
                (id(&first.json()), &again["fresh"]),
                (id(&again), &json!(false))
            );
        }
        assert!(builds.insert(id(&again)), "each key has a build of its own");
    }
    for build in &builds {
        let build = service.wait(build, &["succeeded", "superseded"]);
        let states = states(&build);
        let good = states.iter().filter(|state| **state == "succeeded").count();
        assert_eq!(
            good,
            usize::from(build["state"] == "succeeded"),
            "{build:#}"
        );
        assert!(!states.contains(&"running"), "{build:#}");
    }
    let listed = service.get("/builds?limit=200").json();
    assert_eq!(
        listed.as_array().unwrap().len(),
        builds.len(),
        "nothing came twice"
    );
    service.stop();
    assert_eq!(containers(&service.farm), [""; 0]);
    is_whole(&service, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_goes_away_locks_the_queue_until_it_is_back() {
    let mut service = Service::new("").await;
    let mut engine = PrivateEngine::start(&service.farm);
    service.engine = Some(engine.address());
    let url = service.repository("silence", "silence");
    let other = service.repository("helloworld", "helloworld");
    service.start();
    let token = service.partner();
    let build = submit(&service, &token, &url, "fixtures/silence");
    service.wait(&build, &["running"]);
    let began = Instant::now();
    while engine.containers().is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "a container runs"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    engine.kill();
    let failed = service.wait(&build, &["queued"]);
    assert_eq!(failed["result"]["blame"], "farm", "{failed:#}");
    let banner = || service.get("/status").json()["banner"].clone();
    let began = Instant::now();
    while banner().is_null() {
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "the queue is locked"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let said = banner().as_str().unwrap().to_owned();
    assert!(
        said.starts_with("the farm's check of itself failed: "),
        "{said}"
    );
    let waits = submit(&service, &token, &other, "demo/helloworld");
    engine.restart();
    let built = service.wait(&waits, &["succeeded"]);
    assert_eq!(states(&built), ["succeeded"], "it never began in vain");
    assert_eq!(banner(), Value::Null);
    // It has a pause before it, as after each fault of the farm's.
    let cancelled = service.post(&format!("/builds/{build}/cancel"), &token, &json!({}));
    assert_eq!(cancelled.status, 202);
    service.wait(&build, &["cancelled"]);
    leaves_no_container(|| engine.containers());
    is_whole(&service, &["helloworld"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_waits_while_the_disk_is_full() {
    let mut service = Service::new("").await;
    let url = service.repository("helloworld", "helloworld");
    let builds = service.farm.data().join("builds");
    fs::create_dir_all(&builds).unwrap();
    let _disk = SmallDisk::mount(&builds);
    fs::write(builds.join("ballast"), vec![0; (1 << 20) - (4 << 10)]).unwrap();
    service.start();
    let token = service.partner();
    let build = submit(&service, &token, &url, "demo/helloworld");
    let began = Instant::now();
    let failed = loop {
        let found = service.get(&format!("/builds/{build}")).json();
        if !found["result"].is_null() {
            break found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{found:#}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(
        (&failed["state"], &failed["result"]["blame"]),
        (&json!("queued"), &json!("farm"))
    );
    let why = service.get(&format!("/builds/{build}/why")).json();
    assert!(
        why["reason"]
            .as_str()
            .unwrap()
            .contains("by no fault of the plugin"),
        "{why}"
    );
    leaves_no_container(|| containers(&service.farm));
    fs::remove_file(builds.join("ballast")).unwrap();
    let built = service.wait(&build, &["succeeded"]);
    assert_eq!(states(&built), ["failed", "succeeded"]);
    service.stop();
    assert_eq!(containers(&service.farm), [""; 0]);
    is_whole(&service, &["helloworld"]);
}

/// A file system of one MiB, which goes away with the value.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Self {
        let place = at.to_str().unwrap();
        let options = ["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", place];
        run(Path::new("/"), "mount", &options);
        Self(at)
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        run(
            Path::new("/"),
            "umount",
            &["--lazy", self.0.to_str().unwrap()],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_dies_with_the_farm_is_left_alone_until_the_operator_says_so() {
    let mut service = Service::new("serve: {quarantine_after: 1}\n").await;
    let url = service.repository("silence", "silence");
    service.start();
    let token = service.partner();
    let build = submit(&service, &token, &url, "fixtures/silence");
    service.wait(&build, &["running"]);
    service.kill();
    service.start();
    let left = service.wait(&build, &["quarantined"]);
    assert_eq!(states(&left), ["lost"]);
    let retry = format!("/builds/{build}/retry");
    let refused = service.post(&retry, &token, &json!({}));
    assert_eq!(refused.status, 403, "{}", refused.text());
    let create = ["token", "create", "--scope=operate", "--json"];
    let operator = service.farm.run(&create).succeeds().json();
    let operator = operator["token"].as_str().unwrap();
    assert_eq!(service.post(&retry, operator, &json!({})).status, 202);
    service.wait(&build, &["running"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_that_fails_again_and_again_stops_and_says_so() {
    let mut service = Service::new("").await;
    let names = ["one", "two", "three", "four", "five", "six"];
    let urls = names.map(|name| service.repository("helloworld", name));
    service.start();
    let token = service.partner();
    let builds = service.farm.data().join("builds");
    fs::remove_dir_all(&builds).unwrap();
    fs::write(&builds, "no folder").unwrap();
    let all: Vec<_> = names
        .iter()
        .zip(&urls)
        .map(|(name, url)| submit(&service, &token, url, &format!("demo/{name}")))
        .collect();
    let began = Instant::now();
    let banner = loop {
        let status = service.get("/status").json();
        if let Some(banner) = status["banner"].as_str() {
            break banner.to_owned();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{status}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(banner.contains("failed 5 times in a row"), "{banner}");
    for build in &all {
        let found = service.get(&format!("/builds/{build}")).json();
        assert_eq!(found["state"], "queued", "nobody's build fails for it");
    }
    let why = service.get(&format!("/builds/{}/why", all[0])).json();
    assert!(
        why["reason"]
            .as_str()
            .unwrap()
            .starts_with("the queue is locked: ")
    );
}
