//! What enters the repository, what does not, and what `verify` says of a package.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::farm::{TestFarm, commit, edit};

/// Builds a fixture, unpublished, and returns its package's path.
fn build(farm: &TestFarm, plugin: &Path) -> PathBuf {
    let report = farm
        .run(&["build", plugin.to_str().unwrap(), "--json"])
        .succeeds()
        .json();
    PathBuf::from(report["artifacts"][0]["path"].as_str().unwrap())
}

fn publish(farm: &TestFarm, package: &Path) -> (i32, Value) {
    let ran = farm.run(&["publish", package.to_str().unwrap(), "--json"]);
    (ran.code, ran.json())
}

fn generation(farm: &TestFarm) -> Value {
    farm.run(&["repo", "show", "--json"]).succeeds().json()["suites"][0]["generation"].clone()
}

#[test]
fn the_same_content_again_changes_nothing() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    let first = farm.publish(&plugin, &[]);
    let before = generation(&farm);
    let again = farm.publish(&plugin, &[]);
    assert_eq!(
        first["artifacts"][0]["sha256"],
        again["artifacts"][0]["sha256"]
    );
    assert_eq!(generation(&farm), before);
}

#[test]
fn another_commit_under_a_used_version_is_refused() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    farm.publish(&plugin, &[]);
    let before = generation(&farm);
    edit(&plugin.join("helloworld.conf"), "***42", "***43");
    commit(&plugin, 1_700_000_100);
    let refused = farm.run(&["build", plugin.to_str().unwrap(), "--publish", "--json"]);
    assert_eq!(
        (refused.code, &refused.json()["code"]),
        (1, &Value::from("version-used"))
    );
    assert_eq!(generation(&farm), before);
}

#[test]
fn a_version_that_is_not_higher_is_refused() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    farm.publish(&plugin, &[]);
    edit(&plugin.join("wazo/plugin.yml"), "0.0.1", "0.0.1~rc1");
    commit(&plugin, 1_700_000_100);
    let refused = farm.run(&["build", plugin.to_str().unwrap(), "--publish", "--json"]);
    assert_eq!(
        (refused.code, &refused.json()["code"]),
        (1, &Value::from("version-not-higher"))
    );
}

#[test]
fn a_built_package_is_published_later_with_its_evidence() {
    let farm = TestFarm::new();
    let package = build(&farm, &farm.plugin("helloworld"));
    let (code, report) = publish(&farm, &package);
    assert_eq!(code, 0, "{report}");
    assert_eq!(farm.run(&["repo", "check"]).code, 0);
}

#[test]
fn a_package_without_its_evidence_is_not_published() {
    let farm = TestFarm::new();
    let package = build(&farm, &farm.plugin("helloworld"));
    fs::remove_file(package.with_extension("intoto.jsonl")).unwrap();
    let (code, report) = publish(&farm, &package);
    assert_eq!(
        (code, &report["code"]),
        (1, &Value::from("evidence-invalid")),
        "{report}"
    );
}

#[test]
fn a_tampered_package_is_neither_verified_nor_published() {
    let farm = TestFarm::new();
    let package = build(&farm, &farm.plugin("helloworld"));
    let path = package.to_str().unwrap();
    let verified = farm.run(&["verify", path, "--json"]).succeeds().json();
    assert_eq!(verified["package"], "wazo-plugind-helloworld-demo");
    assert_eq!(verified["commit"].as_str().unwrap().len(), 40);

    let mut bytes = fs::read(&package).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&package, bytes).unwrap();
    assert_eq!(farm.run(&["verify", path]).code, 1);
    assert_eq!(publish(&farm, &package).1["code"], "evidence-invalid");
}

#[test]
fn evidence_that_another_farm_signed_is_not_trusted() {
    let (farm, other) = (TestFarm::new(), TestFarm::new());
    let package = build(&other, &other.plugin("helloworld"));
    build(&farm, &farm.plugin("helloworld"));
    assert_eq!(publish(&farm, &package).1["code"], "evidence-invalid");
    let path = package.to_str().unwrap();
    let refused = farm.run(&["verify", path, "--json"]);
    assert_eq!(
        refused.code, 1,
        "a key beside the evidence is no reason to trust it"
    );
    let hint = refused.json()["hint"].to_string();
    assert!(hint.contains("--key"), "{hint}");
    let keys = farm.data().join("their-keys");
    other
        .run(&["key", "export", keys.to_str().unwrap()])
        .succeeds();
    let key = keys.join("plugfarm-local-statement.pem");
    farm.run(&["verify", path, "--key", key.to_str().unwrap()])
        .succeeds();
}

#[test]
fn evidence_that_was_changed_is_noticed() {
    let farm = TestFarm::new();
    let package = build(&farm, &farm.plugin("helloworld"));
    let path = package.to_str().unwrap();
    farm.run(&["verify", path]).succeeds();
    let bill = package.with_extension("cdx.json");
    fs::write(&bill, fs::read_to_string(&bill).unwrap() + " ").unwrap();
    let refused = farm.run(&["verify", path, "--json"]);
    let object = refused.json();
    assert_eq!((refused.code, &object["stage"]), (1, &Value::Null));
    let message = object["message"].as_str().unwrap();
    assert!(message.ends_with(".cdx.json is not what the build left: it was changed"));
}

#[test]
fn evidence_that_is_missing_is_told_by_verify_and_refused_by_publish() {
    let farm = TestFarm::new();
    let package = build(&farm, &farm.plugin("helloworld"));
    let path = package.to_str().unwrap();
    let whole = farm.run(&["verify", path, "--json"]).succeeds().json();
    assert_eq!(whole["missing"], Value::Array(Vec::new()));
    let bill = package.with_extension("cdx.json");
    fs::remove_file(&bill).unwrap();
    let name = bill.file_name().unwrap().to_str().unwrap();
    let verified = farm.run(&["verify", path, "--json"]).succeeds().json();
    assert_eq!(verified["missing"], Value::from(vec![name]));
    let words = farm.run(&["verify", path]).succeeds().stdout;
    assert!(words.contains(&format!(
        "warning not beside the package, so not verified: {name}"
    )));
    let (code, report) = publish(&farm, &package);
    assert_eq!(
        (code, &report["code"]),
        (1, &Value::from("evidence-invalid"))
    );
    assert!(
        report["message"].as_str().unwrap().contains(name),
        "{report}"
    );
}

#[test]
fn a_package_from_the_repository_is_verified_by_what_is_published_with_it() {
    let farm = TestFarm::new();
    let report = farm.publish(&farm.plugin("helloworld"), &[]);
    let alone = farm.data().join("alone.deb");
    fs::copy(report["artifacts"][0]["path"].as_str().unwrap(), &alone).unwrap();
    farm.run(&["verify", alone.to_str().unwrap()]).succeeds();
}

#[test]
fn what_could_not_be_published_is_kept_for_later() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    farm.publish(&plugin, &[]);
    edit(&plugin.join("helloworld.conf"), "***42", "***43");
    commit(&plugin, 1_700_000_100);
    let refused = farm
        .run(&["build", plugin.to_str().unwrap(), "--publish", "--json"])
        .json();
    let package = refused["artifacts"][0]["path"].as_str().unwrap();
    farm.run(&["verify", package]).succeeds();
}

#[test]
fn a_folder_with_changes_cannot_change_a_published_version() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    farm.publish(&plugin, &[]);
    edit(&plugin.join("helloworld.conf"), "***42", "***43");
    let build = [
        "build",
        plugin.to_str().unwrap(),
        "--publish",
        "--unpinned",
        "--json",
    ];
    let refused = farm.run(&build);
    assert_eq!(
        (refused.code, &refused.json()["code"]),
        (1, &Value::from("version-used"))
    );
}

#[test]
fn a_suite_that_lost_its_state_is_not_begun_again() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    farm.publish(&plugin, &[]);
    fs::remove_file(farm.repository().join(".state/repository.json")).unwrap();
    let refused = farm.run(&["build", plugin.to_str().unwrap(), "--publish", "--json"]);
    assert_eq!(refused.code, 3);
    assert!(
        refused.json()["message"]
            .as_str()
            .unwrap()
            .contains("it is gone")
    );
}

#[test]
fn a_damaged_state_is_noticed_before_anything_is_built() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    farm.publish(&plugin, &[]);
    fs::write(farm.repository().join(".state/repository.json"), "{").unwrap();
    let failed = farm.run(&["build", plugin.to_str().unwrap(), "--json"]);
    let report = failed.json();
    assert_eq!((failed.code, &report["blame"]), (3, &Value::from("farm")));
    let stages: Vec<_> = report["timings"].as_object().unwrap().keys().collect();
    assert_eq!(stages, ["fetch", "check"], "{report}");
}

#[test]
fn versions_are_published_in_dpkgs_order_however_they_are_named() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    let mut packages = Vec::new();
    for (before, version) in [("0.0.1", "1.9.0"), ("1.9.0", "1.10.0")] {
        edit(&plugin.join("wazo/plugin.yml"), before, version);
        commit(&plugin, 1_700_000_100);
        packages.push(build(&farm, &plugin));
    }
    // As a shell would sort them.
    let (older, newer) = (packages[0].to_str().unwrap(), packages[1].to_str().unwrap());
    farm.run(&["publish", newer, older]).succeeds();
    let shown = farm.run(&["repo", "show"]).succeeds().stdout;
    let (older, newer) = (
        shown.find("1.9.0-0").unwrap(),
        shown.find("1.10.0-0").unwrap(),
    );
    assert!(older < newer, "{shown}");
}

#[test]
fn packages_of_two_releases_are_published_together_or_not_at_all() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    farm.publish(&plugin, &["--target", "trixie"]);
    edit(&plugin.join("helloworld.conf"), "***42", "***43");
    commit(&plugin, 1_700_000_100);
    let mut batch = vec!["publish".to_owned(), "--json".to_owned()];
    for target in ["bookworm", "trixie"] {
        let build = ["build", plugin.to_str().unwrap(), "--target", target];
        let built = farm.run(&build).succeeds().stdout;
        batch.push(built.lines().next().unwrap().to_owned());
    }
    let batch: Vec<_> = batch.iter().map(String::as_str).collect();
    let refused = farm.run(&batch);
    let report = refused.json();
    assert_eq!(
        (refused.code, &report["code"]),
        (1, &Value::from("version-used"))
    );
    let shown = farm.run(&["repo", "show", "--json"]).succeeds().json();
    let suites = shown["suites"].as_array().unwrap();
    let suites: Vec<_> = suites.iter().map(|suite| &suite["suite"]).collect();
    assert_eq!(suites, ["trixie"], "{report}");
}
