//! The documentation's helloworld, seen by a real Asterisk. Debian has Asterisk in sid, not in bookworm
//! or trixie.

use std::process::Command;

use crate::farm::{Ran, TestFarm, docker};

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

    let host = AsteriskHost::start();
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

struct AsteriskHost {
    id: String,
}

impl AsteriskHost {
    fn start() -> Self {
        if docker(&["image", "inspect", IMAGE]).code != 0 {
            make_image();
        }
        let run = [
            "run",
            "--detach",
            "--rm",
            "--network=none",
            IMAGE,
            "sleep",
            "600",
        ];
        let host = Self {
            id: docker(&run).succeeds().stdout.trim().to_owned(),
        };
        host.run(START).succeeds();
        host
    }

    fn run(&self, command: &str) -> Ran {
        docker(&["exec", &self.id, "sh", "-c", command])
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
