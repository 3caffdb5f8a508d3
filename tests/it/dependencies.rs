//! Dependencies that cannot be had: told at the check and at the build, where the farm knows better than the author.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::farm::{Host, TestFarm, docker, edit};

/// The codes among a report's findings, with their messages.
fn findings(report: &Value) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let found = report["findings"].as_array().unwrap().iter();
    found
        .map(|finding| (text(finding, "code"), text(finding, "message")))
        .collect()
}

/// Puts a list of packages where the making of an image would.
fn know(farm: &TestFarm, target: &str, names: &str) {
    let folder = farm.data().join("images");
    fs::create_dir_all(&folder).unwrap();
    let file = fs::File::create(folder.join(format!("packages-{target}.gz"))).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(names.as_bytes()).unwrap();
    packed.finish().unwrap();
}

#[test]
fn a_misspelt_package_is_told_once_there_is_a_list_of_packages() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("debian-depends");
    edit(
        &plugin.join("wazo/plugin.yml"),
        "- tig",
        "- tigg\n  - wazo-calld",
    );
    let path = plugin.to_str().unwrap();
    let check = || farm.run(&["check", path, "--json"]).succeeds().json();
    assert_eq!(findings(&check()), [], "without a list, nothing is said");

    know(&farm, "trixie", "base-files\nlibc6\ntig\n");
    let code = "debian-depends-unknown".to_owned();
    let message = "`tigg` of `debian_depends` is no package of trixie".to_owned();
    assert_eq!(findings(&check()), [(code.clone(), message)]);

    know(&farm, "bookworm", "base-files\nlibc6\ntig\n");
    let built = farm.run(&["build", path, "--target", "bookworm", "--json"]);
    let message = "`tigg` of `debian_depends` is no package of bookworm".to_owned();
    assert_eq!(findings(&built.succeeds().json()), [(code, message)]);
}

#[test]
fn a_plugin_that_nobody_published_is_told_until_somebody_does() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("depends");
    let build = || {
        let path = plugin.to_str().unwrap();
        let ran = farm.run(&["build", path, "--target", "bookworm", "--json"]);
        findings(&ran.succeeds().json())
    };
    let before = build();
    assert_eq!(before.len(), 1, "{before:?}");
    assert_eq!(before[0].0, "depends-unpublished");
    assert!(
        before[0].1.contains("`fixtures/configuration`"),
        "{before:?}"
    );
    let other = farm.plugin("configuration");
    farm.publish(&other, &["--target", "trixie"]);
    assert_eq!(build(), before, "for another release, it is of no use");
    farm.publish(&other, &["--target", "bookworm"]);
    assert_eq!(build(), []);
}

#[test]
fn the_list_of_packages_is_apts_own() {
    let farm = TestFarm::new();
    for target in ["bookworm", "trixie"] {
        let host = Host::networked(&farm, target);
        host.run("apt-get update --error-on=any").succeeds();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("images/builder/known");
        docker(&[
            "cp",
            script.to_str().unwrap(),
            &format!("{}:/known", host.id()),
        ])
        .succeeds();
        let look = "sh /known >/known.gz && gunzip </known.gz | wc -l && \
                    gunzip </known.gz | grep -x -e tig -e mail-transport-agent -e wazo-calld";
        let said = host.run(look).succeeds().stdout;
        let (count, names) = said.split_once('\n').unwrap();
        assert!(count.trim().parse::<u32>().unwrap() > 60_000, "{count}");
        assert_eq!(
            names, "mail-transport-agent\ntig\n",
            "a virtual one, a real one"
        );
    }
}
