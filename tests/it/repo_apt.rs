//! The repository as apt of bookworm and trixie sees it: trusted, updated, installed from, and attacked.

use std::process::Command;
use std::time::Duration;

use plugfarm::model::Target;
use plugfarm::repo::Settings;
use plugfarm::sign::Keys;

use crate::repo_host::{Host, URL, docker};
use crate::repo_lab::{Lab, Package, clock, publish_in, suite};

pub(crate) const PACKAGE: &str = "wazo-plugind-hello-demo";

pub(crate) fn lab() -> Lab {
    Lab::with_settings(|settings| settings.url = Some(URL.to_owned()))
}

pub(crate) fn hello(version: &str, target: Target) -> Package {
    Package::new("hello", version).with(|package| package.target = target)
}

/// Publishes at the real time, as apt has no other.
pub(crate) fn publish(lab: &Lab, package: &Package) {
    lab.publish_at(package, clock()).unwrap();
}

fn a_host_trusts_updates_installs_and_upgrades(target: Target) {
    let lab = lab();
    publish(&lab, &hello("1.0", target));
    let host = Host::trusting(&lab, target);
    host.update();
    host.run(&format!("apt-get install --yes {PACKAGE}"))
        .succeeds();
    let release = target.release();
    assert_eq!(host.version(PACKAGE), format!("1.0-0+deb{release}u1"));
    let served = host.run("cat /tmp/served").succeeds();
    assert!(
        served.contains("/main/binary-amd64/by-hash/SHA256/"),
        "{served}"
    );
    assert!(
        !served.contains("binary-all"),
        "one index is enough: {served}"
    );

    publish(&lab, &hello("1.1", target));
    host.update();
    host.run("apt-get upgrade --yes").succeeds();
    assert_eq!(host.version(PACKAGE), format!("1.1-0+deb{release}u1"));
    let audit = host.run("dpkg --audit").succeeds();
    assert_eq!(audit, "");
}

#[test]
fn a_bookworm_host_trusts_updates_installs_and_upgrades() {
    a_host_trusts_updates_installs_and_upgrades(Target::Bookworm);
}

#[test]
fn a_trixie_host_trusts_updates_installs_and_upgrades() {
    a_host_trusts_updates_installs_and_upgrades(Target::Trixie);
}

/// A host that was given keys and an address, in place of the keyring package.
fn told_by_hand(lab: &Lab, target: Target, keys: &[&Keys]) -> Host {
    let host = Host::new(target, lab.root());
    for (n, keys) in keys.iter().enumerate() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), &keys.public().archive_keyring).unwrap();
        let to = format!("{}:/etc/apt/trusted.gpg.d/{n}.gpg", host.id);
        docker(&["cp", file.path().to_str().unwrap(), &to]).succeeds();
    }
    host.run(&format!(
        "chmod 644 /etc/apt/trusted.gpg.d/*.gpg
         echo 'deb {URL} {target} main' >/etc/apt/sources.list.d/farm.list"
    ))
    .succeeds();
    host
}

/// `Signed-By` in a Release is about the next one, and apt heeds it until `Valid-Until`.
#[test]
fn a_host_that_knows_several_keys_takes_the_farms_own_alone() {
    for target in Target::ALL {
        let valid = |settings: &mut Settings| {
            settings.url = Some(URL.to_owned());
            settings.valid_for = Some(Duration::from_secs(3600));
        };
        let (lab, other) = (Lab::with_settings(valid), Lab::with_settings(valid));
        publish(&lab, &hello("1.0", target));
        let host = told_by_hand(&lab, target, &[&lab.keys, &other.keys]);
        let update = "apt-get update --error-on=any";
        host.run(update).succeeds();
        publish(&lab, &hello("1.1", target));
        host.run(update).succeeds();
        let policy = host.run(&format!("apt-cache policy {PACKAGE}")).succeeds();
        assert!(policy.contains("Candidate: 1.1-0"), "{policy}");

        // apt asks only for what is newer than what it has, in seconds.
        std::thread::sleep(Duration::from_secs(2));
        publish(&other, &hello("2.0", target));
        let place = format!("{}/.", other.root().display());
        let copied = Command::new("cp")
            .args(["-a", &place])
            .arg(lab.root())
            .status();
        assert!(copied.unwrap().success());
        let refused = host.run(update);
        assert!(!refused.good, "{}", refused.text);
        let afresh = format!("rm -rf /var/lib/apt/lists/* && {update}");
        host.run(&afresh).succeeds();
    }
}

#[test]
fn a_publication_a_second_later_is_seen() {
    let lab = lab();
    for minor in 0..4 {
        publish(&lab, &hello(&format!("1.{minor}"), Target::Bookworm));
    }
    let host = Host::trusting(&lab, Target::Bookworm);
    for minor in 4..8 {
        publish(&lab, &hello(&format!("1.{minor}"), Target::Bookworm));
        host.update();
        let policy = host.run(&format!("apt-cache policy {PACKAGE}")).succeeds();
        assert!(
            policy.contains(&format!("Candidate: 1.{minor}-0")),
            "{policy}"
        );
    }
}

#[test]
fn a_pin_keeps_the_farm_to_its_own_packages() {
    for target in Target::ALL {
        let lab = lab();
        publish(&lab, &hello("1.0", target));
        let host = Host::trusting(&lab, target);
        host.update();
        let policy = host.run("apt-cache policy").succeeds();
        assert!(
            policy.contains(&format!("  -1 {URL} {target}/main amd64 Packages")),
            "{policy}"
        );
        for package in [PACKAGE, "plugfarm-local-keyring"] {
            let policy = host.run(&format!("apt-cache policy {package}")).succeeds();
            assert!(policy.contains(" 500\n"), "{policy}");
            assert!(!policy.contains("Candidate: (none)"), "{policy}");
        }
    }
}

#[test]
fn hosts_follow_a_change_of_the_keyring_package_by_upgrade() {
    let lab = lab();
    publish(&lab, &hello("1.0", Target::Bookworm));
    let host = Host::trusting(&lab, Target::Bookworm);
    host.update();
    assert_eq!(host.version("plugfarm-local-keyring"), "1+deb12");

    let moved = format!("{URL}/.");
    let (keys, repository) = crate::repo_lab::open(lab.folder.path(), |settings| {
        settings.url = Some(moved.clone())
    });
    publish_in(&repository, &keys, &suite(Target::Bookworm), &[], clock()).unwrap();
    host.update();
    host.run("apt-get upgrade --yes").succeeds();
    assert_eq!(host.version("plugfarm-local-keyring"), "2+deb12");
    let sources = host.run("cat /etc/apt/sources.list.d/plugfarm-local.sources");
    assert!(sources.succeeds().contains(&format!("URIs: {moved}\n")));
    host.update();
}

#[test]
fn a_repository_without_an_address_is_read_from_its_folder() {
    for target in Target::ALL {
        let lab = Lab::new();
        publish(&lab, &hello("1.0", target));
        let host = Host::trusting(&lab, target);
        let root = lab.root();
        let (parent, root) = (root.parent().unwrap().display(), root.display());
        host.run(&format!("mkdir -p '{parent}' && ln -s /srv/apt '{root}'"))
            .succeeds();
        host.update();
        host.run(&format!("apt-get install --yes {PACKAGE}"))
            .succeeds();
    }
}

#[test]
fn what_was_tampered_with_is_refused() {
    for target in Target::ALL {
        let lab = lab();
        publish(&lab, &hello("1.0", target));
        let host = Host::trusting(&lab, target);
        host.installs_afresh().succeeds();

        let dists = format!("dists/{target}");
        let deb = lab.repository.history(PACKAGE, target).unwrap()[0]
            .filename
            .clone();
        let tamper = |files: &[String], change: &dyn Fn(&[u8]) -> Vec<u8>| {
            let good: Vec<_> = files
                .iter()
                .map(|file| fs_err::read(lab.path(file)).unwrap())
                .collect();
            for (file, bytes) in files.iter().zip(&good) {
                fs_err::write(lab.path(file), change(bytes)).unwrap();
            }
            let ran = host.installs_afresh();
            for (file, bytes) in files.iter().zip(good) {
                fs_err::write(lab.path(file), bytes).unwrap();
            }
            assert!(!ran.good, "{target}, {files:?}: {}", ran.text);
        };
        let text = |from: &'static str, to: &'static str| {
            move |bytes: &[u8]| {
                String::from_utf8_lossy(bytes)
                    .replace(from, to)
                    .into_bytes()
            }
        };
        let signed = [format!("{dists}/InRelease")];
        tamper(&signed, &text("Suite: ", "Suite: x"));
        tamper(
            &signed,
            &text("Acquire-By-Hash: yes", "Acquire-By-Hash: no"),
        );
        // What an unsigned repository looks like.
        tamper(&signed, &|bytes| {
            text("-----BEGIN PGP", "-----BEGIN XXX")(bytes)
        });
        tamper(&[deb], &|bytes| [bytes, b"x"].concat());

        let indices: Vec<_> = index_files(&lab, target);
        tamper(&indices, &|_| Vec::new());
        host.installs_afresh().succeeds();
    }
}

/// Every file of the amd64 index, at both of their places.
pub(crate) fn index_files(lab: &Lab, target: Target) -> Vec<String> {
    let folder = format!("dists/{target}/main/binary-amd64");
    let names = |folder: &str| -> Vec<String> {
        let entries = fs_err::read_dir(lab.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let files = names.map(|name| format!("{folder}/{name}"));
        files.filter(|file| lab.path(file).is_file()).collect()
    };
    [names(&folder), names(&format!("{folder}/by-hash/SHA256"))].concat()
}
