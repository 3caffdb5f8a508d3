//! Plugins that depend on each other: whoever comes too early waits, and a circle is refused by its name.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::service_lab::Service;

/// The plugin `name`, which depends on these, on the git server; submits it and gives the build's id.
fn submit(service: &Service, token: &str, name: &str, depends: &[&str]) -> String {
    let url = service.repository_with("helloworld", name, |plugin| {
        let manifest = plugin.join("wazo/plugin.yml");
        let mut manifest = OpenOptions::new().append(true).open(manifest).unwrap();
        for (number, name) in depends.iter().enumerate() {
            let head = if number == 0 { "depends:\n" } else { "" };
            write!(manifest, "{head}  - name: {name}\n    namespace: demo\n").unwrap();
        }
    });
    let asked = json!({ "url": url, "plugin": format!("demo/{name}") });
    let submitted = service.post("/builds", token, &asked);
    assert_eq!(submitted.status, 201, "{}", submitted.text());
    submitted.json()["id"].as_str().unwrap().to_owned()
}

fn codes(build: &Value) -> Vec<&str> {
    let attempts = build["attempts"].as_array().unwrap().iter();
    attempts
        .map(|one| one["code"].as_str().unwrap_or_default())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_before_what_it_depends_on_waits_for_it() {
    let mut service = Service::new("").await;
    service.start();
    let token = service.partner();
    let user = submit(&service, &token, "user", &["base", "lib"]);
    let parked = service.wait(&user, &["parked"]);
    assert_eq!(codes(&parked), ["dep-wait"]);
    let why = service.get(&format!("/builds/{user}/why")).json();
    assert_eq!(
        why["reason"],
        "it depends on demo/base, which nobody has submitted, and on demo/lib, which nobody has submitted; \
         once that is published, it goes on by itself"
    );
    assert_eq!(why["awaits"], json!(["demo/base", "demo/lib"]));

    let base = submit(&service, &token, "base", &[]);
    service.wait(&base, &["succeeded"]);
    let why = service.get(&format!("/builds/{user}/why")).json();
    assert_eq!(why["awaits"], json!(["demo/lib"]));
    service.stop();
    // What others than this process publish is found too.
    let lib = service.farm.plugin("helloworld");
    crate::farm::edit(
        &lib.join("wazo/plugin.yml"),
        "name: helloworld",
        "name: lib",
    );
    service.farm.publish(&lib, &["--unpinned"]);
    service.start();
    let built = service.wait(&user, &["succeeded"]);
    assert_eq!(codes(&built), ["dep-wait", ""]);
    let log = service.get(&format!("/builds/{user}/log?attempt=1"));
    assert_eq!(log.status, 200, "each attempt keeps its log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_is_refused_by_its_name() {
    let mut service = Service::new("").await;
    service.start();
    let token = service.partner();
    let first = submit(&service, &token, "one", &["two"]);
    service.wait(&first, &["parked"]);
    let second = submit(&service, &token, "two", &["three"]);
    service.wait(&second, &["parked"]);
    let third = submit(&service, &token, "three", &["one"]);
    let refused = service.wait(&third, &["failed"]);
    let result = &refused["result"];
    assert_eq!(
        (&result["code"], &result["blame"]),
        (&json!("dep-cycle"), &json!("partner"))
    );
    assert_eq!(
        result["message"],
        "it depends on itself: demo/three -> demo/one -> demo/two -> demo/three"
    );
    // What is private is named to nobody who may not see it.
    let hidden = submit(&service, &token, "hidden", &["open"]);
    service.wait(&hidden, &["parked"]);
    let private = ["source", "private", "demo/hidden"];
    service.farm.run(&private).succeeds();
    let open = submit(&service, &token, "open", &["hidden"]);
    let refused = service.wait(&open, &["failed"]);
    assert_eq!(
        refused["result"]["message"],
        "it depends on itself: demo/open -> a private plugin -> demo/open"
    );
    // The others can go on, once it does not depend on them any more.
    let why = service.get(&format!("/builds/{second}/why")).json();
    let words = format!("demo/three, whose build {third} is failed");
    assert!(why["reason"].as_str().unwrap().contains(&words), "{why}");
    let cancelled = service.post(&format!("/builds/{first}/cancel"), &token, &json!({}));
    assert_eq!(cancelled.status, 202);
    service.wait(&first, &["cancelled"]);
}
