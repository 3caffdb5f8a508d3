//! What the farm's policy removes, and what it never does.

use std::collections::BTreeSet;
use std::time::Duration;

use plugfarm::model::{Actor, Channel, DebianVersion, Reason, Target, Timestamp};
use plugfarm::repo::{AuditAction, AuditQuery, Promotion, RepoError, Retention, Retired};

use crate::repo_lab::{DAY, Lab, Package, files, suite};

const NAME: &str = "wazo-plugind-hello-demo";

fn policy() -> Retention {
    Retention {
        versions: 2,
        time: Duration::from_secs(8 * 24 * 3600),
        snapshots: None,
        downloaded: BTreeSet::new(),
    }
}

fn version(minor: u32) -> Package {
    Package::new("hello", &format!("1.{minor}")).with(|package| {
        package.commit = char::from_digit(minor, 16).unwrap();
    })
}

/// A farm with five versions of a package.
fn five() -> Lab {
    let lab = Lab::with_settings(|settings| {
        settings.channels = ["stable", "late"]
            .map(|name| Channel::new(name).unwrap())
            .into();
        settings.approvals = 2;
    });
    for minor in 0..5 {
        lab.publish(&version(minor)).unwrap();
    }
    lab
}

fn retire(lab: &Lab, policy: &Retention, now: Timestamp) -> Retired {
    let would = lab.repository.would_retire(policy, now).unwrap();
    let lock = lab.repository.lock().unwrap();
    let retired = lab
        .repository
        .retire(&lock, policy, now, &lab.keys)
        .unwrap();
    assert_eq!(retired, would, "it says beforehand what it will do");
    retired
}

fn left(retired: &Retired) -> Vec<&str> {
    upstream(retired.left.iter().map(|(_, _, version)| version))
}

fn erased(retired: &Retired) -> Vec<&str> {
    upstream(retired.erased.iter().map(|(_, version)| version))
}

fn upstream<'a>(versions: impl Iterator<Item = &'a DebianVersion>) -> Vec<&'a str> {
    let versions = versions.map(|version| version.as_str().split('-').next().unwrap());
    let mut versions: Vec<_> = versions.collect();
    versions.sort_unstable();
    versions
}

fn pool(lab: &Lab) -> usize {
    files(&lab.path("pool").join(NAME)).len()
}

#[test]
fn old_versions_leave_the_indices_first_and_the_pool_later() {
    let lab = five();
    let before = files(lab.root());
    assert_eq!(retire(&lab, &policy(), lab.tick()), Retired::default());
    assert_eq!(files(lab.root()), before, "nothing is old yet");

    let retired = retire(&lab, &policy(), lab.later(9 * DAY));
    assert_eq!(left(&retired), ["1.0", "1.1", "1.2"]);
    assert_eq!((erased(&retired), pool(&lab)), (vec![], 5));
    let index = lab.text("dists/bookworm/main/binary-amd64/Packages");
    assert_eq!(index.matches(&format!("Package: {NAME}\n")).count(), 2);
    assert_eq!(lab.problems(), [""; 0]);

    let evidence = || files(&lab.path("evidence")).len();
    let all = evidence();
    let retired = retire(&lab, &policy(), lab.later(9 * DAY));
    assert_eq!(erased(&retired), ["1.0", "1.1", "1.2"]);
    assert_eq!((pool(&lab), evidence()), (2, all * 2 / 5));
    assert_eq!(lab.problems(), [""; 0]);
    assert_eq!(retire(&lab, &policy(), lab.later(1)), Retired::default());

    let told = lab.repository.audit(&AuditQuery::default()).unwrap();
    let count = |action| told.iter().filter(|one| one.event.action == action).count();
    assert_eq!(
        (count(AuditAction::Retire), count(AuditAction::Erase)),
        (3, 3)
    );
    let about = told
        .iter()
        .find(|one| one.event.action == AuditAction::Erase);
    let about = about.unwrap().event.about.as_ref().unwrap();
    let proof = lab.repository.proof(about.sha256).unwrap();
    assert!(proof.is_some(), "where it came from is told for ever");
}

#[test]
fn a_version_whose_file_went_is_never_used_again() {
    let lab = five();
    retire(&lab, &policy(), lab.later(9 * DAY));
    retire(&lab, &policy(), lab.later(9 * DAY));
    let error = lab.publish(&version(1)).unwrap_err();
    assert!(matches!(error, RepoError::VersionUsed { .. }), "{error}");
    let other = version(1).with(|package| package.content = "other\n".to_owned());
    let error = lab.publish(&other).unwrap_err();
    assert!(matches!(error, RepoError::VersionUsed { .. }), "{error}");
    lab.publish(&version(7)).unwrap();
    assert_eq!(lab.problems(), [""; 0]);
}

#[test]
fn what_somebody_fetched_or_decides_about_stays() {
    let lab = five();
    let lock = lab.repository.lock().unwrap();
    let promotion = Promotion {
        package: NAME.to_owned(),
        version: Some("1.1-0+deb12u1".parse().unwrap()),
        targets: vec![Target::Bookworm],
        from: Channel::new("stable").unwrap(),
        to: Channel::new("late").unwrap(),
        phased: None,
        by: Actor::new("alice").unwrap(),
        reason: Reason::new("it works").unwrap(),
    };
    let now = lab.tick();
    lab.repository
        .promote(&lock, &promotion, now, &lab.keys)
        .unwrap();
    drop(lock);
    let pool = files(&lab.path("pool").join(NAME));
    let fetched = pool.iter().find(|name| name.contains("_1.0-")).unwrap();
    let mut policy = policy();
    policy.downloaded.insert(format!("pool/{NAME}/{fetched}"));
    let retired = retire(&lab, &policy, lab.later(9 * DAY));
    assert_eq!(left(&retired), ["1.2"]);
    assert_eq!(lab.problems(), [""; 0]);
}

#[test]
fn a_dated_publication_keeps_its_packages_until_it_is_over() {
    let lab = five();
    let lock = lab.repository.lock().unwrap();
    let (suites, now) = ([suite(Target::Bookworm)], lab.tick());
    let kept = lab.repository.snapshot(&lock, &suites, now, &lab.keys);
    let kept = kept.unwrap();
    drop(lock);
    lab.publish(&version(5)).unwrap();
    let mut policy = policy();
    assert_eq!(left(&retire(&lab, &policy, lab.later(9 * DAY))).len(), 4);
    let retired = retire(&lab, &policy, lab.later(9 * DAY));
    assert_eq!(retired, Retired::default());
    assert_eq!((pool(&lab), lab.problems()), (6, vec![]));

    policy.snapshots = Some(Duration::from_secs(10 * 24 * 3600));
    let retired = retire(&lab, &policy, lab.later(1));
    assert_eq!(retired.snapshots, kept);
    assert_eq!(erased(&retired).len(), 4);
    assert_eq!((pool(&lab), lab.problems()), (2, vec![]));
    let name = kept[0].name();
    assert!(!lab.path(&format!("dists/{name}/InRelease")).exists());
}

#[test]
fn a_dated_publication_stays_as_long_as_nothing_else_tells_what_its_suite_was() {
    let lab = five();
    let suites = [suite(Target::Bookworm)];
    let keep = |now| {
        let lock = lab.repository.lock().unwrap();
        let kept = lab.repository.snapshot(&lock, &suites, now, &lab.keys);
        kept.unwrap().remove(0)
    };
    let mut policy = policy();
    (policy.versions, policy.snapshots) = (9, Some(policy.time));
    let first = keep(lab.tick());
    let retired = retire(&lab, &policy, lab.later(12 * DAY));
    assert_eq!(retired, Retired::default(), "it is what the suite is");
    assert_eq!(keep(lab.tick()), first);

    lab.publish(&version(5)).unwrap();
    let second = keep(lab.tick());
    let retired = retire(&lab, &policy, lab.later(7 * DAY));
    assert_eq!(retired, Retired::default(), "hosts had it a week ago");
    let retired = retire(&lab, &policy, lab.later(DAY));
    assert_eq!(retired.snapshots, [first]);
    assert_eq!(lab.repository.snapshots().unwrap(), [second]);
    assert_eq!(lab.problems(), [""; 0]);
}
