//! What apt is asked for, request by request.

use super::*;
use crate::apt::PackageState;
use crate::deb::control::Paragraph;
use crate::model::{FarmName, Sha256};

fn plugin(text: &str) -> PluginId {
    text.parse().unwrap()
}

fn offer(id: &str, version: &str) -> Available {
    let plugin = plugin(id);
    Available {
        package: plugin.package(),
        version: DebianVersion::new(version).unwrap(),
        plugin_version: None,
        min_wazo_version: None,
        max_wazo_version: None,
        sha256: Sha256::of(version.as_bytes()),
        size: 0,
        phased: None,
        fields: Paragraph::parse("A: 1").unwrap(),
        farm: FarmName::local(),
        repository: "http://farm/".to_owned(),
        suite: "bookworm".to_owned(),
        approvals: Default::default(),
        plugin,
    }
}

fn installed(id: &str, version: &str) -> Installed {
    let plugin = plugin(id);
    Installed {
        package: plugin.package(),
        version: DebianVersion::new(version).unwrap(),
        state: PackageState::Installed,
        reinstall_required: false,
        held: false,
        plugin,
        plugin_version: None,
        from_farm: true,
    }
}

fn host(plugins: Vec<Installed>) -> Packages {
    Packages {
        plugins,
        unfinished: Vec::new(),
    }
}

/// The highest version first, as `apt` gives them.
fn offers() -> Vec<Available> {
    vec![offer("demo/a", "2.0"), offer("demo/a", "1.0")]
}

/// What apt is called with, or why it is not called.
fn wanted(goal: &Goal) -> String {
    match &goal.aim {
        Aim::Stay { reason } => format!("stay: {}", reason.as_deref().unwrap_or("as asked")),
        _ => [goal.options(), vec![goal.word().as_str()]]
            .concat()
            .join(" "),
    }
}

fn install_on(have: Vec<Installed>, version: Option<&str>, reinstall: bool) -> String {
    let version = version.map(|version| DebianVersion::new(version).unwrap());
    let asked = plugin("demo/a");
    match install(&asked, version.as_ref(), reinstall, &host(have), &offers()) {
        Ok(goal) => wanted(&goal),
        Err(refusal) => format!("{}; {}", refusal.message, refusal.hint),
    }
}

#[test]
fn an_installation_names_the_exact_version() {
    insta::assert_snapshot!(install_on(vec![], None, false), @"wazo-plugind-a-demo=2.0");
    insta::assert_snapshot!(install_on(vec![], Some("1.0"), false), @"wazo-plugind-a-demo=1.0");
    insta::assert_snapshot!(install_on(vec![], Some("3.0"), false), @"no farm that this host follows offers demo/a in version 3.0; choose one of: 2.0, 1.0");
}

#[test]
fn only_an_exact_version_is_a_downgrade() {
    let have = |version| vec![installed("demo/a", version)];
    insta::assert_snapshot!(install_on(have("2.0"), Some("1.0"), false), @"--allow-downgrades wazo-plugind-a-demo=1.0");
    insta::assert_snapshot!(install_on(have("3.0"), None, false), @"stay: 3.0 is installed, which is higher than the farm's");
    insta::assert_snapshot!(install_on(have("3.0"), None, true), @"no farm that this host follows offers demo/a in version 3.0; choose one of: 2.0, 1.0");
}

#[test]
fn what_is_there_already_is_installed_again_only_if_that_is_asked_or_needed() {
    let have = || installed("demo/a", "2.0");
    insta::assert_snapshot!(install_on(vec![have()], None, false), @"stay: as asked");
    insta::assert_snapshot!(install_on(vec![have()], None, true), @"--reinstall wazo-plugind-a-demo=2.0");
    let local = Installed {
        from_farm: false,
        ..have()
    };
    insta::assert_snapshot!(install_on(vec![local], None, false), @"--reinstall wazo-plugind-a-demo=2.0");
    let half = Installed {
        state: PackageState::HalfConfigured,
        ..have()
    };
    insta::assert_snapshot!(install_on(vec![half.clone()], None, false), @"wazo-plugind-a-demo=2.0");
    insta::assert_snapshot!(install_on(vec![half], None, true), @"wazo-plugind-a-demo=2.0");
    let damaged = Installed {
        state: PackageState::HalfInstalled,
        reinstall_required: true,
        ..have()
    };
    insta::assert_snapshot!(install_on(vec![damaged], None, false), @"--reinstall wazo-plugind-a-demo=2.0");
}

#[test]
fn what_no_farm_offers_is_not_installed() {
    let refusal = install(&plugin("demo/b"), None, false, &host(vec![]), &offers());
    assert_eq!(refusal.unwrap_err().code, RefusalCode::UnknownPlugin);
}

#[test]
fn only_what_is_installed_is_removed() {
    let gone = Installed {
        state: PackageState::ConfigFiles,
        ..installed("demo/a", "1.0")
    };
    for packages in [host(vec![]), host(vec![gone])] {
        let refusal = remove(&plugin("demo/a"), &packages).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::NotInstalled);
    }
    let goal = remove(&plugin("demo/a"), &host(vec![installed("demo/a", "1.0")]));
    assert_eq!(wanted(&goal.unwrap()), "wazo-plugind-a-demo");
}

fn update_on(have: Vec<Installed>, offers: &[Available]) -> Vec<String> {
    let (id, policies) = ("0123456789abcdef0123456789abcdef", Policies::default());
    let goals = update(&[], &host(have), offers, &policies, id);
    goals.unwrap().iter().map(wanted).collect()
}

#[test]
fn an_update_brings_what_is_higher_and_keeps_the_rest() {
    let held = Installed {
        held: true,
        ..installed("demo/a", "1.0")
    };
    let local = Installed {
        from_farm: false,
        ..installed("demo/a", "9.0")
    };
    let half = Installed {
        state: PackageState::HalfConfigured,
        ..installed("demo/a", "2.0")
    };
    for (have, expected) in [
        (installed("demo/a", "1.0"), "wazo-plugind-a-demo=2.0"),
        (installed("demo/a", "2.0"), "stay: as asked"),
        (
            held,
            "stay: it is held (`apt-mark hold`), so that 2.0 is not installed",
        ),
        (local, "stay: a higher version than the farm's is installed"),
        (half, "wazo-plugind-a-demo=2.0"),
        (installed("demo/b", "1.0"), "stay: no farm offers it"),
    ] {
        assert_eq!(update_on(vec![have], &offers()), [expected]);
    }
}

#[test]
fn an_update_waits_for_this_hosts_turn() {
    let mut offers = offers();
    offers[0].phased = Some(0);
    let have = || vec![installed("demo/a", "1.0")];
    let expected = "stay: 2.0 is there, and it is not this host's turn yet";
    assert_eq!(update_on(have(), &offers), [expected]);
    // The version before the one that is phased is there for everybody.
    offers.insert(1, offer("demo/a", "1.5"));
    assert_eq!(update_on(have(), &offers), ["wazo-plugind-a-demo=1.5"]);
}

#[test]
fn an_update_follows_the_administrators_pins() {
    let pinned = |answer: &str| {
        let policies = Policies::read(&format!("wazo-plugind-a-demo:\n{answer}"));
        let (have, mut offers) = (host(vec![installed("demo/a", "1.0")]), offers());
        offers.insert(1, offer("demo/a", "1.5"));
        let goals = update(&[], &have, &offers, &policies, "");
        wanted(&goals.unwrap()[0])
    };
    assert_eq!(pinned("  Candidate: 1.5\n"), "wazo-plugind-a-demo=1.5");
    let kept = pinned("  Candidate: 1.0\n");
    assert_eq!(
        kept,
        "stay: a pin of apt keeps 2.0 away; `apt-cache policy` says what is pinned"
    );
    let never = "  Candidate: 2.0\n  Version table:\n     2.0 -1\n";
    assert_eq!(pinned(never), "wazo-plugind-a-demo=1.5");
}

#[test]
fn an_update_of_what_is_not_installed_is_refused() {
    let named = [plugin("demo/a"), plugin("demo/b")];
    let packages = host(vec![installed("demo/a", "1.0")]);
    let refusal = update(&named, &packages, &offers(), &Policies::default(), "").unwrap_err();
    assert_eq!(refusal.message, "the plugin demo/b is not installed");
}
