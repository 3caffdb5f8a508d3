//! Builds that somebody stops, and farms that somebody kills.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::failures::{containers, nothing_is_published};
use crate::farm::{Ran, TestFarm, docker};

#[test]
fn an_interrupted_build_ends_cancelled_and_leaves_nothing() {
    let farm = TestFarm::new();
    let child = start_sleeping(&farm);
    signal(&child, "INT");
    let began = Instant::now();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "it stops at once"
    );
    let report = ran.json();
    assert_eq!(
        (ran.code, &report["outcome"]),
        (3, &Value::from("cancelled")),
        "{report:#}"
    );
    assert_eq!(report["code"], "cancelled");
    assert_eq!(containers(&farm), [""; 0]);
    nothing_is_published(&farm);
}

#[test]
fn what_a_killed_farm_leaves_the_next_command_sweeps() {
    let farm = TestFarm::new();
    let mut child = start_sleeping(&farm);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(containers(&farm).len(), 1, "nobody was left to remove it");
    farm.run(&["images", "list"]).succeeds();
    assert_eq!(containers(&farm), [""; 0]);
    farm.publish(&farm.plugin("helloworld"), &[]);
}

/// Starts a build that never ends by itself, and waits until its container runs.
fn start_sleeping(farm: &TestFarm) -> Child {
    let plugin = farm.plugin("silence");
    let build = ["build", plugin.to_str().unwrap(), "--publish", "--json"];
    let mut command = farm.command(&build);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let sleeps = || {
        let ids = farm
            .data()
            .join("instance")
            .exists()
            .then(|| containers(farm));
        let ids = ids.unwrap_or_default();
        ids.iter()
            .any(|id| docker(&["top", id]).stdout.contains("sleep 86400"))
    };
    while !sleeps() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the build starts"
        );
        sleep(Duration::from_millis(100));
    }
    child
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", name, &id])
        .status();
    assert!(sent.unwrap().success());
}
