//! How packages go through the channels, as the real program does it and as apt of a host sees it.

use plugfarm::model::{Sha256, Target};
use serde_json::Value;

use crate::channels_lab::{
    Farm, PACKAGE, candidate, code, follow, hello, installed, packaged, upgrade,
};
use crate::farm::Host;
use crate::repo_lab::{Package, files};

fn a_package_reaches_hosts_when_it_is_promoted(target: Target) {
    let farm = Farm::two_channels();
    farm.publish(&hello("0.9", target), &["--channel", "stable"]);
    let deb = farm.publish(&hello("1.0", target), &[]);
    let testing = format!("{target}-testing");
    assert_eq!(farm.has(&testing), [packaged("1.0", target)]);
    let host = Host::new(&farm.farm, target.codename());
    assert_eq!(candidate(&host), packaged("0.9", target));

    let pool = || files(&farm.farm.repository().join("pool").join(PACKAGE));
    let before = pool();
    let promoted = farm.decide(&["promote", PACKAGE]).succeeds().json();
    assert_eq!(promoted["promoted"][0]["suite"], target.codename());
    assert_eq!(promoted["promoted"][0]["missing"], 0);
    assert_eq!(pool(), before, "the same bytes");
    follow(&host, &farm);
    host.run(&format!("apt-get install --yes {PACKAGE}"))
        .succeeds();
    assert_eq!(installed(&host), packaged("1.0", target));

    let verified = farm.farm.run(&["verify", deb.to_str().unwrap(), "--json"]);
    let approval = verified.succeeds().json()["approvals"][0].clone();
    assert_eq!(
        (&approval["by"], &approval["reason"]),
        (&"alice".into(), &"because".into())
    );
    assert_eq!(
        (&approval["from"], &approval["to"]),
        (&"testing".into(), &"stable".into())
    );
    farm.is_sound();
    let again = farm.decide(&["promote", PACKAGE]).succeeds().json();
    assert_eq!(
        again["promoted"][0]["approvals"],
        serde_json::json!([]),
        "it is there already"
    );
}

#[test]
fn a_package_reaches_bookworm_hosts_when_it_is_promoted() {
    a_package_reaches_hosts_when_it_is_promoted(Target::Bookworm);
}

#[test]
fn a_package_reaches_trixie_hosts_when_it_is_promoted() {
    a_package_reaches_hosts_when_it_is_promoted(Target::Trixie);
}

#[test]
fn what_must_not_be_promoted_is_not() {
    let farm = Farm::two_channels();
    let target = Target::Bookworm;
    let refused = |arguments: &[&str]| code(&farm.decide(arguments));
    let not_published = (2, "not-published".to_owned());
    let usage = (2, "usage".to_owned());
    assert_eq!(refused(&["promote", PACKAGE]), not_published);
    farm.publish(&hello("1.0", target), &[]);
    farm.publish(&hello("1.1", target), &[]);
    farm.decide(&["promote", PACKAGE]).succeeds();
    let version = |text: &str| format!("{PACKAGE}={}", packaged(text, target));
    let lower = refused(&["promote", &version("1.0")]);
    assert_eq!(lower, (1, "version-not-higher".to_owned()));
    assert_eq!(refused(&["promote", &version("3.0")]), not_published);
    assert_eq!(
        refused(&["promote", PACKAGE, "--target", "trixie"]),
        not_published
    );
    assert_eq!(refused(&["promote", PACKAGE, "--from", "stable"]), usage);
    assert_eq!(
        refused(&["promote", PACKAGE, "--from", "stable", "--to", "testing"]),
        usage
    );
    assert_eq!(refused(&["promote", PACKAGE, "--to", "nowhere"]), usage);
    assert_eq!(refused(&["promote", "plugfarm-local-keyring"]), usage);
    assert_eq!(refused(&["promote", "../x"]), usage);
    assert_eq!(farm.has("bookworm"), [packaged("1.1", target)]);
}

#[test]
fn what_is_no_more_what_was_signed_is_not_promoted() {
    let target = Target::Bookworm;
    let spoil: [(&str, &str); 2] = [("pool", ".deb"), ("attestations", ".intoto.jsonl")];
    for (folder, ending) in spoil {
        let farm = Farm::two_channels();
        farm.publish(&hello("1.0", target), &[]);
        let other = farm.publish(&Package::new("other", "1.0"), &[]);
        let digest = Sha256::of(&fs_err::read(farm.make(&hello("1.0", target))).unwrap());
        let root = farm.farm.repository().join(folder);
        let files = files(&root);
        let own = |name: &&String| name.contains(PACKAGE) || name.contains(&digest.to_string());
        let name = files.iter().find(own).unwrap();
        assert!(name.ends_with(ending));
        // What the farm has signed for somebody else is no better than what it has not signed at all.
        fs_err::copy(
            other.with_extension(ending.trim_start_matches('.')),
            root.join(name),
        )
        .unwrap();
        let refused = farm.decide(&["promote", PACKAGE]);
        assert_eq!(
            code(&refused),
            (1, "evidence-invalid".to_owned()),
            "{}",
            refused.stdout
        );
        assert!(farm.has("bookworm").is_empty());
    }
}

#[test]
fn a_second_person_must_approve_where_two_are_asked_for() {
    let farm = Farm::new(", channels: [testing, stable], approvals: 2");
    let target = Target::Bookworm;
    let deb = farm.publish(&hello("1.0", target), &[]);
    let needed = (2, "approval-needed".to_owned());
    let direct = [
        "publish",
        deb.to_str().unwrap(),
        "--channel",
        "stable",
        "--json",
    ];
    assert_eq!(code(&farm.farm.run(&direct)), needed, "no way around it");

    let promote = |by: &str| {
        let arguments = ["promote", PACKAGE, "--by", by, "--reason", "good", "--json"];
        farm.farm.run(&arguments)
    };
    let first = promote("alice").succeeds().json();
    assert_eq!(first["promoted"][0]["missing"], 1);
    let shown = farm.farm.run(&["repo", "show", "--json"]).succeeds().json();
    assert_eq!(shown["pending"][0]["approvals"][0]["by"], "alice");
    assert!(farm.has("bookworm").is_empty());
    farm.is_sound();
    for same in ["alice", "Alice", " ALICE "] {
        assert_eq!(code(&promote(same)), needed, "{same:?}");
    }
    for nobody in ["al ice", "", "a\u{200b}lice"] {
        assert_eq!(promote(nobody).code, 2, "{nobody:?}");
    }
    assert!(farm.has("bookworm").is_empty());

    let approvals = farm.farm.repository().join("approvals");
    let kept = approvals.join(&files(&approvals)[0]);
    let good = fs_err::read(&kept).unwrap();
    fs_err::copy(deb.with_extension("intoto.jsonl"), &kept).unwrap();
    assert_eq!(promote("bob").code, 1, "what was approved is another thing");
    fs_err::write(&kept, good).unwrap();

    let second = promote("bob").succeeds().json();
    assert_eq!(second["promoted"][0]["missing"], 0);
    assert_eq!(farm.has("bookworm"), [packaged("1.0", target)]);
    let shown = farm.farm.run(&["repo", "show", "--json"]).succeeds().json();
    assert_eq!(shown["pending"], serde_json::json!([]));
    let verified = farm.farm.run(&["verify", deb.to_str().unwrap(), "--json"]);
    let verified = verified.succeeds().json();
    let by: Vec<_> = verified["approvals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["by"].clone())
        .collect();
    assert_eq!(by, [Value::from("alice"), Value::from("bob")]);
    farm.is_sound();
}

#[test]
fn a_hostile_reason_is_refused_and_changes_nothing() {
    let farm = Farm::two_channels();
    farm.publish(&hello("1.0", Target::Bookworm), &[]);
    let long = "a".repeat(100_000);
    for reason in [
        "",
        " ",
        "a\nPin-Priority: 1001",
        "\u{1b}[2J",
        "a\u{202e}b",
        &long,
    ] {
        let arguments = ["promote", PACKAGE, "--by", "alice", "--reason", reason];
        let refused = farm.farm.run(&arguments);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(!refused.stderr.contains("\u{1b}[2J"));
    }
    assert!(farm.has("bookworm").is_empty());
}

fn phasing_is_honoured_by_hosts(target: Target) {
    let farm = Farm::two_channels();
    farm.publish(&hello("1.0", target), &["--channel", "stable"]);
    let host = Host::new(&farm.farm, target.codename());
    host.run("echo 0123456789abcdef0123456789abcdef >/etc/machine-id")
        .succeeds();
    host.run(&format!("apt-get install --yes {PACKAGE}"))
        .succeeds();
    farm.publish(&hello("2.0", target), &[]);
    farm.decide(&["promote", PACKAGE, "--phase", "0"])
        .succeeds();
    upgrade(&host, &farm);
    assert_eq!(installed(&host), packaged("1.0", target), "nobody's turn");
    let version = format!("{PACKAGE}={}", packaged("2.0", target));
    let phase = |percent: &str| {
        let arguments = ["phase", &version, percent, "--by", "alice", "--json"];
        farm.farm.run(&arguments)
    };
    phase("100").succeeds();
    let index = farm
        .farm
        .repository()
        .join(format!("dists/{target}/main/binary-amd64/Packages"));
    assert!(
        !fs_err::read_to_string(index)
            .unwrap()
            .contains("Phased-Update-Percentage")
    );
    upgrade(&host, &farm);
    assert_eq!(installed(&host), packaged("2.0", target));
    assert_eq!(phase("101").code, 2);
    assert_eq!(phase("-1").code, 2);
    farm.is_sound();
}

#[test]
fn phasing_is_honoured_by_bookworm_hosts() {
    phasing_is_honoured_by_hosts(Target::Bookworm);
}

#[test]
fn phasing_is_honoured_by_trixie_hosts() {
    phasing_is_honoured_by_hosts(Target::Trixie);
}
