//! Updates on a host: whose turn it is, what stays, and what is told when the farm cannot be asked.

use serde_json::json;

use crate::host_lab::{HelperHost, Plugin, TIG, install, install_version, package, update};

fn second() -> Plugin<'static> {
    Plugin {
        version: "2.0",
        ..Plugin::default()
    }
}

#[test]
fn an_update_honours_whose_turn_it_is_and_what_is_newer_here() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    lab.does(&install("hello"));
    lab.publish(&Plugin {
        version: "2.0",
        ..Plugin::default()
    });
    lab.host
        .run("echo 0123456789abcdef0123456789abcdef >/etc/machine-id")
        .succeeds();
    let two = lab.packaged("2.0");
    let named = format!("{}={two}", package("hello"));
    lab.farm
        .run(&["phase", &named, "0", "--by", "alice"])
        .succeeds();
    lab.host.serve(&lab.farm);
    let shown = lab.host.run("plugfarm-host update").succeeds().stdout;
    assert!(shown.contains("not this host's turn yet"), "{shown}");
    lab.farm
        .run(&["phase", &named, "100", "--by", "alice"])
        .succeeds();
    lab.host.serve(&lab.farm);
    let shown = lab
        .host
        .run("plugfarm-host update demo/hello")
        .succeeds()
        .stdout;
    assert_eq!(
        shown.lines().last().unwrap(),
        format!("demo/hello: {} to {two}", lab.packaged("1.0"))
    );
    // As wazo-plugind packages what it builds on the host.
    let control = "Package: wazo-plugind-hello-demo\\nVersion: 9.0\\nSection: wazo-plugind-plugin\\nArchitecture: all\\nMaintainer: x <x@x.x>\\nDescription: x\\n";
    lab.host
        .run(&format!(
            "mkdir -p /tmp/own/DEBIAN && printf '{control}' >/tmp/own/DEBIAN/control && dpkg-deb --build /tmp/own /tmp/own.deb && dpkg --install /tmp/own.deb"
        ))
        .succeeds();
    assert_eq!(lab.does(&update())["did"], "kept");
    assert_eq!(lab.does(&install("hello"))["did"], "kept");
    assert_eq!(lab.installed("hello"), "installed 9.0");
    assert_eq!(
        lab.does(&install_version("hello", &two))["did"],
        "downgraded"
    );
}

#[test]
fn the_agent_and_apt_agree_about_whose_turn_it_is() {
    let lab = HelperHost::new("bookworm", &[Plugin::default(), second()]);
    let (one, two) = (lab.packaged("1.0"), lab.packaged("2.0"));
    let named = format!("{}={two}", package("hello"));
    lab.farm
        .run(&["phase", &named, "50", "--by", "alice"])
        .succeeds();
    lab.host.serve(&lab.farm);
    lab.host.run("apt-get update").succeeds();
    let mut turns = Vec::new();
    for machine in 1..=6 {
        lab.does(&install_version("hello", &one));
        lab.host
            .run(&format!("echo {machine:032x} >/etc/machine-id"))
            .succeeds();
        let simulated = lab.host.run("apt-get --simulate upgrade").succeeds().stdout;
        let due = simulated.contains("Inst wazo-plugind-hello-demo");
        assert_eq!(lab.does(&update())["did"] == "upgraded", due, "{simulated}");
        turns.push(due);
    }
    assert!(turns.contains(&true) && turns.contains(&false), "{turns:?}");
}

#[test]
fn a_held_plugin_stays_and_an_explicit_request_says_why() {
    let lab = HelperHost::new("bookworm", &[Plugin::default(), second()]);
    lab.does(&install_version("hello", &lab.packaged("1.0")));
    lab.host
        .run(&format!("apt-mark hold {}", package("hello")))
        .succeeds();
    assert_eq!(lab.does(&update())["did"], "kept");
    assert_eq!(lab.fails(&install("hello"))["code"], "held");
    // What the administrator pins stays as well, and phasing is not taken for a pin.
    lab.host
        .run(&format!(
            "apt-mark unhold {name} && printf 'Package: {name}\\nPin: version 1.0*\\nPin-Priority: 990\\n' >/etc/apt/preferences.d/own",
            name = package("hello")
        ))
        .succeeds();
    let kept = lab.does(&update());
    let reason = kept["reason"].as_str().unwrap();
    assert!(reason.contains("a pin of apt keeps 2.0"), "{reason}");
    lab.host.run("rm /etc/apt/preferences.d/own").succeeds();
    assert_eq!(lab.does(&update())["did"], "upgraded");
}

#[test]
fn what_is_not_known_because_the_farm_is_away_is_told_as_that() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    lab.host.run("mv /srv/apt /srv/away").succeeds();
    let failure = lab.fails(&install_version("hello", "9.0-1"));
    assert_eq!(
        (&failure["cause"], &failure["code"]),
        (&json!("farm"), &json!("unreachable")),
        "{failure:#}"
    );
    // The index is here, the package is not.
    assert_eq!(lab.fails(&install("hello"))["cause"], "farm");
    lab.host.run("mv /srv/away /srv/apt").succeeds();
    assert_eq!(lab.does(&install("hello"))["did"], "installed");
}

#[test]
fn what_a_new_version_needs_of_debian_is_found_though_the_host_has_not_heard_of_it() {
    let lab = HelperHost::new("bookworm", &[Plugin::default()]);
    let mirror = |version: &str| {
        let publish = format!("cat >/tmp/tig <<'END'\n{TIG}END\nsh /tmp/tig {version}");
        lab.host.run(&publish).succeeds();
    };
    mirror("1.0");
    // Its lists are copies, as those of a mirror elsewhere are.
    lab.host
        .run("echo 'deb [trusted=yes] copy:/srv/debian ./' >/etc/apt/sources.list && apt-get update --error-on=any")
        .succeeds();
    lab.does(&install("hello"));
    lab.publish(&Plugin {
        manifest: "debian_depends: ['tig (>= 2.0)']\n",
        ..second()
    });
    mirror("2.0");
    lab.report(&json!({"verb": "refresh"}));
    assert_eq!(lab.does(&update())["did"], "upgraded");
    assert_eq!(lab.host.status("tig"), "install ok installed");
}
