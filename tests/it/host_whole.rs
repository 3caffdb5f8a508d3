//! A whole host: the agent without rights, the root helper, real apt and dpkg, and somebody who calls wazo-plugind's interface.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::host_lab::{HelperHost, Plugin};

pub(crate) struct Whole(pub(crate) HelperHost);

impl Whole {
    pub(crate) fn new(plugins: &[Plugin<'_>]) -> Self {
        let lab = HelperHost::new("bookworm", plugins);
        lab.agent();
        Self(lab)
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let command = format!("python3 /usr/local/bin/call.py {method} '{path}' '{body}'");
        let said = self.0.host.run(&command).succeeds().stdout;
        let (status, body) = said.split_once(' ').unwrap();
        let body = serde_json::from_str(body).unwrap_or_else(|_| panic!("{said}"));
        (status.parse().unwrap(), body)
    }

    pub(crate) fn uuid(&self, method: &str, path: &str, body: &Value) -> String {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let (status, answer) = self.call(method, path, &body);
        assert_eq!(status, 200, "{answer}");
        answer["uuid"].as_str().unwrap().to_owned()
    }

    pub(crate) fn install(&self, name: &str) -> String {
        let options = json!({"namespace": "demo", "name": name});
        self.uuid(
            "POST",
            "/plugins",
            &json!({"method": "market", "options": options}),
        )
    }

    pub(crate) fn job(&self, uuid: &str) -> Value {
        let (status, job) = self.call("GET", &format!("/jobs/{uuid}"), "");
        assert_eq!(status, 200, "{job}");
        job
    }

    /// Waits until a job is at a step.
    pub(crate) fn reaches(&self, uuid: &str, step: &str) {
        let began = Instant::now();
        let at = |job: &Value| {
            job["steps"].as_array()?.last()?["status"]
                .as_str()
                .map(|at| at == step)
        };
        while at(&self.job(uuid)) != Some(true) {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until a job has ended.
    pub(crate) fn ended(&self, uuid: &str) -> Value {
        let began = Instant::now();
        loop {
            let job = self.job(uuid);
            if !["queued", "running"].contains(&job["state"].as_str().unwrap()) {
                return job;
            }
            let log = || {
                self.0
                    .host
                    .run("cat /var/log/agent.log /var/log/helper.log")
                    .stdout
            };
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "{job:#}\n{}",
                log()
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// The ends in a job's file.
    pub(crate) fn ends(&self, uuid: &str) -> usize {
        let path = format!("/var/lib/plugfarm-host/jobs/{uuid}.json");
        let file = self.0.host.run(&format!("cat {path}")).succeeds().json();
        let events = file["events"].as_array().unwrap();
        let ends = |event: &&Value| event["status"] == "completed" || event["status"] == "error";
        events.iter().filter(ends).count()
    }
}

#[test]
fn a_plugin_comes_through_apt_and_goes_whoever_dies_meanwhile() {
    let plugins = [
        Plugin::default(),
        Plugin {
            name: "slow",
            install: "echo slowly; sleep 6",
            ..Plugin::default()
        },
        Plugin {
            name: "broken",
            install: "echo it breaks; exit 7",
            ..Plugin::default()
        },
    ];
    let whole = Whole::new(&plugins);
    let hello = whole.install("hello");
    let job = whole.ended(&hello);
    assert_eq!(job["state"], "completed", "{job:#}");
    assert_eq!(whole.0.installed("hello"), "installed 1.0-0+deb12u1");
    let (_, listed) = whole.call("GET", "/plugins", "");
    assert_eq!(
        (&listed["total"], &listed["items"][0]["version"]),
        (&json!(1), &json!("1.0"))
    );

    let broken = whole.ended(&whole.install("broken"));
    let details = &broken["errors"]["details"];
    assert_eq!(
        broken["errors"]["error_id"], "installing-error",
        "{broken:#}"
    );
    assert_eq!(
        (&details["blame"], &details["exit_status"]),
        (&json!("plugin"), &json!(7))
    );
    assert!(
        details["output_tail"]
            .as_str()
            .unwrap()
            .contains("it breaks"),
        "{details:#}"
    );

    // The helper goes on by itself; the agent that comes back finds what was done.
    let slow = whole.install("slow");
    whole.reaches(&slow, "installing");
    whole.0.host.run("kill -9 $(cat /run/agent.pid)").succeeds();
    whole.0.serve();
    let job = whole.ended(&slow);
    assert_eq!(
        (&job["state"], whole.ends(&slow)),
        (&json!("completed"), 1),
        "{job:#}"
    );
    assert_eq!(whole.0.installed("slow"), "installed 1.0-0+deb12u1");

    let gone = whole.uuid("DELETE", "/plugins/demo/hello", &Value::Null);
    assert_eq!(whole.ended(&gone)["state"], "completed");
    assert_eq!(whole.0.installed("hello"), "config-files 1.0-0+deb12u1");
    let (status, _) = whole.call("DELETE", "/plugins/demo/hello", "");
    assert_eq!(status, 404);
}
