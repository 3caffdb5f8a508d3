//! The documentation's helloworld, seen by a real Asterisk: through dpkg alone, and on a host that has the agent. Debian has
//! Asterisk in sid, not in bookworm or trixie.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use plugfarm::model::Sha256;
use serde_json::{Value, json};

use crate::farm::{Ran, TestFarm, docker};
use crate::service_lab::Service;

const IMAGE: &str = "plugfarm-test/asterisk:sid";
const SHOW: &str =
    "asterisk -rx 'dialplan reload' >/dev/null; asterisk -rx 'dialplan show xivo-extrafeatures'";

/// Asterisk's extension file as a Wazo host has it: it takes in what plugins add. Without any file to take in, Asterisk's
/// dialplan module does not load at all; a Wazo host always has one.
const START: &str = r#"
printf '[general]\n#include "extensions_extra.d/*.conf"\n' >/etc/asterisk/extensions.conf
mkdir -p /etc/asterisk/extensions_extra.d
printf '; nothing yet\n' >/etc/asterisk/extensions_extra.d/empty.conf
asterisk >/dev/null 2>&1
for i in $(seq 60); do asterisk -rx 'core waitfullybooted' >/dev/null 2>&1 && exit 0; sleep 0.25; done
exit 1
"#;

#[test]
fn asterisk_answers_the_extension_while_the_plugin_is_installed() {
    shows_the_extension("helloworld", &[]);
}

#[test]
fn asterisk_answers_the_extension_of_the_old_layout() {
    shows_the_extension("helloworld-legacy", &["--namespace", "demo"]);
}

fn shows_the_extension(fixture: &str, arguments: &[&str]) {
    let farm = TestFarm::new();
    let plugin = farm.plugin(fixture);
    let out = farm.data().join("out");
    let build = [
        "build",
        plugin.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--json",
    ];
    let report = farm.run(&[&build, arguments].concat()).succeeds().json();
    let package = report["artifacts"][0]["path"].as_str().unwrap().to_owned();

    let host = AsteriskHost::start(&["--network=none"]);
    docker(&["cp", &package, &format!("{}:/tmp/plugin.deb", host.id)]).succeeds();
    assert!(!host.run(SHOW).stdout.contains("***42"), "not yet there");
    host.run("dpkg --install /tmp/plugin.deb").succeeds();
    let shown = host
        .run("asterisk -rx 'dialplan show xivo-extrafeatures'")
        .succeeds()
        .stdout;
    assert!(
        shown.contains("***42") && shown.contains("Playback(hello-world)"),
        "{shown}"
    );
    host.run("dpkg --remove wazo-plugind-helloworld-demo")
        .succeeds();
    assert!(
        !host.run(SHOW).stdout.contains("***42"),
        "gone after removal and a reload"
    );
    host.run("dpkg --purge wazo-plugind-helloworld-demo")
        .succeeds();
}

/// What opens the agent.
const TOKEN: &str = "0b0d8a5e-0000-4000-8000-000000000002";

/// Has the host follow the farm, and runs helper and agent on it.
const AGENT: &str = r#"set -e
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
/usr/lib/apt/apt-helper download-file FARM/apt/plugfarm-local-keyring-bookworm.deb /tmp/keyring.deb
dpkg --install /tmp/keyring.deb
apt-get update --error-on=any
echo plugfarm-host:x:990:990::/:/bin/false >>/etc/passwd
echo plugfarm-host:x:990: >>/etc/group
mkdir -p /var/lib/plugfarm-host /etc/wazo-plugind
chown 990:990 /var/lib/plugfarm-host
cat >/etc/wazo-plugind/config.yml <<'END'
rest_api: {listen: 0.0.0.0}
bus: {enabled: false}
stand_alone: {tokens: [{name: story, sha256: TOKEN, acl: ['plugind.#']}]}
END
setsid plugfarm-host helper >/var/log/helper.log 2>&1 </dev/null &
WAZO_VERSION=24.10 setsid plugfarm-host serve --user plugfarm-host >/var/log/agent.log 2>&1 </dev/null &
for i in $(seq 300); do
    [ -S /run/plugfarm-host/helper.sock ] && (exec 3<>/dev/tcp/127.0.0.1/9503) 2>/dev/null && exit 0
    sleep 0.1
done
cat /var/log/*.log; exit 1
"#;

#[tokio::test(flavor = "multi_thread")]
async fn asterisk_answers_what_the_agent_has_installed_until_it_has_removed_it() {
    let mut service = Service::new("").await;
    let plugin = service.farm.plugin("helloworld");
    service.farm.publish(&plugin, &["--target", "bookworm"]);
    service.start();
    let program = env!("CARGO_BIN_EXE_plugfarm-host");
    let program = format!("--volume={program}:/usr/bin/plugfarm-host:ro");
    let host = AsteriskHost::start(&["--network=bridge", &program]);
    let agent = AGENT
        .replace("FARM", &service.url())
        .replace("TOKEN", &Sha256::of(TOKEN.as_bytes()).to_string());
    docker(&["exec", &host.id, "bash", "-c", &agent]).succeeds();
    assert!(!host.run(SHOW).stdout.contains("***42"), "not yet there");

    let options = json!({"namespace": "demo", "name": "helloworld"});
    host.does(
        "POST",
        "/plugins",
        &json!({"method": "market", "options": options}),
    );
    let shown = host.run("asterisk -rx 'dialplan show xivo-extrafeatures'");
    assert!(shown.stdout.contains("***42"), "{}", shown.stdout);
    host.does("DELETE", "/plugins/demo/helloworld", &Value::Null);
    let shown = host.run(SHOW).stdout;
    assert!(!shown.contains("***42"), "{shown}");
    assert_eq!(host.run("dpkg --audit").succeeds().stdout, "");
}

struct AsteriskHost {
    id: String,
}

impl AsteriskHost {
    fn start(options: &[&str]) -> Self {
        if docker(&["image", "inspect", IMAGE]).code != 0 {
            make_image();
        }
        let run = [
            &["run", "--detach", "--rm"],
            options,
            &[IMAGE, "sleep", "600"],
        ];
        let host = Self {
            id: docker(&run.concat()).succeeds().stdout.trim().to_owned(),
        };
        host.run(START).succeeds();
        host
    }

    fn run(&self, command: &str) -> Ran {
        docker(&["exec", &self.id, "sh", "-c", command])
    }

    /// Asks the agent for something, and waits until it has come about.
    fn does(&self, method: &str, path: &str, body: &Value) {
        let uuid = self.ask(method, path, body)["uuid"].clone();
        let path = format!("/jobs/{}", uuid.as_str().unwrap());
        let began = Instant::now();
        loop {
            let job = self.ask("GET", &path, &Value::Null);
            if job["state"] == "completed" {
                return;
            }
            let waits = job["state"] == "queued" || job["state"] == "running";
            let soon = began.elapsed() < Duration::from_secs(120);
            assert!(
                waits && soon,
                "{job:#}\n{}",
                self.run("cat /var/log/*.log").stdout
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        const ADDRESS: &str = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = docker(&["inspect", "--format", ADDRESS, &self.id]).succeeds();
        let mut stream = TcpStream::connect((address.stdout.trim(), 9503)).unwrap();
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = format!(
            "{method} /0.2{path} HTTP/1.0\r\nX-Auth-Token: {TOKEN}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 OK\r\n"), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for AsteriskHost {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.id]);
    }
}

fn make_image() {
    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("asterisk.tar");
    let made = Command::new("mmdebstrap")
        .args(["--quiet", "--variant=apt", "--include=asterisk"])
        // A mirror that stopped for some days still has a good Asterisk.
        .arg("--aptopt=Acquire::Check-Valid-Until \"false\"")
        .arg("sid")
        .arg(&tar)
        .status();
    assert!(
        made.unwrap().success(),
        "mmdebstrap made a sid with Asterisk"
    );
    docker(&["import", tar.to_str().unwrap(), IMAGE]).succeeds();
}
