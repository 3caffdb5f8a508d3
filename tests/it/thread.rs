//! The main thread: from a plugin's repository to `apt install`, upgrade, removal and purge on clean hosts.

use std::fs;

use serde_json::Value;

use crate::farm::{Host, TestFarm, commit, edit};

const PACKAGE: &str = "wazo-plugind-helloworld-demo";
const DIALPLAN: &str = "/etc/asterisk/extensions_extra.d/helloworld.conf";

#[test]
fn a_repository_becomes_an_installed_package_on_bookworm() {
    journey("bookworm", "0.0.1-0+deb12u1");
}

#[test]
fn a_repository_becomes_an_installed_package_on_trixie() {
    journey("trixie", "0.0.1-0+deb13u1");
}

fn journey(target: &str, version: &str) {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    let report = farm.publish(&plugin, &["--target", target]);
    assert_eq!(report["outcome"], "succeeded");
    assert_eq!(report["package"], PACKAGE);
    assert_eq!(report["version"], version);
    assert_eq!(report["target"], target);

    let host = Host::new(&farm, target);
    host.stub("asterisk");
    host.run(&format!("apt-get install --yes {PACKAGE}"))
        .succeeds();
    assert_eq!(host.status(PACKAGE), "install ok installed");
    assert!(
        host.run(&format!("cat {DIALPLAN}"))
            .succeeds()
            .stdout
            .contains("***42")
    );
    assert_eq!(
        host.run("cat /tmp/calls").stdout,
        "asterisk -x dialplan reload\n"
    );
    host.is_healthy();

    edit(&plugin.join("wazo/plugin.yml"), "0.0.1", "0.0.2");
    edit(&plugin.join("helloworld.conf"), "***42", "***43");
    commit(&plugin, 1_700_000_100);
    farm.publish(&plugin, &["--target", target]);
    host.serve(&farm);
    host.run("apt-get update --error-on=any && apt-get upgrade --yes")
        .succeeds();
    assert!(
        host.run(&format!("cat {DIALPLAN}"))
            .succeeds()
            .stdout
            .contains("***43")
    );
    host.is_healthy();

    host.run(&format!("apt-get remove --yes {PACKAGE}"))
        .succeeds();
    assert_ne!(
        host.run(&format!("test -e {DIALPLAN}")).code,
        0,
        "a removed dialplan is not active"
    );
    host.run(&format!("apt-get install --yes {PACKAGE}"))
        .succeeds();
    assert!(
        host.run(&format!("cat {DIALPLAN}"))
            .succeeds()
            .stdout
            .contains("***43")
    );
    host.run(&format!("apt-get purge --yes {PACKAGE}"))
        .succeeds();
    assert_eq!(host.status(PACKAGE), "");
    let left = "find / -xdev -path /proc -prune -o -path /srv -prune -o -path /var/cache -prune -o -name '*helloworld*' -print";
    assert_eq!(host.run(left).stdout, "", "a purge leaves nothing behind");
    host.is_healthy();
}

#[test]
fn apt_warns_of_nothing() {
    let farm = TestFarm::new();
    farm.publish(&farm.plugin("helloworld"), &[]);
    let host = Host::new(&farm, "bookworm");
    let updated = host.run("apt-get update 2>&1").succeeds().stdout;
    assert!(
        !updated.contains("W:") && !updated.contains("E:") && !updated.contains("N:"),
        "{updated}"
    );
}

#[test]
fn two_builds_of_one_commit_give_the_same_bytes() {
    let build = || {
        let farm = TestFarm::new();
        let plugin = farm.plugin("python-bdist");
        farm.run(&["build", plugin.to_str().unwrap(), "--json"])
            .succeeds()
            .json()
    };
    assert_eq!(deb(&build())["sha256"], deb(&build())["sha256"]);
}

#[test]
fn a_dirty_folder_is_built_and_published_only_on_request() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    fs::write(plugin.join("helloworld.conf"), "; changed\n").unwrap();
    let path = plugin.to_str().unwrap();
    assert_eq!(farm.run(&["build", path, "--json"]).code, 0);
    let refused = farm.run(&["build", path, "--publish", "--json"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_eq!(refused.json()["code"], "source-not-pinned");
    farm.publish(&plugin, &["--unpinned"]);
}

fn deb(report: &Value) -> &Value {
    let artifacts = report["artifacts"].as_array().unwrap();
    artifacts
        .iter()
        .find(|artifact| artifact["path"].as_str().unwrap().ends_with(".deb"))
        .unwrap()
}
