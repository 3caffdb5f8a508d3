//! The writer under requests that are refused, that break their commit, that read what others write, and that panic.

use std::collections::BTreeMap;
use std::sync::Barrier;

use bytes::Bytes;
use futures_util::future::join_all;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::model::{Channel, DebianVersion, Target};
use crate::repo::ledger::tests::published;
use crate::repo::protocol_tests::Anything;
use crate::repo::storage::{Content, Expected, Write};
use crate::repo::suite_draft::Change;
use crate::repo::tests::repository;

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
}

/// A clock that never holds anybody up: each look at it is a second later.
fn clock() -> Timestamp {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NOW: AtomicI64 = AtomicI64::new(1_769_860_800);
    Timestamp::from_seconds(NOW.fetch_add(1, Ordering::Relaxed))
}

fn writer_of(repository: &Repository) -> Writer {
    Writer::new(repository.clone(), Arc::new(Anything), clock)
}

fn suite() -> Suite {
    Suite {
        target: Target::Bookworm,
        channel: Channel::stable(),
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, Copy)]
enum Wish {
    /// The version enters, if it is higher than what is there.
    Publish(u8, u8),
    /// Likewise, with a file that is not what it should be: whatever it is committed with cannot be committed.
    Broken(u8, u8),
    /// The highest version's file is there.
    Read(u8),
}

fn name(package: u8) -> String {
    format!("p{package}")
}

fn highest(draft: &Draft<'_>, package: u8) -> Result<Option<DebianVersion>, RepoError> {
    let history = draft.history(&name(package))?;
    Ok(history.last().map(|entry| entry.published.version.clone()))
}

fn refused() -> RepoError {
    RepoError::not_there("nothing", None, &[])
}

fn publish(draft: &mut Draft<'_>, package: u8, version: u8, broken: bool) -> Result<(), RepoError> {
    let (package, before) = (name(package), highest(draft, package)?);
    let text = format!("{version}.0");
    let mut entry = published(
        &package,
        &text,
        format!("Package: {package}\nVersion: {text}\n"),
    );
    if before.is_some_and(|before| before >= entry.version) {
        return Err(refused());
    }
    let bytes = Bytes::from(format!("{package} {text}"));
    let content = Expected::of(&bytes);
    (entry.sha256, entry.size) = (content.sha256, content.size);
    let content = Expected {
        size: content.size + u64::from(broken),
        ..content
    };
    let key = entry.filename.clone();
    draft
        .wave
        .push(Write::immutable(key, Content::Bytes(bytes), content));
    draft.change(&suite(), Change::add(entry))
}

fn read(repository: &Repository, draft: &Draft<'_>, package: u8) -> Result<(), RepoError> {
    let history = draft.history(&name(package))?;
    let newest = history.last().ok_or_else(refused)?;
    let found = repository.storage().head(&newest.published.filename)?;
    found.map(drop).ok_or_else(|| RepoError::Damaged {
        place: newest.published.filename.clone(),
    })
}

async fn wish(writer: &Writer, wish: Wish) -> Result<(), RepoError> {
    let (Wish::Publish(package, _) | Wish::Broken(package, _) | Wish::Read(package)) = wish;
    let step: Step<()> = Box::new(move |repository, draft, _| {
        match wish {
            Wish::Publish(package, version) => publish(draft, package, version, false)?,
            Wish::Broken(package, version) => publish(draft, package, version, true)?,
            Wish::Read(package) => read(repository, draft, package)?,
        }
        Ok(said(()))
    });
    let (mut asked, answer) = Asked::new(BTreeSet::from([name(package)]), step);
    asked.reads_what_is_committed = matches!(wish, Wish::Read(_));
    writer.ask(asked, answer).await
}

/// What comes of the wishes one after the other, and what is there then.
fn expected(wishes: &[Wish]) -> (Vec<bool>, BTreeMap<u8, Vec<u8>>) {
    let mut there: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    let outcomes = wishes.iter().map(|wish| match *wish {
        Wish::Publish(package, version) => {
            let own = there.entry(package).or_default();
            let higher = own.last().is_none_or(|last| *last < version);
            own.extend(higher.then_some(version));
            higher
        }
        Wish::Broken(..) => false,
        Wish::Read(package) => there.get(&package).is_some_and(|own| !own.is_empty()),
    });
    (outcomes.collect(), there)
}

fn any_wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        6 => (0..4_u8, 1..9_u8).prop_map(|(package, version)| Wish::Publish(package, version)),
        1 => (0..4_u8, 1..9_u8).prop_map(|(package, version)| Wish::Broken(package, version)),
        1 => (0..4_u8).prop_map(Wish::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn each_gets_what_it_would_have_got_alone_and_nobody_is_harmed(
        wishes in proptest::collection::vec(any_wish(), 1..30),
    ) {
        let (_folder, repository) = repository();
        let (outcomes, there) = expected(&wishes);
        let writer = writer_of(&repository);
        let answers = runtime().block_on(async {
            join_all(wishes.iter().map(|one| wish(&writer, *one))).await
        });
        let answers: Vec<bool> = answers.iter().map(Result::is_ok).collect();
        prop_assert_eq!(answers, outcomes);
        for (package, versions) in there {
            let found = repository.history(&name(package), Target::Bookworm).unwrap();
            let found: Vec<_> = found.iter().map(|one| one.version.to_string()).collect();
            let versions: Vec<_> = versions.iter().map(|one| format!("{one}.0")).collect();
            prop_assert_eq!(found, versions);
        }
    }
}

/// Holds the writer up until `barrier` lets it go.
async fn hold(writer: &Writer, barrier: Arc<Barrier>) -> Result<(), RepoError> {
    let step: Step<()> = Box::new(move |_, _, _| {
        barrier.wait();
        barrier.wait();
        Ok(said(()))
    });
    let (asked, answer) = Asked::new(BTreeSet::new(), step);
    writer.ask(asked, answer).await
}

#[test]
fn what_is_too_much_is_refused_and_what_nobody_waits_for_is_left_out() {
    let (_folder, repository) = repository();
    let writer = writer_of(&repository);
    runtime().block_on(async {
        let barrier = Arc::new(Barrier::new(2));
        let (held, theirs) = (writer.clone(), Arc::clone(&barrier));
        let held = tokio::spawn(async move { hold(&held, theirs).await });
        let met = Arc::clone(&barrier);
        tokio::task::spawn_blocking(move || met.wait())
            .await
            .unwrap();
        let mut waiting: Vec<_> = (0..WAITING)
            .map(|n| {
                Box::pin(wish(
                    &writer,
                    Wish::Publish(u8::try_from(n % 200).unwrap(), 1),
                ))
            })
            .collect();
        for one in &mut waiting {
            assert!(futures_util::poll!(one).is_pending());
        }
        let busy = wish(&writer, Wish::Publish(0, 2)).await.unwrap_err();
        assert_eq!(
            busy.to_string(),
            "1024 requests wait to be published already"
        );
        // Whoever waited for the first ten has gone.
        drop(waiting.drain(..10));
        drop(waiting.split_off(20));
        tokio::task::spawn_blocking(move || barrier.wait())
            .await
            .unwrap();
        held.await.unwrap().unwrap();
        assert!(join_all(waiting).await.iter().all(Result::is_ok));
        let names = repository.names(Target::Bookworm).unwrap();
        assert!(!names.contains("p9") && names.contains("p10") && names.contains("p29"));
        assert!(!names.contains("p30"), "nobody waited for it");
    });
}

#[test]
fn closing_answers_what_was_accepted_and_accepts_nothing_more() {
    let (_folder, repository) = repository();
    let writer = writer_of(&repository);
    runtime().block_on(async {
        writer.close().await;
        let gone = wish(&writer, Wish::Publish(0, 1)).await.unwrap_err();
        assert!(matches!(gone, RepoError::WriterGone), "{gone}");
        let writer = writer_of(&repository);
        let asked: Vec<_> = (0..30)
            .map(|n| {
                let writer = writer.clone();
                tokio::spawn(async move { wish(&writer, Wish::Publish(n, 1)).await })
            })
            .collect();
        while writer.inner.state().waiting.len() < 5 && !asked.iter().all(|one| one.is_finished()) {
            tokio::task::yield_now().await;
        }
        writer.close().await;
        assert!(writer.inner.state().waiting.is_empty());
        let mut done = 0;
        for one in asked {
            done += usize::from(one.await.unwrap().is_ok());
        }
        assert!(done >= 5, "{done} were accepted");
        assert_eq!(repository.names(Target::Bookworm).unwrap().len(), done);
    });
}

#[test]
fn a_request_that_panics_takes_nobody_with_it_for_ever() {
    let (_folder, repository) = repository();
    let writer = writer_of(&repository);
    runtime().block_on(async {
        let step: Step<()> = Box::new(|_, _, _| panic!("a defect"));
        let (asked, answer) = Asked::new(BTreeSet::new(), step);
        let gone = writer.ask(asked, answer).await.unwrap_err();
        assert!(matches!(gone, RepoError::WriterGone), "{gone}");
        wish(&writer, Wish::Publish(0, 1)).await.unwrap();
    });
}
