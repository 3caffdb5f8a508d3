//! Which package has a file: what apt-file finds, and what a publication leaves for later.

use std::io::Read as _;

use plugfarm::model::Target;

use crate::channels_lab::{Farm, PACKAGE, hello};
use crate::farm::Host;
use crate::repo_lab::{Lab, Package, clock, read_strictly, suite};

const INDEX: &str = "dists/bookworm/main/Contents-all.gz";

fn refresh(lab: &Lab) {
    let lock = lab.repository.lock().unwrap();
    let (suites, now) = ([suite(Target::Bookworm)], lab.tick());
    lab.repository
        .refresh(&lock, &suites, now, &lab.keys)
        .unwrap();
}

/// The packages that the index names, of those that a test made.
fn named(lab: &Lab) -> Vec<String> {
    let bytes = fs_err::read(lab.path(INDEX)).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    let lines = text.lines().filter(|line| line.contains("/content\t"));
    let mut named: Vec<_> = lines
        .map(|line| line.rsplit_once('/').unwrap().1.to_owned())
        .collect();
    named.sort();
    named
}

fn listed(lab: &Lab) -> Vec<String> {
    let release = lab.text("dists/bookworm/Release");
    let lines = release.lines().filter(|line| line.contains("/Contents-"));
    lines.map(str::to_owned).collect()
}

#[test]
fn contents_are_made_by_a_refresh_and_left_alone_by_a_publication() {
    let lab = Lab::new();
    lab.publish(&Package::new("one", "1.0")).unwrap();
    assert_eq!(listed(&lab), [""; 0]);
    assert_eq!(lab.repository.due(clock()).unwrap().len(), 1);
    refresh(&lab);
    assert_eq!(listed(&lab).len(), 4);
    assert_eq!(named(&lab), ["wazo-plugind-one-demo"]);
    assert_eq!(lab.repository.due(clock()).unwrap(), []);

    let before = listed(&lab);
    let other = Package::new("two", "1.0").with(|package| package.commit = 'b');
    lab.publish(&other).unwrap();
    assert_eq!(listed(&lab), before);
    let keyring = &lab.keys.public().archive_keyring;
    let found = read_strictly(lab.root(), &suite(Target::Bookworm), keyring);
    assert_eq!(found.len(), 3);
    assert_eq!(lab.repository.due(clock()).unwrap().len(), 1);
    refresh(&lab);
    assert_eq!(
        named(&lab),
        ["wazo-plugind-one-demo", "wazo-plugind-two-demo"]
    );
    assert_eq!(lab.problems(), [""; 0]);

    let lock = lab.repository.lock().unwrap();
    assert_eq!(
        lab.repository
            .collect(&lock, lab.later(9 * 24 * 3600))
            .unwrap(),
        0
    );
    drop(lock);
    refresh(&lab);
    assert_eq!(lab.problems(), [""; 0]);
}

#[test]
fn contents_that_are_damaged_come_back_byte_for_byte() {
    let lab = Lab::new();
    for (name, commit) in [("one", 'a'), ("two", 'b')] {
        let package = Package::new(name, "1.0").with(|package| package.commit = commit);
        lab.publish(&package).unwrap();
        refresh(&lab);
    }
    let good = fs_err::read(lab.path(INDEX)).unwrap();
    let digest = plugfarm::model::Sha256::of(&good);
    let by_hash = lab.path(&format!("dists/bookworm/main/by-hash/SHA256/{digest}"));
    for file in [&by_hash, &lab.path(INDEX)] {
        fs_err::remove_file(file).unwrap();
    }
    assert_eq!(lab.problems().len(), 2);
    assert_eq!(lab.repository.rebuild().unwrap().mended.len(), 2);
    assert_eq!(fs_err::read(lab.path(INDEX)).unwrap(), good);
    assert_eq!(lab.problems(), [""; 0]);
}

fn apt_file_finds_the_package_of_a_file(target: Target) {
    let farm = Farm::new("");
    farm.publish(&hello("1.0", target), &[]);
    farm.farm.run(&["repo", "refresh"]).succeeds();
    let host = Host::online(&farm.farm, target.codename());
    // Only the farm's lists are fetched: Debian's are large.
    host.run(
        "apt-get update && apt-get install --yes --no-install-recommends apt-file
         mkdir /tmp/away && find /etc/apt/sources.list* -type f ! -name 'plugfarm*' -exec mv '{}' /tmp/away ';'
         apt-get update --error-on=any",
    )
    .succeeds();
    let found = host.run("apt-file search /content").succeeds();
    let line = format!("{PACKAGE}: /");
    assert!(
        found.stdout.contains(&line),
        "{} {}",
        found.stdout,
        found.stderr
    );
    let listed = host.run(&format!("apt-file list {PACKAGE}")).succeeds();
    assert!(listed.stdout.contains("/content"), "{}", listed.stdout);
}

#[test]
fn apt_file_of_bookworm_finds_the_package_of_a_file() {
    apt_file_finds_the_package_of_a_file(Target::Bookworm);
}

#[test]
fn apt_file_of_trixie_finds_the_package_of_a_file() {
    apt_file_finds_the_package_of_a_file(Target::Trixie);
}
