//! What the agent of a host adds to an installation: a plugin through `POST /plugins`, until its job has ended, against
//! `apt-get install` of the same package on the same host, in turns.
//!
//! Run it with `cargo bench --profile dev --bench install`; one JSON object goes to standard output, times in milliseconds.
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
#[path = "../it/host_lab.rs"]
mod host_lab;
mod samples;

use std::time::Instant;

use serde_json::json;

use host_lab::{HelperHost, Plugin, TOKEN, package};
use samples::{Rounds, Samples};

/// How often each is installed, after a warm-up.
const ROUNDS: usize = 15;

/// Installs through the agent, as a client that asks again until the job has ended.
const THROUGH_AGENT: &str = r#"import json, time, urllib.request
def call(path, body=None):
    request = urllib.request.Request("http://127.0.0.1:9503/0.2" + path, body)
    request.add_header("X-Auth-Token", "TOKEN")
    return json.load(urllib.request.urlopen(request, timeout=10))
options = {"method": "market", "options": {"namespace": "demo", "name": "hello"}}
uuid = call("/plugins", json.dumps(options).encode())["uuid"]
while (state := call("/jobs/" + uuid)["state"]) in ("queued", "running"):
    time.sleep(0.02)
assert state == "completed", state
"#;

fn main() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    lab.agent();
    let script = THROUGH_AGENT.replace("TOKEN", TOKEN);
    let put = format!("cat >/usr/local/bin/install.py <<'END'\n{script}END");
    lab.host.run(&put).succeeds();
    let (mut agent, mut apt) = (Samples::default(), Samples::default());
    let mut rounds = Rounds::new(ROUNDS);
    let warm = &mut Samples::default();
    installed(&lab, warm, "python3 /usr/local/bin/install.py");
    installed(&lab, warm, &apt_get());
    while rounds.next().is_some() {
        installed(&lab, &mut agent, "python3 /usr/local/bin/install.py");
        installed(&lab, &mut apt, &apt_get());
    }
    let line = json!({
        "bench": "install",
        "unit": "ms",
        "samples": rounds.json(),
        "agent": agent.json(),
        "apt_get": apt.json(),
        "ratio": agent.median() / apt.median(),
    });
    println!("{line}");
}

fn apt_get() -> String {
    format!("apt-get install --yes --quiet {}", package("hello"))
}

/// Measures a command that installs the plugin, which then goes again.
fn installed(lab: &HelperHost, samples: &mut Samples, command: &str) {
    let start = Instant::now();
    lab.host.run(command).succeeds();
    samples.push_time(start.elapsed());
    assert!(lab.installed("hello").starts_with("installed "));
    let purge = format!("apt-get purge --yes --quiet {}", package("hello"));
    lab.host.run(&purge).succeeds();
}
