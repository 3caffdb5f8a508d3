//! Dated publications: hosts install what a suite had at a time, and nobody passes one off as what hosts follow.

use plugfarm::model::Target;
use serde_json::{Value, json};

use crate::channels_lab::{Farm, PACKAGE, code, follow, hello, installed, packaged};
use crate::farm::Host;

fn snapshot(farm: &Farm, more: &[&str]) -> Vec<Value> {
    let arguments = [&["repo", "snapshot", "--json"], more].concat();
    let answer = farm.farm.run(&arguments).succeeds().json();
    answer["snapshots"].as_array().unwrap().clone()
}

fn name_of(snapshots: &[Value], suite: &str) -> String {
    let found = snapshots.iter().find(|one| one["suite"] == suite).unwrap();
    found["name"].as_str().unwrap().to_owned()
}

/// A farm whose stable channel had 1.0 when a snapshot was taken, and has 1.1 alone now.
fn moved_on(target: Target) -> (Farm, String) {
    let farm = Farm::two_channels();
    farm.publish(&hello("1.0", target), &[]);
    farm.decide(&["promote", PACKAGE]).succeeds();
    let name = name_of(&snapshot(&farm, &[]), target.codename());
    farm.publish(&hello("1.1", target), &[]);
    farm.decide(&["promote", PACKAGE]).succeeds();
    let old = format!("{PACKAGE}={}", packaged("1.0", target));
    farm.decide(&["withdraw", &old, "--channel", "stable"])
        .succeeds();
    assert_eq!(farm.has(target.codename()), [packaged("1.1", target)]);
    farm.is_sound();
    (farm, name)
}

fn hosts_install_what_a_suite_had(target: Target) {
    let (farm, name) = moved_on(target);
    let host = Host::new(&farm.farm, target.codename());
    host.run(&format!(
        "rm /etc/apt/sources.list.d/*
         echo 'deb [signed-by=/usr/share/keyrings/plugfarm-local.gpg] {} {name} main' >/etc/apt/sources.list.d/then.list
         rm -rf /var/lib/apt/lists/*",
        Host::REPOSITORY_URL
    ))
    .succeeds();
    for _ in 0..2 {
        let said = host.run("apt-get update 2>&1").succeeds().stdout;
        for complaint in [
            "W:", "E:", "N:", "Warning:", "Notice:", "Error:", "Err:", "Ign:",
        ] {
            assert!(!said.contains(complaint), "{said}");
        }
    }
    let install = format!(
        "apt-get install --yes {PACKAGE}={}",
        packaged("1.0", target)
    );
    host.run(&install).succeeds();
    assert_eq!(installed(&host), packaged("1.0", target));
    let madison = host.run(&format!("apt-cache madison {PACKAGE}")).succeeds();
    assert_eq!(madison.stdout.lines().count(), 1, "{}", madison.stdout);
}

#[test]
fn bookworm_hosts_install_what_a_suite_had() {
    hosts_install_what_a_suite_had(Target::Bookworm);
}

#[test]
fn trixie_hosts_install_what_a_suite_had() {
    hosts_install_what_a_suite_had(Target::Trixie);
}

/// It has no `Valid-Until`, and its signature is good: only its name keeps it from holding hosts back for ever.
#[test]
fn a_dated_publication_is_not_taken_for_what_hosts_follow() {
    for target in Target::ALL {
        let (farm, name) = moved_on(target);
        let host = Host::new(&farm.farm, target.codename());
        follow(&host, &farm);
        std::thread::sleep(std::time::Duration::from_secs(1));
        farm.publish(&hello("1.2", target), &[]);
        farm.decide(&["promote", PACKAGE]).succeeds();
        let dists = farm.farm.repository().join("dists");
        let now = name_of(&snapshot(&farm, &[]), target.codename());
        assert_ne!(now, name);
        for (key, content) in [("InRelease", "InRelease"), ("Release", "Release")] {
            let replayed = fs_err::read(dists.join(&now).join(content)).unwrap();
            fs_err::write(dists.join(target.codename()).join(key), replayed).unwrap();
        }
        host.serve(&farm.farm);
        let refused = host.run("apt-get update --error-on=any");
        assert_ne!(refused.code, 0);
        assert!(
            refused.stderr.contains("changed its 'Codename' value"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn what_has_not_changed_is_kept_once_and_what_was_kept_stays() {
    let (farm, name) = moved_on(Target::Bookworm);
    assert_eq!(snapshot(&farm, &["--list"]).len(), 2, "of both channels");
    let again = snapshot(&farm, &[]);
    assert_eq!(again.len(), 2);
    assert_eq!(snapshot(&farm, &[]), again);
    assert_eq!(snapshot(&farm, &["--list"]).len(), 4);
    let usage = farm
        .farm
        .run(&["repo", "snapshot", "--suite", "sid", "--json"]);
    assert_eq!(usage.code, 2);

    let folder = farm.farm.repository().join("dists").join(&name);
    let text = |file: &str| fs_err::read_to_string(folder.join(file)).unwrap();
    let release = text("InRelease");
    assert!(!release.contains("Valid-Until") && !release.contains("Packages.diff"));
    assert!(text("InRelease.original").contains("\nSuite: bookworm\n"));
    farm.farm.run(&["repo", "refresh"]).succeeds();
    farm.is_sound();
    for file in [
        "main/binary-amd64/Packages.xz",
        "InRelease.original",
        "InRelease",
    ] {
        let file = folder.join(file);
        let good = fs_err::read(&file).unwrap();
        fs_err::remove_file(&file).unwrap();
        fs_err::write(&file, b"other").unwrap();
        let checked = farm.farm.run(&["repo", "check", "--json"]).json();
        let problems = checked["problems"].to_string();
        assert!(problems.contains(&name), "{problems}");
        fs_err::write(&file, good).unwrap();
    }
    farm.is_sound();
}

#[test]
fn what_of_a_dated_publication_is_elsewhere_comes_back_and_the_rest_is_named() {
    let (farm, name) = moved_on(Target::Bookworm);
    let folder = farm.farm.repository().join("dists").join(&name);
    let index = folder.join("main/binary-amd64/Packages.xz");
    let good = fs_err::read(&index).unwrap();
    let rebuild = || farm.farm.run(&["repo", "rebuild", "--json"]);
    for damage in [None, Some("other")] {
        fs_err::remove_file(&index).unwrap();
        if let Some(damage) = damage {
            fs_err::write(&index, damage).unwrap();
        }
        let mended = rebuild().succeeds().json();
        let key = format!("dists/{name}/main/binary-amd64/Packages.xz");
        assert_eq!(mended["mended"], json!([key]));
        assert_eq!(fs_err::read(&index).unwrap(), good);
    }
    farm.is_sound();

    let signed = folder.join("InRelease");
    let good = fs_err::read(&signed).unwrap();
    fs_err::remove_file(&signed).unwrap();
    let failed = rebuild();
    assert_eq!(code(&failed), (3, "repository-damaged".to_owned()));
    let failed = failed.json();
    assert_eq!(failed["lost"], json!([format!("dists/{name}/InRelease")]));
    assert!(failed["hint"].as_str().unwrap().contains("your backup"));
    fs_err::write(&signed, good).unwrap();
    rebuild().succeeds();
    farm.is_sound();
}

#[test]
fn refresh_keeps_what_suites_are_as_often_as_it_is_told() {
    let farm = Farm::new(", snapshots: 24h");
    farm.publish(&hello("1.0", Target::Bookworm), &[]);
    let refresh = || {
        farm.farm
            .run(&["repo", "refresh", "--json"])
            .succeeds()
            .json()
    };
    assert_eq!(refresh()["snapshots"][0]["suite"], "bookworm");
    farm.publish(&hello("1.1", Target::Bookworm), &[]);
    assert_eq!(refresh()["snapshots"], json!([]), "a day is not over");
    farm.is_sound();
}
