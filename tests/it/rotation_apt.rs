//! Hosts while the farm exchanges its archive key: who upgrades follows and never sees an error, who slept is told why.

use std::time::Duration;

use plugfarm::model::Target;
use plugfarm::repo::Repository;
use plugfarm::sign::Keys;

use crate::repo_apt::{hello, lab, publish};
use crate::repo_host::Host;
use crate::repo_lab::{Lab, clock, open, publish_in, suite};

const URL: &str = "http://127.0.0.1:8000";

/// Publishes what there is with the present keys.
fn publish_anew(lab: &Lab, target: Target) -> (Keys, Repository) {
    let (keys, repository) = open(lab.folder.path(), |settings| {
        settings.url = Some(URL.to_owned());
    });
    publish_in(&repository, &keys, &suite(target), &[], clock()).unwrap();
    (keys, repository)
}

/// What an administrator does: update, upgrade, and not a word of complaint.
fn upgrade(host: &Host) {
    host.update();
    host.run("apt-get upgrade --yes").succeeds();
    host.update();
}

fn hosts_follow(target: Target) {
    let lab = lab();
    publish(&lab, &hello("1.0", target));
    let [awake, slow, asleep] = [(); 3].map(|()| Host::trusting(&lab, target));
    for host in [&awake, &slow, &asleep] {
        host.update();
    }

    lab.keys.rotate().unwrap();
    let (keys, _) = publish_anew(&lab, target);
    upgrade(&awake);
    let keyring = "plugfarm-local-keyring";
    let release = target.release();
    assert_eq!(awake.version(keyring), format!("2+deb{release}"));
    // Who has not upgraded yet has the old key alone, and reads on.
    slow.update();

    upgrade(&slow);
    let retired = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        keys.retire(Duration::ZERO).is_ok()
    });
    assert!(retired);
    let (keys, _) = publish_anew(&lab, target);
    for host in [&awake, &slow] {
        upgrade(host);
        assert_eq!(host.version(keyring), format!("3+deb{release}"));
        host.run("apt-get install --yes wazo-plugind-hello-demo")
            .succeeds();
    }
    Host::trusting(&lab, target).update();

    // Who slept through it trusts nobody that signs, and is told which key it lacks.
    let said = asleep.run("apt-get update --error-on=any").fails();
    let fingerprint = &keys.public().archive_fingerprint;
    let (_, id) = fingerprint.split_at(24);
    assert!(said.contains(id), "{said}");
    let word = match target {
        Target::Bookworm => "NO_PUBKEY",
        Target::Trixie => "Missing key",
    };
    assert!(said.contains(word), "{said}");
    // The remedy is the first trust, once more.
    asleep.install_file(&fs_err::read(lab.keyring(target)).unwrap());
    asleep.update();
}

#[test]
fn bookworm_follows_an_exchange_of_keys() {
    hosts_follow(Target::Bookworm);
}

#[test]
fn trixie_follows_an_exchange_of_keys() {
    hosts_follow(Target::Trixie);
}
