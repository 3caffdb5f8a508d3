//! A repository that the first version of plugfarm made: it goes on being used, and nothing of it is lost.

use std::fs::File;

use plugfarm::model::Target;
use plugfarm::repo::{Publication, RepoError};

use crate::repo_lab::{Lab, Package, files, read_strictly, suite};

/// A farm with the keys and the repository of the first version: `hello` 1.0 and 1.1 and `native` 1.0 for bookworm, `hello`
/// 1.0 for trixie.
fn old_lab() -> Lab {
    let packed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format-1.tar.gz");
    let folder = tempfile::tempdir().unwrap();
    let packed = flate2::read::GzDecoder::new(File::open(packed).unwrap());
    tar::Archive::new(packed).unpack(folder.path()).unwrap();
    Lab::in_folder(folder, |settings| {
        settings.url = Some("https://apt.example.org/".to_owned());
    })
}

fn publish(lab: &Lab, version: &str) -> Result<Publication, RepoError> {
    lab.publish(&Package::new("hello", version).with(|p| p.commit = 'c'))
}

fn names(lab: &Lab, target: Target) -> Vec<String> {
    let keyring = &lab.keys.public().archive_keyring;
    let mut found = read_strictly(lab.root(), &suite(target), keyring);
    found.sort();
    found
}

#[test]
fn the_next_publication_brings_it_forward() {
    let lab = old_lab();
    let (bookworm, trixie) = (names(&lab, Target::Bookworm), names(&lab, Target::Trixie));
    let by_hash = files(&lab.path("dists/bookworm/main/binary-amd64/by-hash"));
    assert_eq!((bookworm.len(), trixie.len()), (4, 2));

    let published = publish(&lab, "1.2").unwrap();
    assert_eq!(published.generation, 4);
    let mut more = bookworm;
    more.push("wazo-plugind-hello-demo 1.2-0+deb12u1".to_owned());
    more.sort();
    assert_eq!(names(&lab, Target::Bookworm), more);
    assert_eq!(names(&lab, Target::Trixie), trixie);
    let suites = lab.repository.suites().unwrap();
    let generations: Vec<_> = suites.iter().map(|suite| suite.generation).collect();
    assert_eq!(generations, [4, 2], "every suite is signed again");

    let now = files(&lab.path("dists/bookworm/main/binary-amd64/by-hash"));
    assert!(by_hash.iter().all(|place| now.contains(place)));
    let state = files(&lab.path(".state"));
    assert!(!state.contains(&"bookworm.json".to_owned()), "{state:?}");
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn what_it_has_counts_before_it_is_brought_forward() {
    let lab = old_lab();
    let history = lab
        .repository
        .history("wazo-plugind-hello-demo", Target::Bookworm);
    let versions: Vec<_> = history
        .unwrap()
        .into_iter()
        .map(|one| one.version.to_string())
        .collect();
    assert_eq!(versions, ["1.0-0+deb12u1", "1.1-0+deb12u1"]);
    let generations = lab.repository.suites().unwrap();
    assert_eq!(generations.len(), 2);
    let before = files(lab.root());
    for version in ["1.0", "1.1"] {
        assert!(matches!(
            publish(&lab, version),
            Err(RepoError::VersionUsed { .. })
        ));
    }
    assert_eq!(files(lab.root()), before);
}

#[test]
fn a_file_of_the_first_version_that_is_older_than_what_hosts_saw_is_not_taken() {
    let lab = old_lab();
    publish(&lab, "1.2").unwrap();
    let lost = old_lab();
    fs_err::remove_file(lab.path(".state/repository.json")).unwrap();
    let old = lost.path(".state/bookworm.json");
    fs_err::copy(old, lab.path(".state/bookworm.json")).unwrap();
    let refused = publish(&lab, "1.3").unwrap_err().to_string();
    assert!(refused.contains("it is gone, and yet"), "{refused}");
}
