//! What `doctor` says of a farm that serves: each thing that is missing, beside what mends it.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::farm::TestFarm;
use crate::service_lab::Service;

/// What is said of one thing: how it is, in which words, and what mends it.
fn said(farm: &TestFarm, what: &str) -> (String, String, String) {
    let examined = farm.run(&["doctor", "--json"]).json()["examined"].clone();
    let all = examined.as_array().unwrap();
    let one = all.iter().find(|one| one["what"] == what);
    let one = one.unwrap_or_else(|| panic!("{what} in {examined:#}"));
    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("detail"), text("mend"))
}

fn state(farm: &TestFarm, what: &str) -> String {
    said(farm, what).0
}

#[test]
fn a_machine_that_never_served_is_told_what_it_would_need() {
    let farm = TestFarm::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = format!(
        "serve: {{listen: '{address}', proxies: []}}\nnotify: {{mail: {{from: farm@example.org, command: [/nonexistent/sendmail]}}}}\n"
    );
    fs::write(farm.config(), config).unwrap();
    let examined = farm.run(&["doctor", "--json"]).succeeds().json()["examined"].clone();
    assert_ne!(examined, Value::Null, "it is no reason not to build");
    let (state, words, _) = said(&farm, "database");
    assert_eq!(state, "good");
    assert!(words.contains("`plugfarm serve` makes it"), "{words}");
    let (state, words, mend) = said(&farm, "address");
    assert_eq!(state, "warning", "{words}");
    assert!(words.contains("another program listens"), "{words}");
    assert!(mend.contains("serve: {listen:"), "{mend}");
    assert_eq!(self::state(&farm, "proxies"), "warning");
    let (state, words, mend) = said(&farm, "mail");
    assert_eq!(state, "warning", "{words}");
    assert!(mend.starts_with("apt-get install"), "{mend}");
    assert!(
        said(&farm, "disk").1.contains("free"),
        "however much that is"
    );
    assert!(!farm.data().join("farm.sqlite").exists(), "it only looks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_that_serves_is_well_until_something_is_taken_from_it() {
    let mut service = Service::new("").await;
    let url = service.repository("helloworld", "helloworld");
    service.start();
    let token = service.partner();
    let asked = json!({ "url": url, "plugin": "demo/helloworld" });
    let built = service.post("/builds", &token, &asked).json();
    service.wait(built["id"].as_str().unwrap(), &["succeeded"]);
    let hook = ["source", "hook", "add", "demo/helloworld", "--forge=plain"];
    service.farm.run(&hook).succeeds();
    let listen = format!(
        "serve: {{listen: '{}'}}\n",
        service.url().trim_start_matches("http://")
    );
    let config = fs::read_to_string(service.farm.config()).unwrap() + &listen;
    fs::write(service.farm.config(), &config).unwrap();

    let farm = &service.farm;
    for what in ["database", "address", "hosts", "secrets", "signatures"] {
        assert_eq!(state(farm, what), "good", "{:?}", said(farm, what));
    }
    assert!(said(farm, "address").1.contains("the farm serves at"));
    assert_eq!(state(farm, "TLS"), "warning", "its address is no loopback");
    let key = farm.data().join("secrets/vault.key");
    let (was, aside) = (fs::read(&key).unwrap(), farm.data().join("aside"));
    fs::rename(&key, &aside).unwrap();
    let (state, words, mend) = said(farm, "secrets");
    assert_eq!(state, "missing");
    assert!(
        words.contains("is not there, and 1 cannot be opened"),
        "{words}"
    );
    assert!(mend.contains("backup"), "{mend}");
    assert!(!key.exists(), "it makes no other one");
    // Another farm's key.
    let other = TestFarm::new();
    other.run(&["partner", "add", "acme"]).succeeds();
    let elsewhere = other.data().join("secrets/vault.key");
    other.run(&["source", "hook", "list", "demo/x"]);
    other.run(&["source", "hook", "remove", "demo/x", "y"]);
    fs::copy(&elsewhere, &key).unwrap();
    let (state, words, _) = said(farm, "secrets");
    assert_eq!(
        (state.as_str(), words.as_str()),
        ("missing", "1 of 1 cannot be opened with secrets/vault.key")
    );
    fs::write(&key, was).unwrap();

    service.stop();
    let (state, words, mend) = said(&service.farm, "hosts");
    assert_eq!(state, "warning", "{words}");
    assert_eq!(mend, "start the farm: systemctl start plugfarm");
    let elsewhere = config.replace(
        "serve: {",
        "serve: {database: 'postgres://nobody@127.0.0.1:9/none', ",
    );
    fs::write(service.farm.config(), elsewhere).unwrap();
    let (state, words, _) = said(&service.farm, "database");
    assert_eq!(state, "missing", "{words}");
}
