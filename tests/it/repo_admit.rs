//! What enters the repository, and what does not.

use plugfarm::model::{Channel, FailureCode, FarmName, Stage, Suite, Target};
use plugfarm::repo::{Publishable, RepoError};

use crate::repo_lab::{Lab, Package, files, publish_in, suite};

fn code(error: &RepoError) -> FailureCode {
    error.failure(Stage::Publish).code
}

fn testing() -> Suite {
    Suite {
        target: Target::Bookworm,
        channel: Channel::new("testing").unwrap(),
    }
}

#[test]
fn the_same_content_again_is_no_publication() {
    let lab = Lab::new();
    let package = Package::new("hello", "1.0.0");
    lab.publish(&package).unwrap();
    let before = lab.text("dists/bookworm/InRelease");
    let again = lab.publish(&package).unwrap();
    assert!(!again.changed && again.generation == 1);

    // The same content that another compressor wrote: what is published stays.
    let repacked = lab
        .publish(&package.clone().with(|p| p.level = 19))
        .unwrap();
    assert!(!repacked.changed);
    assert_eq!(lab.text("dists/bookworm/InRelease"), before);
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn a_used_version_never_changes() {
    let lab = Lab::new();
    let package = Package::new("hello", "1.0.0");
    lab.publish(&package).unwrap();
    let before = files(lab.root());

    let commit = lab
        .publish(&package.clone().with(|p| p.commit = 'b'))
        .unwrap_err();
    insta::assert_snapshot!(commit, @"wazo-plugind-hello-demo 1.0.0-0+deb12u1 is published already, from commit aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    let higher = package.clone().with(|p| (p.commit, p.n) = ('b', 2));
    assert!(matches!(
        lab.publish(&higher),
        Err(RepoError::VersionUsed { .. })
    ));
    let content = lab
        .publish(&package.clone().with(|p| p.content = "x".to_owned()))
        .unwrap_err();
    insta::assert_snapshot!(content, @"wazo-plugind-hello-demo 1.0.0-0+deb12u1 is published already, with other content");
    assert_eq!(code(&content), FailureCode::VersionUsed);
    assert_eq!(files(lab.root()), before);

    // Another payload of the same commit, such as a newer image gives, has the next number.
    let rebuilt = package.with(|p| (p.content, p.n) = ("x".to_owned(), 2));
    assert!(lab.publish(&rebuilt).unwrap().changed);
    let history = lab
        .repository
        .history("wazo-plugind-hello-demo", Target::Bookworm)
        .unwrap();
    let versions: Vec<_> = history.iter().map(|one| one.version.as_str()).collect();
    assert_eq!(versions, ["1.0.0-0+deb12u1", "1.0.0-0+deb12u2"]);
}

#[test]
fn a_version_must_be_higher_in_dpkgs_order() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.10")).unwrap();
    for lower in ["1.9", "1.10~rc1"] {
        let refused = lab
            .publish(&Package::new("hello", lower).with(|p| p.commit = 'b'))
            .unwrap_err();
        assert_eq!(
            code(&refused),
            FailureCode::VersionNotHigher,
            "{lower}: {refused}"
        );
    }
    lab.publish(&Package::new("hello", "1.10-1").with(|p| p.commit = 'b'))
        .unwrap();
    lab.publish(&Package::new("other", "0.1")).unwrap();

    let same = Package::new("hello", "0:1.10").with(|p| p.commit = 'b');
    let refused = lab.publish(&same).unwrap_err();
    assert_eq!(code(&refused), FailureCode::VersionUsed, "{refused}");
}

#[test]
fn a_batch_is_published_whole_or_not_at_all() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let before = files(lab.root());
    let good = lab.open(&Package::new("other", "1.0")).unwrap();
    let bad = lab
        .open(&Package::new("hello", "0.9").with(|p| p.commit = 'b'))
        .unwrap();
    let now = lab.tick();
    assert!(
        lab.publish_in(&suite(Target::Bookworm), &[good, bad], now)
            .is_err()
    );
    assert_eq!(files(lab.root()), before);

    let twice = Package::new("third", "1.0");
    let clash = twice.clone().with(|p| (p.commit, p.n) = ('b', 2));
    let batch = [lab.open(&twice).unwrap(), lab.open(&clash).unwrap()];
    let refused = lab
        .publish_in(&suite(Target::Bookworm), &batch, now)
        .unwrap_err();
    assert_eq!(code(&refused), FailureCode::VersionUsed);
}

#[test]
fn each_release_has_its_suite_and_a_package_of_another_is_refused() {
    let lab = Lab::new();
    let trixie = Package::new("hello", "1.0").with(|p| p.target = Target::Trixie);
    let publishable = lab.open(&trixie).unwrap();
    let refused = lab
        .publish_in(&suite(Target::Bookworm), &[publishable], lab.tick())
        .unwrap_err();
    assert_eq!(code(&refused), FailureCode::EvidenceInvalid);
    lab.publish(&trixie).unwrap();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let suites: Vec<_> = lab.repository.suites().unwrap();
    let names: Vec<_> = suites.iter().map(|state| state.suite.to_string()).collect();
    assert_eq!(names, ["bookworm", "trixie"]);
}

#[test]
fn a_version_is_one_commit_on_every_release() {
    let lab = Lab::new();
    let on = |target, version: &str, commit| {
        Package::new("hello", version).with(|p| (p.target, p.commit) = (target, commit))
    };
    lab.publish(&on(Target::Bookworm, "0.0.1", 'a')).unwrap();
    lab.publish(&on(Target::Trixie, "0.0.1", 'a')).unwrap();
    lab.publish(&on(Target::Bookworm, "0.0.2", 'b')).unwrap();
    let refused = lab.publish(&on(Target::Trixie, "0.0.2", 'c')).unwrap_err();
    insta::assert_snapshot!(refused, @"wazo-plugind-hello-demo 0.0.2-0+deb13u1 is published already, from commit bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    lab.publish(&on(Target::Trixie, "0.0.2", 'b')).unwrap();
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn another_channel_takes_the_same_bytes_and_no_others() {
    let lab = Lab::new();
    let package = Package::new("hello", "1.0");
    lab.publish(&package).unwrap();
    let before = files(&lab.path("pool"));
    let repacked = lab.open(&package.clone().with(|p| p.level = 19)).unwrap();
    lab.publish_in(&testing(), &[repacked], lab.tick()).unwrap();
    assert_eq!(
        files(&lab.path("pool")),
        before,
        "one pool for all channels"
    );
    let other = lab
        .open(&package.with(|p| p.content = "x".to_owned()))
        .unwrap();
    let refused = lab
        .publish_in(&testing(), &[other], lab.tick())
        .unwrap_err();
    assert_eq!(code(&refused), FailureCode::VersionUsed);
    let release = lab.text("dists/bookworm-testing/Release");
    assert!(release.contains("Suite: bookworm-testing\nCodename: bookworm-testing\n"));
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn bytes_that_the_evidence_is_not_about_do_not_enter() {
    let lab = Lab::new();
    let deb = lab.make(&Package::new("hello", "1.0"));
    let statement = lab.verify(&deb);
    let good = fs_err::read(&deb).unwrap();
    let middle = good.len() / 2;
    let changed = [&good[..middle], &[good[middle] ^ 1], &good[middle + 1..]].concat();
    for bytes in [
        changed,
        [good.as_slice(), b"x"].concat(),
        good[..middle].to_vec(),
        vec![],
    ] {
        fs_err::write(&deb, bytes).unwrap();
        let refused = Publishable::open(&deb, statement.clone()).unwrap_err();
        assert_eq!(code(&refused), FailureCode::EvidenceInvalid, "{refused}");
    }
    // Swapped after it was opened.
    fs_err::write(&deb, &good).unwrap();
    let publishable = Publishable::open(&deb, statement).unwrap();
    fs_err::write(&deb, b"another file").unwrap();
    let refused = lab
        .publish_in(&suite(Target::Bookworm), &[publishable], lab.tick())
        .unwrap_err();
    assert_eq!(code(&refused), FailureCode::EvidenceInvalid);
    assert!(
        !lab.path("pool/wazo-plugind-hello-demo").exists()
            || files(&lab.path("pool/wazo-plugind-hello-demo")).is_empty()
    );
    assert!(lab.repository.suites().unwrap().is_empty());
}

#[test]
fn side_files_must_be_what_was_signed() {
    for ending in ["log", "buildinfo"] {
        let lab = Lab::new();
        let deb = lab.make(&Package::new("hello", "1.0"));
        fs_err::write(deb.with_extension(ending), "forged").unwrap();
        let publishable = Publishable::open(&deb, lab.verify(&deb)).unwrap();
        let refused = lab
            .publish_in(&suite(Target::Bookworm), &[publishable], lab.tick())
            .unwrap_err();
        assert_eq!(code(&refused), FailureCode::EvidenceInvalid, "{refused}");
        assert!(lab.repository.suites().unwrap().is_empty());
    }
}

#[test]
fn another_farms_signature_does_not_count() {
    let (lab, other) = (Lab::new(), Lab::new());
    let deb = other.make(&Package::new("hello", "1.0"));
    let publishable = Publishable::open(&deb, other.verify(&deb)).unwrap();
    let refused = lab
        .publish_in(&suite(Target::Bookworm), &[publishable], lab.tick())
        .unwrap_err();
    assert_eq!(code(&refused), FailureCode::EvidenceInvalid, "{refused}");
}

#[test]
fn the_statement_beside_the_package_must_be_the_one_that_was_verified() {
    let lab = Lab::new();
    let deb = lab.make(&Package::new("hello", "1.0"));
    let statement = lab.verify(&deb);
    let other = lab.make(&Package::new("other", "1.0"));
    fs_err::copy(
        other.with_extension("intoto.jsonl"),
        deb.with_extension("intoto.jsonl"),
    )
    .unwrap();
    let publishable = Publishable::open(&deb, statement).unwrap();
    let refused = lab
        .publish_in(&suite(Target::Bookworm), &[publishable], lab.tick())
        .unwrap_err();
    assert_eq!(code(&refused), FailureCode::EvidenceInvalid, "{refused}");
}

#[test]
fn a_package_cannot_say_where_it_is_or_what_it_weighs() {
    let lab = Lab::new();
    for name in ["Filename", "SHA256", "size"] {
        let package = Package::new("hello", "1.0").with(|p| {
            p.fields = vec![(name.to_owned(), "../../etc/passwd".to_owned())];
        });
        let refused = lab.open(&package).unwrap_err();
        assert_eq!(code(&refused), FailureCode::EvidenceInvalid, "{refused}");
    }
}

#[test]
fn a_farm_of_another_name_leaves_the_repository_alone() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let (keys, renamed) = crate::repo_lab::open(lab.folder.path(), |settings| {
        settings.farm = FarmName::new("renamed").unwrap();
    });
    let bookworm = suite(Target::Bookworm);
    let refused = publish_in(&renamed, &keys, &bookworm, &[], lab.tick()).unwrap_err();
    insta::assert_snapshot!(refused, @"the repository belongs to the farm `local`, and this farm is `renamed`");
}
