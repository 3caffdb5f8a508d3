//! What the agent of a host adds to an installation: a plugin through `POST /plugins`, until its job has ended, against
//! `apt-get install` of the same package on the same host, in turns. Once with Debian's own lists beside the farm's, as every
//! host has them, and once with the farm's alone, where apt has next to nothing to read.
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

use serde_json::{Value, json};

use farm::{Host, TestFarm};
use host_lab::{HelperHost, Plugin, TOKEN, package};
use samples::{Rounds, Samples};

/// How often each is installed, after a warm-up.
const ROUNDS: usize = 15;

/// Installs through the agent as a client that asks again until the job has ended, or through apt; prints the milliseconds, of
/// which Python's own start is none.
const INSTALL: &str = r#"import json, subprocess, sys, time, urllib.request
def call(path, body=None):
    request = urllib.request.Request("http://127.0.0.1:9503/0.2" + path, body)
    request.add_header("X-Auth-Token", "TOKEN")
    return json.load(urllib.request.urlopen(request, timeout=10))
def agent():
    options = {"method": "market", "options": {"namespace": "demo", "name": "hello"}}
    uuid = call("/plugins", json.dumps(options).encode())["uuid"]
    while (state := call("/jobs/" + uuid)["state"]) in ("queued", "running"):
        time.sleep(0.02)
    assert state == "completed", state
def apt():
    subprocess.run(["apt-get", "install", "--yes", "--quiet", "PACKAGE"], check=True, stdout=subprocess.DEVNULL)
began = time.monotonic()
{"agent": agent, "apt": apt}[sys.argv[1]]()
print((time.monotonic() - began) * 1000)
"#;

fn main() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    let bare = measure(&lab);
    drop(lab);
    let debian = |farm: &TestFarm| Host::online(farm, "bookworm");
    let lab = HelperHost::of(
        TestFarm::new(),
        "bookworm",
        &[Plugin::default()],
        debian,
        "",
    );
    lab.host.run("apt-get update --error-on=any").succeeds();
    let mut line = measure(&lab);
    line["bench"] = json!("install");
    line["unit"] = json!("ms");
    line["farm_alone"] = bare;
    println!("{line}");
}

fn measure(lab: &HelperHost) -> Value {
    lab.agent();
    let script = INSTALL.replace("TOKEN", TOKEN);
    let script = script.replace("PACKAGE", &package("hello"));
    let put = format!("cat >/usr/local/bin/install.py <<'END'\n{script}END");
    lab.host.run(&put).succeeds();
    let (mut agent, mut apt) = (Samples::default(), Samples::default());
    let mut rounds = Rounds::new(ROUNDS);
    installed(lab, &mut Samples::default(), "agent");
    installed(lab, &mut Samples::default(), "apt");
    while rounds.next().is_some() {
        installed(lab, &mut agent, "agent");
        installed(lab, &mut apt, "apt");
    }
    json!({
        "samples": rounds.json(),
        "agent": agent.json(),
        "apt_get": apt.json(),
        "ratio": agent.median() / apt.median(),
    })
}

/// Measures how the plugin is installed in one way; then it goes again.
fn installed(lab: &HelperHost, samples: &mut Samples, way: &str) {
    let command = format!("python3 /usr/local/bin/install.py {way}");
    let took = lab.host.run(&command).succeeds().stdout;
    samples.push(took.trim().parse().unwrap());
    assert!(lab.installed("hello").starts_with("installed "));
    let purge = format!("apt-get purge --yes --quiet {}", package("hello"));
    lab.host.run(&purge).succeeds();
}
