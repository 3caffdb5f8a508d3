//! The agent's units under a real systemd: they start, answer within what they are confined to, and a restart in the middle of
//! a job leaves nothing half done.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::farm::{Host, TestFarm, docker, host_image};
use crate::host_lab::{Plugin, publish};
use crate::packages::packages;

const IMAGE: &str = "plugfarm-test/systemd:bookworm";
const TOKEN: &str = "letmein";

/// Wazo's services are not there: tokens of this host, no bus, a fixed version.
const SETTINGS: &str = "\
stand_alone: {tokens: [{name: test, acl: ['plugind.#'], sha256: 1c8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683d7b336b63032}]}
bus: {enabled: false}
";

/// A host of bookworm whose first process is systemd.
fn booted(farm: &TestFarm) -> Host {
    if docker(&["image", "inspect", IMAGE]).code != 0 {
        make_image(&host_image(farm, "bookworm"));
    }
    let id = docker(&[
        "run",
        "--detach",
        "--rm",
        "--network=none",
        "--cap-add=SYS_ADMIN",
        "--security-opt=seccomp=unconfined",
        "--cgroupns=host",
        "--volume=/sys/fs/cgroup:/sys/fs/cgroup",
        "--tmpfs=/run",
        "--tmpfs=/run/lock",
        "--env=container=docker",
        "--label=plugfarm.test=host",
        IMAGE,
        "/sbin/init",
    ]);
    let host = Host::adopt(id.succeeds().stdout.trim());
    host.run("for i in $(seq 100); do systemctl is-system-running 2>/dev/null | grep -q 'running\\|degraded' && exit 0; sleep 0.2; done; exit 1")
        .succeeds();
    host.run("rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*")
        .succeeds();
    host
}

fn make_image(base: &str) {
    let mut build = Command::new("docker");
    build.args(["build", "--network=host", "--tag", IMAGE, "-"]);
    let mut build = build.stdin(Stdio::piped()).spawn().unwrap();
    let text = format!(
        "FROM {base}\nRUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends systemd systemd-sysv\n"
    );
    build
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert!(build.wait().unwrap().success(), "an image with systemd");
}

fn ask(host: &Host, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let ask = format!(
        "python3 -c 'import urllib.request as u; \
         print(u.urlopen(u.Request(\"http://127.0.0.1:9504/0.2{path}\", method=\"{method}\", data=b\"\"\"{body}\"\"\" or None, \
         headers={{\"X-Auth-Token\": \"{TOKEN}\"}})).read().decode())'"
    );
    host.run(&ask).succeeds().json()
}

fn install(host: &Host, name: &str) -> String {
    let options = json!({"namespace": "demo", "name": name});
    let asked = ask(
        host,
        "POST",
        "/plugins",
        &json!({"method": "market", "options": options}),
    );
    format!("/jobs/{}", asked["uuid"].as_str().unwrap())
}

/// Waits until a job is as it must be.
fn until(host: &Host, job: &str, there: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let shown = ask(host, "GET", job, &Value::Null);
        if there(&shown) {
            return shown;
        }
        let log = || {
            host.run("cat /var/log/plugfarm-host.log; journalctl --no-pager | tail -n 50")
                .stdout
        };
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{shown:#}\n{}",
            log()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn answers(host: &Host) {
    let answers = "for i in $(seq 100); do python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 9504))' 2>/dev/null && exit 0; sleep 0.2; done; cat /var/log/plugfarm-host.log; systemctl status --no-pager plugfarm-host; exit 1";
    host.run(answers).succeeds();
}

#[test]
fn the_units_start_install_and_outlive_a_restart() {
    let (farm, folder) = (TestFarm::new(), tempfile::tempdir().unwrap());
    let slow = Plugin {
        name: "slow",
        install: "echo slowly; sleep 4",
        ..Plugin::default()
    };
    for plugin in [Plugin::default(), slow] {
        publish(&farm, &folder, "bookworm", &plugin);
    }
    let host = booted(&farm).trusting(&farm, "bookworm");
    let deb = packages().join("0.1.0/plugfarm-host_0.1.0_amd64.deb");
    docker(&[
        "cp",
        deb.to_str().unwrap(),
        &format!("{}:/srv/agent.deb", host.id()),
    ])
    .succeeds();
    host.run("apt-get install --yes /srv/agent.deb").succeeds();
    for unit in ["plugfarm-host", "plugfarm-host-helper"] {
        host.run(&format!("systemctl is-enabled {unit}")).succeeds();
    }
    host.run(&format!(
        "mkdir -p /etc/plugfarm-host/conf.d && echo WAZO_VERSION=17.10 >/etc/default/plugfarm-host && cat >/etc/plugfarm-host/conf.d/10.yml <<'END'\n{SETTINGS}END\nsystemctl restart plugfarm-host"
    ))
    .succeeds();
    answers(&host);

    let ended = |job: &Value| ["completed", "failed"].contains(&job["state"].as_str().unwrap());
    let hello = until(&host, &install(&host, "hello"), ended);
    assert_eq!(hello["state"], "completed", "{hello:#}");
    let shown = host.run("plugfarm-host update").succeeds();
    assert_eq!(
        shown.stdout, "demo/hello: 1.0-0+deb12u1 is the newest\n",
        "by the agent's socket"
    );
    assert!(!shown.stderr.contains("without a job"), "{}", shown.stderr);

    let slow = install(&host, "slow");
    until(&host, &slow, |job| {
        let steps = job["steps"].as_array().unwrap();
        steps
            .last()
            .is_some_and(|step| step["status"] == "installing")
    });
    host.run("systemctl restart plugfarm-host plugfarm-host-helper")
        .succeeds();
    answers(&host);
    let job = until(&host, &slow, ended);
    assert_eq!(job["state"], "completed", "{job:#}");
    assert_eq!(
        host.status("wazo-plugind-slow-demo"),
        "install ok installed"
    );
    host.is_healthy();
    let failed = host.run("systemctl --failed --no-legend --plain").stdout;
    assert_eq!(failed, "", "no unit has failed");
    host.run("apt-get purge --yes plugfarm-host && ! systemctl is-active plugfarm-host plugfarm-host-helper").succeeds();
}
