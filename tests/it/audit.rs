//! What `plugfarm audit` answers: what was shipped, when, from which commit, by whom, with whose approval, built by what.

use std::time::Duration;

use plugfarm::model::{Channel, Target};
use serde_json::Value;

use crate::channels_lab::{Farm, PACKAGE, hello, packaged};

fn events(farm: &Farm, more: &[&str]) -> Vec<Value> {
    let arguments = [&["audit", "--json"], more].concat();
    let answer = farm.farm.run(&arguments).succeeds().json();
    answer["events"].as_array().unwrap().clone()
}

fn short(event: &Value) -> String {
    let word = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
    let version = word("version");
    let version = version.split("-0+deb").next().unwrap().to_owned();
    // Who runs the tests is another one everywhere.
    let told = !["publish", "preview"].contains(&word("action").as_str());
    let by = if told {
        word("by")
    } else {
        "somebody".to_owned()
    };
    format!("{} {version} {} {by}", word("action"), word("suite"))
}

/// A package on its way through both channels, out of them, and back.
fn lived() -> Farm {
    let farm = Farm::new(", channels: [testing, stable], approvals: 2, preview_time: 1s");
    let target = Target::Bookworm;
    for version in ["1.0", "2.0"] {
        farm.publish(&hello(version, target), &[]);
        let named = format!("{PACKAGE}={}", packaged(version, target));
        for by in ["alice", "bob"] {
            let arguments = [
                "promote", &named, "--by", by, "--reason", "it works", "--phase", "20",
            ];
            farm.farm.run(&arguments).succeeds();
        }
    }
    let named = format!("{PACKAGE}={}", packaged("2.0", target));
    let phase = ["phase", &named, "100", "--by", "carol"];
    farm.farm.run(&phase).succeeds();
    farm.decide(&["rollback", PACKAGE]).succeeds();
    farm
}

#[test]
fn everything_that_was_done_to_a_package_is_told() {
    let farm = lived();
    let preview = hello("3.0", Target::Bookworm).with(|package| {
        package.preview = Some((Channel::preview("login").unwrap(), 7));
    });
    farm.publish(&preview, &["--preview", "login"]);
    std::thread::sleep(Duration::from_secs(2));
    farm.farm.run(&["repo", "refresh"]).succeeds();
    let told = events(&farm, &[PACKAGE]);
    let said: Vec<_> = told.iter().rev().map(short).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    publish 1.0 bookworm-testing somebody
    approve 1.0 bookworm alice
    promote 1.0 bookworm bob
    publish 2.0 bookworm-testing somebody
    approve 2.0 bookworm alice
    promote 2.0 bookworm bob
    phase 2.0 bookworm carol
    withdraw 2.0 bookworm alice
    withdraw 2.0 bookworm-testing alice
    rollback 2.0 bookworm alice
    rollback 2.0 bookworm-testing alice
    preview 3.0~preview7.1111111 bookworm-preview-login somebody
    expire 3.0~preview7.1111111 bookworm-preview-login -
    ");
    farm.is_sound();
}

#[test]
fn who_approved_and_what_built_is_told_and_only_what_is_asked_for() {
    let farm = lived();
    let told = events(&farm, &[PACKAGE]);
    let promoted = told.iter().find(|one| one["action"] == "promote").unwrap();
    let approvals = promoted["approvals"].as_array().unwrap().iter();
    let by: Vec<_> = approvals.map(|one| one["by"].clone()).collect();
    assert_eq!(by, ["alice", "bob"]);
    assert_eq!(promoted["approvals"][0]["reason"], "it works");
    let commit = promoted["commit"].as_str().unwrap();
    for fact in ["by", "image_sha256", "source_url", "finished"] {
        assert!(promoted["built"][fact].is_string(), "{fact}: {promoted}");
    }
    // What was brought back was built when it was built first.
    let back = told.iter().find(|one| one["action"] == "rollback").unwrap();
    assert_eq!(back["reason"], "because");
    assert_ne!(back["built"]["source_url"], Value::Null);

    let of_commit = events(&farm, &["--commit", commit.get(..8).unwrap()]);
    assert!(!of_commit.is_empty() && of_commit.len() < told.len());
    assert!(of_commit.iter().all(|one| one["commit"] == commit));
    assert_eq!(events(&farm, &["--since", "2999-01-01"]).len(), 0);
    assert_eq!(events(&farm, &["--since", "2020-01-01", PACKAGE]), told);
    let said = farm.farm.run(&["audit", PACKAGE]).succeeds().stdout;
    assert!(
        said.contains("approved by alice at ") && said.contains("built by "),
        "{said}"
    );
}

#[test]
fn a_log_that_somebody_changed_is_no_answer() {
    let farm = lived();
    let root = farm.farm.repository().join(".state/repository.json");
    let text = fs_err::read_to_string(&root).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let head = value["log"]["head"].as_str().unwrap();
    fs_err::write(&root, text.replace(head, &"0".repeat(64))).unwrap();
    let ran = farm.farm.run(&["audit", "--json"]);
    assert_eq!(ran.code, 3);
    let message = ran.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("the audit log is not whole"), "{message}");
}
