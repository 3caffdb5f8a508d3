//! Versions that hosts are to get no more.

use plugfarm::model::Target;

use crate::channels_lab::{Farm, PACKAGE, candidate, code, hello, installed, packaged, upgrade};
use crate::farm::{Host, docker};

fn a_withdrawn_version_is_kept_away_from_hosts(target: Target) {
    let farm = Farm::two_channels();
    farm.publish(&hello("1.0", target), &["--channel", "stable"]);
    let bad = farm.publish(&hello("2.0", target), &["--channel", "stable"]);
    let host = Host::new(&farm.farm, target.codename());
    let version = format!("{PACKAGE}={}", packaged("2.0", target));
    let withdrawn = farm.decide(&["withdraw", &version]).succeeds().json();
    assert_eq!(withdrawn["suites"], serde_json::json!([target.codename()]));
    assert_eq!(withdrawn["pinned"], true);
    assert_eq!(farm.has(target.codename()), [packaged("1.0", target)]);

    upgrade(&host, &farm);
    host.run(&format!("apt-get install --yes {PACKAGE}"))
        .succeeds();
    assert_eq!(installed(&host), packaged("1.0", target));
    // Wherever else the host finds it: the pin holds.
    let name = bad.file_name().unwrap().to_str().unwrap();
    docker(&[
        "cp",
        bad.to_str().unwrap(),
        &format!("{}:/{name}", host.id()),
    ])
    .succeeds();
    host.run(&format!(
        "mkdir /bad && mv '/{name}' /bad/ && cd /bad && printf 'Package: {PACKAGE}\\nVersion: {}\\nArchitecture: all\\n\
         Maintainer: a <a@b>\\nFilename: ./{name}\\nSize: %s\\nSHA256: %s\\nDescription: x\\n\\n' $(stat -c %s *.deb) \
         $(sha256sum *.deb | cut -d' ' -f1) >Packages
         echo 'deb [trusted=yes] file:/bad ./' >/etc/apt/sources.list.d/bad.list && apt-get update --error-on=any",
        packaged("2.0", target)
    ))
    .succeeds();
    let policy = host
        .run(&format!("apt-cache policy {PACKAGE}"))
        .succeeds()
        .stdout;
    assert!(
        policy.contains(&format!("{} -1", packaged("2.0", target))),
        "{policy}"
    );
    assert_eq!(candidate(&host), packaged("1.0", target));
    host.run("apt-get upgrade --yes").succeeds();
    assert_eq!(installed(&host), packaged("1.0", target));

    let again = farm.farm.run(&["publish", bad.to_str().unwrap(), "--json"]);
    assert_eq!(code(&again), (1, "version-withdrawn".to_owned()));
    let again = farm.decide(&["withdraw", &version]).succeeds().json();
    assert_eq!(again["suites"], serde_json::json!([]), "once is enough");
    farm.is_sound();
    farm.publish(&hello("2.1", target), &["--channel", "stable"]);
    upgrade(&host, &farm);
    assert_eq!(installed(&host), packaged("2.1", target));
}

#[test]
fn a_withdrawn_version_is_kept_away_from_bookworm_hosts() {
    a_withdrawn_version_is_kept_away_from_hosts(Target::Bookworm);
}

#[test]
fn a_withdrawn_version_is_kept_away_from_trixie_hosts() {
    a_withdrawn_version_is_kept_away_from_hosts(Target::Trixie);
}

#[test]
fn a_version_can_leave_one_channel_alone() {
    let farm = Farm::two_channels();
    let target = Target::Bookworm;
    farm.publish(&hello("1.0", target), &[]);
    farm.decide(&["promote", PACKAGE]).succeeds();
    let version = format!("{PACKAGE}={}", packaged("1.0", target));
    let withdrawn = farm
        .decide(&["withdraw", &version, "--channel", "stable"])
        .succeeds()
        .json();
    assert_eq!(withdrawn["pinned"], false, "testing has it");
    assert_eq!(farm.has("bookworm-testing").len(), 1);
    assert!(farm.has("bookworm").is_empty());
    assert_eq!(
        code(&farm.decide(&["promote", PACKAGE])),
        (1, "version-withdrawn".to_owned())
    );
    let withdrawn = farm.decide(&["withdraw", &version]).succeeds().json();
    assert_eq!(withdrawn["suites"], serde_json::json!(["bookworm-testing"]));
    assert_eq!(withdrawn["pinned"], true);
    farm.is_sound();
}
