//! Many who publish at once, in one process and beside others: few commits, and everybody has an answer of their own.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{join, join_all};
use plugfarm::model::{Actor, Channel, FailureCode, FarmName, Reason, Stage, Suite, Target};
use plugfarm::repo::{Promotion, RepoError, Writer};
use plugfarm::sign::Keys;
use tokio::runtime::Runtime;

use crate::repo_crash::publisher_of;
use crate::repo_lab::{Lab, Package, clock, read_strictly, suite};

/// The one writer of the lab's repository.
fn writer_of(lab: &Lab) -> Writer {
    let folder = lab.folder.path().join("keys");
    let keys = Keys::open_or_create(&folder, &FarmName::local(), clock).unwrap();
    Writer::new(lab.repository.clone(), Arc::new(keys), clock)
}

fn seen(lab: &Lab, suite: &Suite) -> Vec<String> {
    read_strictly(lab.root(), suite, &lab.keys.public().archive_keyring)
}

fn generation(lab: &Lab) -> u64 {
    let found = lab.repository.suite(&suite(Target::Bookworm)).unwrap();
    found.unwrap().generation
}

fn code(error: &RepoError) -> FailureCode {
    error.failure(Stage::Publish).code
}

#[test]
fn fifty_publications_at_once_are_few_commits() {
    let lab = Lab::new();
    lab.publish(&Package::new("taken", "1.0")).unwrap();
    let mut packages: Vec<_> = (0..50)
        .map(|n| lab.open(&Package::new(&format!("p{n}"), "1.0")).unwrap())
        .collect();
    // Among them one that is refused, and one whose file is not there any more when its turn comes.
    let taken = Package::new("taken", "1.0").with(|one| one.commit = 'b');
    packages.insert(20, lab.open(&taken).unwrap());
    let lost = Package::new("lost", "1.0");
    packages.insert(40, lab.open(&lost).unwrap());
    fs_err::remove_file(lab.make(&lost)).unwrap();

    let writer = writer_of(&lab);
    let began = Instant::now();
    let answers = Runtime::new().unwrap().block_on(async {
        let asked = packages.into_iter().map(|package| {
            let writer = writer.clone();
            tokio::spawn(async move {
                let batch = (suite(Target::Bookworm), vec![package]);
                writer.publish(vec![batch]).await
            })
        });
        let answers = join_all(asked.collect::<Vec<_>>()).await;
        writer.close().await;
        answers
    });
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let mut refused: Vec<_> = answers
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    refused.sort_by_key(|error| code(error).word());
    let codes: Vec<_> = refused.iter().map(|error| code(error)).collect();
    assert_eq!(codes, [FailureCode::StorageError, FailureCode::VersionUsed]);
    for publication in answers.iter().flatten() {
        let [one] = publication.as_slice() else {
            panic!("{publication:?}");
        };
        assert!(one.changed && one.generation <= generation(&lab));
    }
    assert_eq!(seen(&lab, &suite(Target::Bookworm)).len(), 52);
    // The file that is lost costs some: what it was to be committed with is committed in parts.
    assert!(generation(&lab) <= 12, "{}", generation(&lab));
    println!("{} commits in {:?}", generation(&lab) - 1, began.elapsed());
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn what_is_asked_for_one_package_happens_in_that_order() {
    let testing = Channel::new("testing").unwrap();
    let channels = vec![testing.clone(), Channel::stable()];
    let lab = Lab::with_settings(|settings| settings.channels.clone_from(&channels));
    let writer = writer_of(&lab);
    let first = Suite {
        target: Target::Bookworm,
        channel: testing.clone(),
    };
    let promotion = Promotion {
        package: "wazo-plugind-hello-demo".to_owned(),
        version: None,
        targets: Vec::new(),
        from: testing,
        to: Channel::stable(),
        phased: None,
        by: Actor::new("alice").unwrap(),
        reason: Reason::new("because").unwrap(),
    };
    let package = lab.open(&Package::new("hello", "1.0")).unwrap();
    let higher = lab.open(&Package::new("hello", "1.1").with(|one| one.commit = 'b'));
    Runtime::new().unwrap().block_on(async {
        let published = writer.publish(vec![(first.clone(), vec![package])]);
        let promoted = writer.promote(promotion);
        let next = writer.publish(vec![(first.clone(), vec![higher.unwrap()])]);
        let (published, (promoted, next)) = join(published, join(promoted, next)).await;
        assert_eq!(published.unwrap()[0].suite, first);
        let promoted = promoted.unwrap();
        assert_eq!(promoted[0].version.as_str(), "1.0-0+deb12u1");
        assert_eq!(promoted[0].missing, 0);
        assert!(next.unwrap()[0].changed);
    });
    let hello = |suite| {
        let mut seen = seen(&lab, suite);
        seen.retain(|one| one.contains("hello"));
        seen
    };
    let (one, two) = (
        "wazo-plugind-hello-demo 1.0-0+deb12u1",
        "wazo-plugind-hello-demo 1.1-0+deb12u1",
    );
    assert_eq!(hello(&first), [one, two]);
    assert_eq!(hello(&suite(Target::Bookworm)), [one]);
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn publishers_of_other_processes_wait_for_their_turn() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let others = ["one", "two", "three"].map(|name| lab.make(&Package::new(name, "1.0")));
    let mine: Vec<_> = (0..20)
        .map(|n| lab.open(&Package::new(&format!("p{n}"), "1.0")).unwrap())
        .collect();
    let others = others.map(|deb| publisher_of(&lab, &[deb], &[]).spawn().unwrap());
    let writer = writer_of(&lab);
    Runtime::new().unwrap().block_on(async {
        for package in mine {
            let batch = (suite(Target::Bookworm), vec![package]);
            writer.publish(vec![batch]).await.unwrap();
        }
    });
    for other in others {
        let output = other.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("outcome published"), "{output:?}");
    }
    assert_eq!(seen(&lab, &suite(Target::Bookworm)).len(), 25);
    assert_eq!(lab.problems(), Vec::<String>::new());
}
