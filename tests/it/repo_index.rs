//! The indices of a repository that grows: hosts fetch the difference, and what is lost comes back byte for byte.

use std::collections::BTreeMap;

use plugfarm::model::Target;
use plugfarm::repo::Publishable;

use crate::repo_apt::{hello, lab, publish};
use crate::repo_host::Host;
use crate::repo_lab::{Lab, Package, clock, files, suite};

/// Publishes `n` packages at once, with paragraphs of `padding` bytes more than they need.
fn publish_many(lab: &Lab, target: Target, n: usize, padding: usize) {
    let open = |number: usize| -> Publishable {
        let package = Package::new(&format!("p{number}"), "1.0").with(|package| {
            // Nothing that compresses well.
            let words =
                (0..padding / 9).map(|word| format!("{:08x} ", word * 7919 + number * 104_729));
            package.target = target;
            package.fields = vec![(
                "X-Padding".to_owned(),
                words.collect::<String>().trim().to_owned(),
            )];
        });
        lab.open(&package).unwrap()
    };
    let packages: Vec<_> = (0..n).map(open).collect();
    lab.publish_in(&suite(target), &packages, clock()).unwrap();
}

/// Everything below `dists`, with its bytes.
fn dists(lab: &Lab) -> BTreeMap<String, Vec<u8>> {
    let read = |file: String| {
        let bytes = fs_err::read(lab.path("dists").join(&file)).unwrap();
        (file, bytes)
    };
    files(&lab.path("dists")).into_iter().map(read).collect()
}

fn rebuild(lab: &Lab) -> Vec<String> {
    lab.repository.rebuild().unwrap().mended
}

#[test]
fn hosts_that_update_again_fetch_the_difference_alone() {
    for target in Target::ALL {
        let lab = lab();
        publish_many(&lab, target, 60, 400);
        let host = Host::trusting(&lab, target);
        host.update();
        for version in ["1.0", "1.1"] {
            publish(&lab, &hello(version, target));
            host.update();
            let policy = host
                .run("apt-cache policy wazo-plugind-hello-demo")
                .succeeds();
            assert!(
                policy.contains(&format!("Candidate: {version}-0")),
                "{policy}"
            );
        }
        let served = host.run("cat /tmp/served").succeeds();
        assert_eq!(served.matches("Packages.diff/T-").count(), 2, "{served}");
        let whole = served
            .lines()
            .filter(|line| line.contains("/binary-amd64/by-hash/"));
        assert!(
            whole.count() <= 2,
            "the index came whole only once: {served}"
        );
        assert_eq!(lab.problems(), Vec::<String>::new());
    }
}

#[test]
fn indices_that_are_lost_or_damaged_come_back_byte_for_byte() {
    let lab = Lab::new();
    publish_many(&lab, Target::Bookworm, 40, 400);
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    lab.publish(&Package::new("hello", "1.1").with(|p| p.commit = 'b'))
        .unwrap();
    assert_eq!(rebuild(&lab), Vec::<String>::new());
    let before = dists(&lab);
    let listed = lab.text("dists/bookworm/Release");
    assert!(listed.contains("Packages.diff/Index"), "{listed}");

    // What earlier publications listed is kept for a while, and made again by nobody.
    let index = lab.text("dists/bookworm/main/binary-amd64/Packages.diff/Index");
    let current = |name: &str| match name.rsplit('/').next().unwrap() {
        patch if patch.starts_with("T-") => index.contains(patch),
        digest if name.contains("/by-hash/") => listed.contains(digest),
        _ => true,
    };
    for (number, name) in before.keys().filter(|name| current(name)).enumerate() {
        let path = lab.path("dists").join(name);
        fs_err::remove_file(&path).unwrap();
        if number % 2 == 0 {
            fs_err::write(&path, "damaged").unwrap();
        }
    }
    assert!(rebuild(&lab).len() > 10);
    let after = dists(&lab);
    let other: Vec<_> = before
        .iter()
        .filter(|(name, bytes)| after.get(*name) != Some(bytes))
        .map(|(name, _)| name)
        .collect();
    assert!(other.is_empty(), "not as they were: {other:?}");
    assert_eq!(after.len(), before.len());
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn a_large_index_is_kept_in_compressed_form_alone() {
    let lab = lab();
    publish_many(&lab, Target::Bookworm, 5, 30_000);
    let plain = lab.path("dists/bookworm/main/binary-amd64/Packages");
    assert!(plain.exists());
    publish_many(&lab, Target::Trixie, 45, 30_000);
    let release = lab.text("dists/trixie/Release");
    assert!(
        release.contains(" main/binary-amd64/Packages\n"),
        "{release}"
    );
    let folder = lab.path("dists/trixie/main/binary-amd64");
    assert!(!folder.join("Packages").exists());
    assert_eq!(files(&folder.join("by-hash")).len(), 2);
    assert_eq!(lab.problems(), Vec::<String>::new());
    let host = Host::trusting(&lab, Target::Trixie);
    host.update();
    let policy = host
        .run("apt-cache policy wazo-plugind-p44-demo")
        .succeeds();
    assert!(policy.contains("Candidate: 1.0-0"), "{policy}");
}

#[test]
fn a_refresh_changes_nothing_but_the_date() {
    let lab = Lab::new();
    publish_many(&lab, Target::Bookworm, 5, 400);
    let packages = lab.text("dists/bookworm/main/binary-amd64/Packages");
    let lock = lab.repository.lock().unwrap();
    let suites = [suite(Target::Bookworm)];
    let refreshed = lab
        .repository
        .refresh(&lock, &suites, lab.tick(), &lab.keys);
    assert_eq!(refreshed.unwrap()[0].generation, 2);
    drop(lock);
    assert_eq!(
        lab.text("dists/bookworm/main/binary-amd64/Packages"),
        packages
    );
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    assert_eq!(lab.problems(), Vec::<String>::new());
}
