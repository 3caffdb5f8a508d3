//! What a farm that serves does by itself: it looks whether hosts get what was published, signs again what grows old, and
//! removes what is kept no longer.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::service_lab::Service;

/// Waits until `done` says so.
fn wait(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn moments(build: &Value) -> Vec<&str> {
    let moments = build["timeline"].as_array().unwrap().iter();
    moments
        .map(|moment| moment["moment"].as_str().unwrap())
        .collect()
}

/// How often the suite was signed.
fn generation(service: &Service) -> u64 {
    let shown = service.farm.run(&["repo", "show", "--json"]);
    shown.succeeds().json()["suites"][0]["generation"]
        .as_u64()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_that_serves_looks_after_what_it_published() {
    let mut service = Service::new("").await;
    let right = fs::read_to_string(service.farm.config()).unwrap();
    let elsewhere = right.replace(&service.url(), "http://127.0.0.1:9");
    assert_ne!(elsewhere, right);
    fs::write(service.farm.config(), elsewhere).unwrap();
    let url = service.repository("helloworld", "helloworld");
    service.start();
    let token = service.partner();
    let asked = json!({ "url": url, "plugin": "demo/helloworld" });
    let submitted = service.post("/builds", &token, &asked);
    let id = submitted.json()["id"].as_str().unwrap().to_owned();
    let page = format!("/builds/{id}");
    service.wait(&id, &["succeeded"]);

    // Nobody answers at the public address: hosts do not get it, and the farm does not say that they do.
    std::thread::sleep(Duration::from_secs(3));
    let build = service.get(&page).json();
    let expected = [
        "received",
        "queued",
        "started",
        "fetched",
        "checked",
        "built",
        "packaged",
        "inspected",
        "packed",
        "signed",
        "published",
    ];
    assert_eq!(moments(&build), expected, "{build:#}");
    assert_eq!(build["publication"]["visible_at"], Value::Null);
    service.stop();

    // The control: at the right address, they do.
    fs::write(service.farm.config(), &right).unwrap();
    service.start();
    wait("it is seen", || {
        moments(&service.get(&page).json()).contains(&"visible")
    });
    let status = service.get("/status").json();
    assert_eq!(status["notices"], json!([]), "{status:#}");
    let before = generation(&service);
    assert_eq!(service.get(&format!("{page}/log")).status, 200);
    service.stop();

    // What is valid for three seconds is due at once, and what is kept for one second is over.
    let short = "repository: {valid_for: 3s, ";
    let old =
        right.replace("repository: {", short) + "serve: {keep_logs: 1s, keep_artifacts: 1s}\n";
    fs::write(service.farm.config(), old).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let deb = build["artifacts"][0]["name"].as_str().unwrap();
    service.start();
    wait("it is signed again", || generation(&service) > before);
    wait("the log goes", || {
        service.get(&format!("{page}/log")).status == 410
    });
    let gone = service.get(&format!("{page}/artifacts/{deb}"));
    assert_eq!(
        (gone.status, gone.kind()),
        (404, "application/problem+json")
    );
    let folders = service.farm.data().join("builds");
    assert_eq!(fs::read_dir(folders).unwrap().count(), 0);
    // What hosts install stays.
    assert_eq!(service.get("/apt/dists/bookworm/InRelease").status, 200);
    let build = service.get(&page).json();
    assert_eq!(
        (&build["state"], &build["artifacts"]),
        (&json!("succeeded"), &json!([]))
    );
    service.stop();
}
