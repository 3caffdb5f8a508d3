//! The farm's own package: what it brings to hosts, and how its version rises.

use std::process::Command;

use plugfarm::model::{Sha256, Target};

use crate::repo_lab::{Lab, Package, open, publish_in, suite};

fn dpkg_deb(arguments: &[&str]) -> String {
    let output = Command::new("dpkg-deb").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn versions(lab: &Lab, target: Target) -> Vec<String> {
    let history = lab.repository.history("plugfarm-local-keyring", target);
    let history = history.unwrap();
    history.iter().map(|one| one.version.to_string()).collect()
}

/// Publishes nothing but the keyring, at another address than before.
fn move_to(lab: &Lab, url: &str, target: Target) {
    let (keys, repository) = open(lab.folder.path(), |settings| {
        settings.url = Some(url.to_owned());
    });
    publish_in(&repository, &keys, &suite(target), &[], lab.tick()).unwrap();
}

#[test]
fn it_brings_the_keys_the_source_and_a_pin() {
    let lab = Lab::with_settings(|settings| {
        settings.url = Some("https://apt.example.org/plugins".to_owned());
    });
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let deb = lab.keyring(Target::Bookworm);
    let deb = deb.to_str().unwrap();
    let out = lab.folder.path().join("unpacked");
    dpkg_deb(&["--extract", deb, out.to_str().unwrap()]);
    let read = |path: &str| fs_err::read_to_string(out.join(path)).unwrap();
    insta::assert_snapshot!(read("etc/apt/sources.list.d/plugfarm-local.sources"), @"
    # The plugins that the farm local builds and signs.
    Types: deb
    URIs: https://apt.example.org/plugins
    Suites: bookworm
    Components: main
    Signed-By: /usr/share/keyrings/plugfarm-local.gpg
    ");
    insta::assert_snapshot!(read("etc/apt/preferences.d/plugfarm-local.pref"), @"
    Package: *
    Pin: release o=plugfarm-local
    Pin-Priority: -1

    Package: wazo-plugind-* plugfarm-*
    Pin: release o=plugfarm-local
    Pin-Priority: 500
    ");
    let public = lab.keys.public();
    assert_eq!(
        read("usr/share/plugfarm/local/statement.pem"),
        public.statement_pem
    );
    let keyring = fs_err::read(out.join("usr/share/keyrings/plugfarm-local.gpg")).unwrap();
    assert_eq!(keyring, public.archive_keyring);
    insta::assert_snapshot!(dpkg_deb(&["--field", deb]), @"
    Package: plugfarm-local-keyring
    Version: 1+deb12
    Architecture: all
    Maintainer: Test Farm <farm@example.org>
    Installed-Size: 17
    Section: misc
    Priority: optional
    Description: keys and sources of the plugin farm local
     apt trusts the farm's repository by the archive key in this package, and
     follows the farm when it changes its keys. A pin keeps the repository to
     plugins.
    ");
    insta::assert_snapshot!(dpkg_deb(&["--info", deb, "conffiles"]), @"
    /etc/apt/preferences.d/plugfarm-local.pref
    /etc/apt/sources.list.d/plugfarm-local.sources
    ");
}

#[test]
fn it_is_at_a_name_that_never_changes_for_the_first_trust() {
    let lab = Lab::new();
    for target in Target::ALL {
        lab.publish(&Package::new("hello", "1.0").with(|p| p.target = target))
            .unwrap();
        let first = fs_err::read(lab.keyring(target)).unwrap();
        let published = lab.repository.history("plugfarm-local-keyring", target);
        assert_eq!(Sha256::of(&first), published.unwrap()[0].sha256);
    }
    let public = lab.keys.public();
    let key = fs_err::read(lab.path("plugfarm-local.gpg")).unwrap();
    assert_eq!(key, public.archive_keyring);
    assert_eq!(
        lab.text("plugfarm-local-statement.pem"),
        public.statement_pem
    );
}

#[test]
fn its_version_rises_when_its_content_changes_and_only_then() {
    let lab = Lab::with_settings(|settings| settings.url = Some("http://one/".to_owned()));
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    lab.publish(&Package::new("hello", "1.1")).unwrap();
    assert_eq!(versions(&lab, Target::Bookworm), ["1+deb12"]);
    move_to(&lab, "http://two/", Target::Bookworm);
    move_to(&lab, "http://two/", Target::Bookworm);
    assert_eq!(versions(&lab, Target::Bookworm), ["1+deb12", "2+deb12"]);
    // Back again is a change, too.
    move_to(&lab, "http://one/", Target::Bookworm);
    assert_eq!(
        versions(&lab, Target::Bookworm),
        ["1+deb12", "2+deb12", "3+deb12"]
    );
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn a_host_that_moves_to_the_next_release_gets_a_higher_version() {
    let lab = Lab::with_settings(|settings| settings.url = Some("http://one/".to_owned()));
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    move_to(&lab, "http://two/", Target::Bookworm);
    move_to(&lab, "http://two/", Target::Trixie);
    assert_eq!(versions(&lab, Target::Trixie), ["3+deb13"]);
    move_to(&lab, "http://two/", Target::Bookworm);
    assert_eq!(versions(&lab, Target::Bookworm), ["1+deb12", "2+deb12"]);
}
