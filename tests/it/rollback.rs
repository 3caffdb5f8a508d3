//! The way back: an older payload above a bad version.

use std::process::Command;

use plugfarm::model::{PluginVersion, Target};

use crate::channels_lab::{Farm, PACKAGE, code, hello, installed, packaged, upgrade};
use crate::farm::Host;
use crate::repo_lab::files;

const CONTENT: &str = "/usr/lib/wazo-plugind/plugins/demo/hello/content";

fn hosts_go_back_to_the_old_payload_by_plain_upgrade(target: Target) {
    let farm = Farm::two_channels();
    farm.publish(&hello("1.0", target), &["--channel", "stable"]);
    let host = Host::new(&farm.farm, target.codename());
    let content = || {
        host.run(&format!("cat {CONTENT} && md5sum {CONTENT}"))
            .succeeds()
            .stdout
    };
    let tree = || {
        let list = format!(
            "dpkg --listfiles {PACKAGE} | sort | while read f; do [ -f \"$f\" ] && sha256sum \"$f\"; done; true"
        );
        host.run(&list).succeeds().stdout
    };
    host.run(&format!("apt-get install --yes {PACKAGE}"))
        .succeeds();
    let (before, old) = (content(), tree());
    farm.publish(&hello("2.0", target), &["--channel", "stable"]);
    upgrade(&host, &farm);
    assert_eq!(installed(&host), packaged("2.0", target));
    assert_ne!(content(), before);

    let rolled_back = farm.decide(&["rollback", PACKAGE]).succeeds().json();
    let rolled_back = &rolled_back["rolled_back"][0];
    let back = format!("{}+really1.0", packaged("2.0", target));
    assert_eq!(rolled_back["version"], back.as_str());
    assert_eq!(rolled_back["to"], packaged("1.0", target).as_str());
    upgrade(&host, &farm);
    assert_eq!(installed(&host), back);
    assert_eq!(content(), before);
    assert_eq!(tree(), old, "every file of the package");
    farm.is_sound();

    // Its evidence leads to the commit of the old one.
    let pool = farm.farm.repository().join("pool").join(PACKAGE);
    let debs = files(&pool);
    let deb = debs.iter().find(|name| name.contains("really")).unwrap();
    let verified = farm
        .farm
        .run(&["verify", pool.join(deb).to_str().unwrap(), "--json"]);
    let verified = verified.succeeds().json();
    assert_eq!(verified["version"], back.as_str());
    assert_eq!(verified["plugin_version"], "1.0");
    assert_eq!(
        verified["rollback"]["original_version"],
        packaged("1.0", target).as_str()
    );
    assert_eq!(verified["rollback"]["reason"], "because");

    // The next real one is an upgrade, be it only a revision.
    farm.publish(&hello("2.0-1", target), &["--channel", "stable"]);
    upgrade(&host, &farm);
    assert_eq!(installed(&host), format!("2.0-1+deb{}u1", target.release()));
}

#[test]
fn bookworm_hosts_go_back_to_the_old_payload_by_plain_upgrade() {
    hosts_go_back_to_the_old_payload_by_plain_upgrade(Target::Bookworm);
}

#[test]
fn trixie_hosts_go_back_to_the_old_payload_by_plain_upgrade() {
    hosts_go_back_to_the_old_payload_by_plain_upgrade(Target::Trixie);
}

#[test]
fn a_rollback_goes_where_it_can() {
    let farm = Farm::two_channels();
    let target = Target::Bookworm;
    let nothing = (2, "not-published".to_owned());
    assert_eq!(code(&farm.decide(&["rollback", PACKAGE])), nothing);
    farm.publish(&hello("0.5", target), &[]);
    farm.publish(&hello("1.0", target), &[]);
    farm.decide(&["promote", PACKAGE]).succeeds();
    assert_eq!(
        code(&farm.decide(&["rollback", PACKAGE])),
        nothing,
        "nothing is older"
    );
    farm.publish(&hello("2.0", target), &[]);
    farm.decide(&["promote", PACKAGE]).succeeds();
    farm.publish(&hello("3.0", target), &[]);
    let to =
        |text: &str| code(&farm.decide(&["rollback", PACKAGE, "--to", &packaged(text, target)]));
    assert_eq!(to("2.0"), nothing, "it is the bad one");
    assert_eq!(to("0.1"), nothing);
    assert_eq!(to("0.5"), nothing, "nobody has approved it for stable");

    // Testing has something higher, and goes on with that.
    let done = farm.decide(&["rollback", PACKAGE]).succeeds().json();
    assert_eq!(
        done["rolled_back"][0]["suites"],
        serde_json::json!(["bookworm"])
    );
    assert_eq!(
        farm.has("bookworm-testing"),
        ["0.5", "1.0", "3.0"].map(|one| packaged(one, target))
    );
    farm.decide(&["promote", PACKAGE]).succeeds();
    let done = farm.decide(&["rollback", PACKAGE]).succeeds().json();
    // The good one before was itself brought back: it is 1.0 all the same.
    let version = format!("{}+really1.0", packaged("3.0", target));
    assert_eq!(done["rolled_back"][0]["version"], version.as_str());
    assert_eq!(
        done["rolled_back"][0]["suites"].as_array().unwrap().len(),
        2,
        "testing too"
    );
    farm.is_sound();
    assert_eq!(to("2.0"), nothing, "it was withdrawn");
}

#[test]
fn dpkg_sorts_what_is_brought_back_between_the_bad_and_the_next() {
    let packaged = |text: &str| {
        PluginVersion::new(text)
            .unwrap()
            .packaged(Target::Bookworm, 1)
    };
    let lower = |one: &str, other: &str| {
        let arguments = ["--compare-versions", one, "lt", other];
        Command::new("dpkg")
            .args(arguments)
            .status()
            .unwrap()
            .success()
    };
    for (bad, next) in [
        ("2.0", "2.0-1"),
        ("2.0", "2.0.0"),
        ("2.0", "2.0a"),
        ("2.0", "2.0+git1"),
        ("2.0-1", "2.0-1.1"),
        ("2.0-1", "2.0-2"),
        ("2.0~rc1", "2.0~rc2"),
        ("2.0~rc1", "2.0"),
        ("1:2.0", "1:2.1~a"),
        ("9", "10"),
        ("9", "1:0"),
    ] {
        for old in ["1.0", "1.0-1", "0:1.0~rc1", "3.0"] {
            let (bad, next) = (packaged(bad), packaged(next));
            let back = bad
                .bringing_back(&PluginVersion::new(old).unwrap())
                .unwrap();
            assert!(lower(bad.as_str(), back.as_str()), "{bad} {back}");
            assert!(lower(back.as_str(), next.as_str()), "{back} {next}");
        }
    }
}

#[test]
fn a_rollback_that_is_killed_at_any_step_has_happened_or_has_not() {
    let farm = Farm::two_channels();
    let target = Target::Bookworm;
    farm.publish(&hello("1.0", target), &["--channel", "stable"]);
    let mut kills = 0;
    for n in 1.. {
        farm.publish(&hello(&format!("2.{n}"), target), &["--channel", "stable"]);
        let killed = farm.killed_at(n, &["rollback", PACKAGE, "--reason", "because"]);
        // Whoever comes next completes what was committed.
        let version = format!("{PACKAGE}={}", packaged("1.0", target));
        farm.farm
            .run(&["phase", &version, "100", "--by", "alice"])
            .succeeds();
        let found = farm.has("bookworm");
        let bad = packaged(&format!("2.{n}"), target);
        let back = found
            .iter()
            .any(|one| one.starts_with(&format!("{bad}+really")));
        assert_ne!(found.contains(&bad), back, "{n}: {found:?}");
        farm.is_sound();
        if !killed {
            assert!(back);
            break;
        }
        kills += 1;
    }
    assert!(kills >= 15, "every rename of a rollback was hit: {kills}");
}
