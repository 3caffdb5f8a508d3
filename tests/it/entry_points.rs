//! Wazo's extension points: after `apt install`, each fixture's entry points load in the target's own Python, from where the
//! services look. Their configuration is in `fixtures`.

use crate::farm::{Host, TestFarm};

/// A fixture, and the groups in which it has the entry point `fixture`.
const PLUGINS: &[(&str, &[&str])] = &[
    ("wazo-auth", &["wazo_auth.http", "wazo_auth.external_auth"]),
    ("wazo-calld", &["wazo_calld.plugins"]),
    ("wazo-confd", &["wazo_confd.plugins"]),
    ("wazo-confgend", &["wazo_confgend.asterisk.fixture.conf"]),
    ("wazo-dird", &["wazo_dird.backends", "wazo_dird.views"]),
];

/// Loads the entry points of a group as stevedore does, and starts each as a service would.
const LOAD: &str = "
import sys
from importlib.metadata import entry_points
for group in sys.argv[1:]:
    [found] = entry_points(group=group)
    found.load()().load({'config': {}})
    print(group, found.name)
";

#[test]
fn every_entry_point_loads_on_bookworm() {
    entry_points_load("bookworm");
}

#[test]
fn every_entry_point_loads_on_trixie() {
    entry_points_load("trixie");
}

fn entry_points_load(target: &str) {
    let farm = TestFarm::new();
    for (fixture, _) in PLUGINS {
        farm.publish(&farm.plugin(fixture), &["--target", target]);
    }
    let host = Host::new(&farm, target);
    host.stub("systemctl");
    let packages: Vec<_> = PLUGINS
        .iter()
        .map(|(name, _)| format!("wazo-plugind-{name}-fixtures"))
        .collect();
    let groups: Vec<_> = PLUGINS
        .iter()
        .flat_map(|(_, groups)| *groups)
        .copied()
        .collect();
    // The services run as users of their own, from no folder of ours.
    let load = format!(
        "cd / && setpriv --reuid=wazo-calld --regid=wazo-calld --clear-groups python3 -c \"{LOAD}\" {}",
        groups.join(" ")
    );
    assert_ne!(host.run(&load).code, 0, "not yet there");
    host.run(&format!("apt-get install --yes {}", packages.join(" ")))
        .succeeds();
    let loaded: String = groups
        .iter()
        .map(|group| format!("{group} fixture\n"))
        .collect();
    assert_eq!(host.run(&load).succeeds().stdout, loaded);
}
