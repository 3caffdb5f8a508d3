//! A published package is built again from its evidence: the same bytes, or the difference, named.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failures::containers;
use crate::farm::{Ran, TestFarm, commit, edit};

const HELLO: &str = "wazo-plugind-helloworld-demo";

fn rebuild(farm: &TestFarm, arguments: &[&str]) -> Ran {
    farm.run(&[&["rebuild", "--json"], arguments].concat())
}

/// Forgets every source that the farm has kept.
fn forget_sources(farm: &TestFarm) {
    fs::remove_dir_all(farm.data().join("sources")).unwrap();
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn code(ran: &Ran) -> (i32, Value) {
    (ran.code, ran.json()["code"].clone())
}

#[test]
fn a_published_package_is_built_again_to_the_same_bytes() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    let first = farm.publish(&plugin, &[]);
    fs::remove_dir_all(&plugin).unwrap();
    fs::remove_dir_all(farm.data().join("builds")).unwrap();

    let report = rebuild(&farm, &[HELLO]).succeeds().json();
    assert_eq!(report["version"], first["version"]);
    assert_eq!(report["commit"], first["commit"]);
    assert_eq!(report["source_sha256"], first["source_sha256"]);
    assert_eq!(report["differences"], Value::Array(Vec::new()));
    assert_eq!(report["circumstances"], Value::Array(Vec::new()));
    assert_eq!(containers(&farm), [""; 0]);
    let log = Path::new(report["log"].as_str().unwrap());
    let left = fs::read_dir(log.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "only the log is kept of what is the same");
}

#[test]
fn what_was_published_under_other_settings_is_built_again_under_those() {
    let farm = TestFarm::with_config("limits: {memory: 300MiB, cpus: 0.5}\n");
    farm.publish(&farm.plugin("helloworld"), &[]);
    farm.configure("maintainer: 'Another <another@example.org>'\n");
    let report = rebuild(&farm, &[HELLO]).succeeds().json();
    assert_eq!(report["differences"], Value::Array(Vec::new()));
}

#[test]
fn a_build_that_is_not_reproducible_is_told_by_the_file_that_differs() {
    let farm = TestFarm::new();
    let first = farm.publish(&farm.plugin("random"), &[]);
    let ran = rebuild(&farm, &["wazo-plugind-random-fixtures=1.0.0-0+deb12u1"]);
    assert_eq!(code(&ran), (1, "not-reproducible".into()), "{}", ran.stdout);
    let report = ran.json();
    let differences = report["differences"].as_array().unwrap();
    let named: Vec<_> = differences.iter().map(|one| &one["what"]).collect();
    assert_eq!(named, ["/etc/wazo-fixtures/random.conf"], "{report:#}");
    let file = &differences[0];
    assert_ne!(file["was"], file["is"]);

    let kept = PathBuf::from(report["artifacts"][0]["path"].as_str().unwrap());
    assert!(kept.is_file(), "the other package is kept, to look into");
    assert_ne!(
        report["artifacts"][0]["sha256"],
        first["artifacts"][0]["sha256"]
    );
    let words = farm.run(&["rebuild", "wazo-plugind-random-fixtures"]);
    assert_eq!(words.code, 1);
    assert!(
        words
            .stdout
            .contains("/etc/wazo-fixtures/random.conf\n  was")
    );
}

#[test]
fn a_source_that_is_gone_is_said_and_may_be_named() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    farm.publish(&plugin, &[]);
    forget_sources(&farm);
    let gone = rebuild(&farm, &[HELLO]);
    assert_eq!(code(&gone), (3, "source-gone".into()), "{}", gone.stdout);
    let hint = gone.json()["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("--source"), "{hint}");

    rebuild(&farm, &[HELLO, "--source", text(&plugin)]).succeeds();
    edit(&plugin.join("helloworld.conf"), "***42", "***43");
    commit(&plugin, 1_700_000_000);
    let another = rebuild(&farm, &[HELLO, "--source", text(&plugin)]);
    assert_eq!(code(&another), (3, "source-gone".into()));
    // What was fetched for the last time is kept by its digest again.
    rebuild(&farm, &[HELLO]).succeeds();
}

#[test]
fn a_repository_is_asked_again_for_the_commit() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    let url = format!("file://{}", plugin.display());
    farm.run(&["build", &url, "--publish"]).succeeds();
    edit(&plugin.join("helloworld.conf"), "***42", "***43");
    commit(&plugin, 1_700_000_100);
    forget_sources(&farm);
    rebuild(&farm, &[HELLO]).succeeds();
}

#[test]
fn what_proves_nothing_or_is_not_there_is_not_built() {
    let farm = TestFarm::new();
    let nothing = rebuild(&farm, &[HELLO]);
    assert_eq!(code(&nothing), (2, "usage".into()));
    let report = farm.publish(&farm.plugin("helloworld"), &[]);
    let deb = PathBuf::from(report["artifacts"][0]["path"].as_str().unwrap());
    fs::write(&deb, b"!<arch>\n").unwrap();
    let changed = rebuild(&farm, &[text(&deb)]);
    assert_eq!(code(&changed), (1, "evidence-invalid".into()));
    let other = rebuild(&farm, &[&format!("{HELLO}=9.9")]);
    assert_eq!(code(&other), (2, "usage".into()));
}
