//! `plugfarm-host verify`: from installed files to the commit, without a network.

use serde_json::Value;

use crate::farm::{Host, Ran, TestFarm};
use crate::host_lab::{HelperHost, Plugin, install, package};

fn verify(lab: &HelperHost) -> (Ran, Value) {
    let ran = lab.host.run("plugfarm-host verify demo/hello --json");
    let found: Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", ran.stdout, ran.stderr));
    (ran, found["packages"][0].clone())
}

/// A host with a plugin that the helper has installed, and without a repository from then on.
fn installed(target: &'static str) -> HelperHost {
    let lab = HelperHost::new(target, &[Plugin::default()]);
    lab.does(&install("hello"));
    lab.host.run("rm -rf /srv/apt").succeeds();
    lab
}

fn what_is_installed_is_walked_back_to_its_commit(target: &'static str) {
    let lab = installed(target);
    let (ran, found) = verify(&lab);
    assert_eq!(ran.code, 0, "{found:#}");
    assert_eq!(found["verdict"], "verified");
    assert_eq!(found["files"]["signed"], true);
    let commit = found["provenance"]["commit"].as_str().unwrap();
    assert_eq!(commit.len(), 40);
    assert_eq!(found["provenance"]["sha256"], found["index_sha256"]);
    let admissions = serde_json::json!([{"suite": target, "approvals": []}]);
    assert_eq!(found["admissions"], admissions, "the channel asks for none");
    let words = lab.host.run("plugfarm-host verify").succeeds().stdout;
    assert!(
        words.contains(&format!(
            "{} {}: verified",
            package("hello"),
            lab.packaged("1.0")
        )),
        "{words}"
    );
    assert!(words.contains(commit), "{words}");
    // Everybody may: nothing of it is secret.
    lab.host
        .run("setpriv --reuid=65534 --regid=65534 --clear-groups plugfarm-host verify")
        .succeeds();
}

#[test]
fn what_is_installed_is_walked_back_to_its_commit_on_bookworm() {
    what_is_installed_is_walked_back_to_its_commit("bookworm");
}

#[test]
fn what_is_installed_is_walked_back_to_its_commit_on_trixie() {
    what_is_installed_is_walked_back_to_its_commit("trixie");
}

#[test]
fn a_file_that_was_changed_differs_even_if_dpkgs_sums_say_otherwise() {
    let lab = installed("bookworm");
    lab.host.run("echo other >/usr/lib/demo/hello").succeeds();
    let sums = format!("/var/lib/dpkg/info/{}.md5sums", package("hello"));
    lab.host
        .run(&format!(
            "sed -i \"s,^[0-9a-f]*  usr/lib/demo/hello$,$(md5sum </usr/lib/demo/hello | cut -d' ' -f1)  usr/lib/demo/hello,\" {sums} && dpkg --verify {}",
            package("hello")
        ))
        .succeeds();
    let (ran, found) = verify(&lab);
    assert_eq!(ran.code, 1, "{found:#}");
    assert_eq!(found["files"]["changed"][0], "usr/lib/demo/hello");
    lab.host.run("rm /usr/lib/demo/hello").succeeds();
    let (ran, found) = verify(&lab);
    assert_eq!(ran.code, 1, "{found:#}");
    assert_eq!(found["files"]["missing"][0], "usr/lib/demo/hello");
}

#[test]
fn edited_configuration_is_told_and_is_no_difference() {
    let lab = installed("bookworm");
    lab.host.run("echo edited >/etc/demo/hello.conf").succeeds();
    let (ran, found) = verify(&lab);
    assert_eq!(ran.code, 0, "{found:#}");
    assert_eq!(found["files"]["edited"][0], "etc/demo/hello.conf");
}

#[test]
fn evidence_that_is_missing_or_changed_proves_nothing() {
    let lab = installed("bookworm");
    let folder = format!(
        "/var/lib/plugfarm-host-evidence/{}/{}",
        package("hello"),
        lab.packaged("1.0")
    );
    for (damage, reason) in [
        (
            format!(
                "sed -i 's/cdx/cdy/' {folder}/contents.cdx.json; echo >>{folder}/contents.cdx.json"
            ),
            "bill of materials is not what the farm has signed",
        ),
        (
            format!("rm {folder}/contents.cdx.json"),
            "bill of materials was not kept",
        ),
        (
            format!("sed -i 's/\"sig\":\"..../\"sig\":\"AAAA/' {folder}/statement.intoto.jsonl"),
            "none of the 1 trusted keys has signed this evidence",
        ),
        (format!("rm -r {folder}"), "no evidence of it was kept"),
    ] {
        lab.host.run(&damage).succeeds();
        let (ran, found) = verify(&lab);
        assert_eq!(ran.code, 3, "{damage}: {found:#}");
        assert!(found["reasons"].to_string().contains(reason), "{found:#}");
    }
}

#[test]
fn who_let_it_in_is_verified_without_a_network() {
    let farm = TestFarm::with_repository(", channels: [testing, stable], approvals: 2");
    let promoted = |farm: &TestFarm| {
        for by in ["alice", "bob"] {
            let promote = ["promote", &package("hello"), "--by", by, "--reason", "good"];
            farm.run(&promote).succeeds();
        }
        Host::new(farm, "bookworm")
    };
    let lab = HelperHost::of(farm, "bookworm", &[Plugin::default()], promoted, "");
    lab.does(&install("hello"));
    let folder = format!(
        "/var/lib/plugfarm-host-evidence/{}/{}",
        package("hello"),
        lab.packaged("1.0")
    );
    let (ran, found) = verify(&lab);
    assert_eq!(ran.code, 0, "{found:#}");
    let admission = &found["admissions"][0];
    assert_eq!(admission["suite"], "bookworm");
    let approvals = admission["approvals"].as_array().unwrap();
    let mut by: Vec<_> = approvals.iter().map(|one| one["by"].as_str()).collect();
    by.sort_unstable();
    assert_eq!(by, [Some("alice"), Some("bob")]);
    assert_eq!(approvals[0]["key"], found["provenance"]["key"]);
    let words = lab.host.run("plugfarm-host verify --approvals 2");
    let words = words.succeeds().stdout;
    assert!(words.contains("testing to stable, by bob"), "{words}");
    let three = lab.host.run("plugfarm-host verify --approvals 3");
    assert_eq!(three.code, 1, "{}", three.stdout);

    let one = format!("$(ls {folder}/*.approval.jsonl | head -n1)");
    let other = format!("$(ls {folder}/*.approval.jsonl | tail -n1)");
    for (damage, reason) in [
        (
            format!("cp {other} {one}"),
            "is not what the farm's index names",
        ),
        (
            format!("echo >>{one}"),
            "is not what the farm's index names",
        ),
        (format!("rm {one}"), "was not kept"),
        // As apt alone leaves it.
        (format!("rm -r {folder}"), "no evidence of it was kept"),
    ] {
        lab.host.run(&damage).succeeds();
        let (ran, found) = verify(&lab);
        assert_eq!(ran.code, 3, "{damage}: {found:#}");
        assert!(found["reasons"].to_string().contains(reason), "{found:#}");
    }
    // What is missing comes back with the next look at the farm.
    lab.report(&serde_json::json!({"verb": "refresh"}));
    lab.host.run("rm -rf /srv/apt").succeeds();
    let (ran, found) = verify(&lab);
    assert_eq!(ran.code, 0, "{found:#}");
}

#[test]
fn what_was_built_on_the_host_cannot_be_told() {
    let lab = installed("bookworm");
    let control = "Package: wazo-plugind-own-demo\\nVersion: 1.0\\nSection: wazo-plugind-plugin\\nArchitecture: all\\nMaintainer: x <x@x.x>\\nDescription: x\\n";
    lab.host
        .run(&format!(
            "mkdir -p /tmp/own/DEBIAN && printf '{control}' >/tmp/own/DEBIAN/control && dpkg-deb --build /tmp/own /tmp/own.deb && dpkg --install /tmp/own.deb"
        ))
        .succeeds();
    let all = lab.host.run("plugfarm-host verify");
    assert_eq!(all.code, 3, "{}", all.stdout);
    assert!(
        all.stdout
            .contains("it was built here, or came from elsewhere"),
        "{}",
        all.stdout
    );
    let other = lab.host.run("plugfarm-host verify demo/nothing");
    assert_eq!(other.code, 3);
    assert!(
        other.stderr.contains("is not installed"),
        "{}",
        other.stderr
    );
    assert_eq!(lab.host.run("plugfarm-host verify bash").code, 2);
}
