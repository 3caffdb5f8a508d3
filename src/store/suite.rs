//! What the farm's state promises, tried on each database.

use super::*;
use crate::model::{
    Actor, BuildId, BuildState, Channel, CommitId, FailureCode, Priority, Scope, Sha256, Stage,
    Target, Timestamp,
};

#[path = "../../tests/it/postgres.rs"]
mod postgres;

const LEASE: i64 = 30;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_769_860_800 + seconds)
}

fn id(number: u64) -> BuildId {
    let uuid =
        uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number));
    BuildId::from_uuid(uuid)
}

fn acme() -> Actor {
    Actor::new("acme").unwrap()
}

fn submission(number: u64, plugin: &str) -> Submission {
    Submission {
        id: id(number),
        partner: acme(),
        plugin: plugin.parse().unwrap(),
        url: format!("https://git.example.org/{plugin}"),
        subdirectory: String::new(),
        reference: None,
        target: Target::Bookworm,
        channel: Channel::stable(),
        priority: Priority::Normal,
        idempotency_key: None,
        actor: "token:1".to_owned(),
    }
}

fn ended(build: u64, attempt: u64, state: AttemptState, next: BuildState) -> Ended {
    Ended {
        attempt: id(attempt),
        build: id(build),
        state,
        code: None,
        log: Some("log".to_owned()),
        next,
        not_before: at(0),
        result: Some("{}".to_owned()),
        artifacts: Vec::new(),
        publication: None,
    }
}

async fn begin(store: &Store, build: u64, attempt: u64) -> Begun {
    let (build, attempt) = (id(build), id(attempt));
    let begun = store.begin_attempt(&build, &attempt, "here", at(LEASE), at(0));
    begun.await.unwrap()
}

async fn state(store: &Store, build: u64) -> BuildState {
    store.build(&id(build)).await.unwrap().unwrap().state
}

/// Each story works on plugins and builds of its own.
async fn keeps_its_promises(store: &Store) {
    a_namespace_is_one_partners(store).await;
    a_plugin_comes_from_one_repository(store).await;
    the_same_key_is_the_same_build(store).await;
    a_newer_build_takes_an_older_ones_place(store).await;
    an_attempt_leaves_everything_or_nothing(store).await;
    what_is_not_legal_changes_nothing(store).await;
    a_dead_workers_attempt_is_lost_once(store).await;
    a_build_is_stopped_and_tried_again(store).await;
    a_token_ends(store).await;
    a_lock_keeps_its_first_reason(store).await;
    two_workers_never_get_one_build(store).await;
    what_was_done_is_noted(store).await;
}

async fn a_namespace_is_one_partners(store: &Store) {
    for name in ["acme", "other"] {
        let partner = Partner {
            name: Actor::new(name).unwrap(),
            weight: 2,
            running_cap: 3,
        };
        store.add_partner(&partner, at(0)).await.unwrap();
        let again = store.add_partner(&partner, at(0)).await;
        assert!(matches!(again, Err(StoreError::Taken { .. })));
    }
    let partners = store.partners().await.unwrap();
    let first = &partners[0];
    assert_eq!(
        (first.name.as_str(), first.weight, first.running_cap),
        ("acme", 2, 3)
    );
    let owner = |partner: &str| NamespaceOwner {
        namespace: "demo".parse().unwrap(),
        partner: Actor::new(partner).unwrap(),
    };
    let nobody = store.add_namespace(&owner("nobody"), at(0)).await;
    assert!(matches!(nobody, Err(StoreError::Missing { .. })));
    store.add_namespace(&owner("acme"), at(0)).await.unwrap();
    let taken = store.add_namespace(&owner("other"), at(0)).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })));
    assert_eq!(store.namespaces().await.unwrap(), [owner("acme")]);
}

async fn a_plugin_comes_from_one_repository(store: &Store) {
    let first = submission(100, "demo/bound");
    assert!(store.submit(&first, at(0)).await.unwrap().fresh);
    let elsewhere = Submission {
        id: id(101),
        url: "https://git.example.org/another".to_owned(),
        ..first.clone()
    };
    let refused = store.submit(&elsewhere, at(0)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "demo/bound comes from https://git.example.org/demo/bound, and from no other repository"
    );
    let stranger = Submission {
        partner: Actor::new("other").unwrap(),
        ..elsewhere
    };
    let refused = store.submit(&stranger, at(0)).await;
    assert!(matches!(refused, Err(StoreError::NotOwner { .. })));
    assert_eq!(store.build(&id(101)).await.unwrap(), None);
    assert_eq!(
        state(store, 100).await,
        BuildState::Queued,
        "nothing took its place"
    );
    let sources = store.sources_at(&first.url, "").await.unwrap();
    assert_eq!(sources[0].plugin, first.plugin);
}

async fn the_same_key_is_the_same_build(store: &Store) {
    let first = Submission {
        idempotency_key: Some("once".to_owned()),
        ..submission(200, "demo/once")
    };
    store.submit(&first, at(0)).await.unwrap();
    let again = Submission {
        id: id(201),
        ..first.clone()
    };
    let submitted = store.submit(&again, at(0)).await.unwrap();
    assert_eq!((submitted.build, submitted.fresh), (id(200), false));
    let other = Submission {
        reference: Some("v2".to_owned()),
        ..again
    };
    let refused = store.submit(&other, at(0)).await;
    assert!(matches!(refused, Err(StoreError::KeyReused)));
}

async fn a_newer_build_takes_an_older_ones_place(store: &Store) {
    for number in [300, 301] {
        store
            .submit(&submission(number, "demo/newer"), at(0))
            .await
            .unwrap();
        begin_if(store, number == 300, number).await;
    }
    let trixie = Submission {
        target: Target::Trixie,
        ..submission(302, "demo/newer")
    };
    assert_eq!(store.submit(&trixie, at(0)).await.unwrap().superseded, []);
    let last = store
        .submit(&submission(303, "demo/newer"), at(0))
        .await
        .unwrap();
    assert_eq!(last.superseded, [id(301)]);
    assert_eq!(
        state(store, 300).await,
        BuildState::Running,
        "what runs goes on"
    );
    assert_eq!(state(store, 301).await, BuildState::Superseded);
}

async fn begin_if(store: &Store, wanted: bool, build: u64) {
    if wanted {
        begin(store, build, build + 10_000).await;
    }
}

async fn an_attempt_leaves_everything_or_nothing(store: &Store) {
    store
        .submit(&submission(400, "demo/whole"), at(0))
        .await
        .unwrap();
    assert_eq!(
        begin(store, 400, 10_400).await,
        Begun {
            number: 1,
            tries: 1
        }
    );
    let commit = CommitId::new(&"a".repeat(40)).unwrap();
    store.pin(&id(400), &commit).await.unwrap();
    for stage in [Stage::Build, Stage::Fetch] {
        store.begin_stage(&id(10_400), stage, at(1)).await.unwrap();
    }
    let took = std::time::Duration::from_millis(1500);
    store
        .end_stage(&id(10_400), Stage::Fetch, took, "at aaa")
        .await
        .unwrap();
    let stages = store.stages(&id(10_400)).await.unwrap();
    let words: Vec<_> = stages
        .iter()
        .map(|row| (row.stage.as_str(), row.took_ms))
        .collect();
    assert_eq!(words, [("fetch", Some(1500)), ("build", None)]);

    let artifact = |name: &str| Artifact {
        attempt: id(10_400),
        name: name.to_owned(),
        sha256: Sha256::of(name.as_bytes()),
        size: 9,
    };
    let publication = Publication {
        suite: "bookworm".to_owned(),
        package: "wazo-plugind-whole-demo".to_owned(),
        version: "1-0+deb12u1".to_owned(),
        published_at: at(9),
    };
    let good = Ended {
        artifacts: vec![artifact("a.log"), artifact("b.deb")],
        publication: Some(publication.clone()),
        ..ended(400, 10_400, AttemptState::Succeeded, BuildState::Succeeded)
    };
    let twice = Ended {
        artifacts: vec![artifact("a.log"), artifact("a.log")],
        ..good.clone()
    };
    assert!(store.end_attempt(&twice, at(9)).await.is_err());
    assert_eq!(state(store, 400).await, BuildState::Running);
    store.end_attempt(&good, at(9)).await.unwrap();
    let build = store.build(&id(400)).await.unwrap().unwrap();
    assert_eq!(
        (build.state, build.ended_at),
        (BuildState::Succeeded, Some(at(9)))
    );
    assert_eq!(build.commit.as_deref(), Some(commit.as_str()));
    let names: Vec<_> = store.artifacts(&id(400)).await.unwrap();
    assert_eq!(
        names,
        [artifact("b.deb"), artifact("a.log")],
        "the package first"
    );
    assert_eq!(
        store.publication(&id(400)).await.unwrap(),
        Some(publication)
    );
    let used = store.queue(at(0)).await.unwrap().used;
    assert!(used.iter().any(|used| used.seconds == 9), "{used:?}");
}

async fn what_is_not_legal_changes_nothing(store: &Store) {
    let again = store
        .begin_attempt(&id(400), &id(10_401), "here", at(LEASE), at(0))
        .await;
    insta::assert_snapshot!(again.unwrap_err(), @"build 01900000-0000-7000-8000-000000000190 is succeeded: it cannot become running");
    let retried = store.retry(&id(400), "token:1", at(0)).await;
    assert!(matches!(retried, Err(StoreError::Transition { .. })));
    let cancelled = store.cancel(&id(400), "token:1", at(0)).await;
    assert!(matches!(cancelled, Err(StoreError::Transition { .. })));
    let missing = store.cancel(&id(499), "token:1", at(0)).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
    assert_eq!(state(store, 400).await, BuildState::Succeeded);
    assert_eq!(store.attempts(&id(400)).await.unwrap().len(), 1);
}

async fn a_dead_workers_attempt_is_lost_once(store: &Store) {
    store
        .submit(&submission(500, "demo/lost"), at(0))
        .await
        .unwrap();
    begin(store, 500, 10_500).await;
    store.renew(&id(10_500), at(3 * LEASE)).await.unwrap();
    let of = |lost: Vec<Lost>| lost.into_iter().find(|lost| lost.build == id(500));
    assert_eq!(of(store.lost(None, at(2 * LEASE)).await.unwrap()), None);
    assert!(of(store.lost(Some("here"), at(0)).await.unwrap()).is_some());
    let lost = of(store.lost(None, at(3 * LEASE)).await.unwrap()).unwrap();
    assert_eq!((lost.attempt.clone(), lost.times), (id(10_500), 1));
    let gone = ended(500, 10_500, AttemptState::Lost, BuildState::Queued);
    store.end_attempt(&gone, at(100)).await.unwrap();
    // Whoever was believed dead and is not learns that it is not its build any more.
    for refused in [
        store.renew(&id(10_500), at(999)).await.map(drop),
        store.end_attempt(&gone, at(101)).await,
    ] {
        assert!(matches!(refused, Err(StoreError::LeaseLost { .. })));
    }
    assert_eq!(
        begin(store, 500, 10_501).await,
        Begun {
            number: 2,
            tries: 2
        }
    );
    let lost = of(store.lost(None, at(999)).await.unwrap()).unwrap();
    assert_eq!((lost.attempt, lost.times), (id(10_501), 2));
    let end = ended(500, 10_501, AttemptState::Lost, BuildState::Quarantined);
    store.end_attempt(&end, at(999)).await.unwrap();
}

async fn a_build_is_stopped_and_tried_again(store: &Store) {
    store
        .submit(&submission(600, "demo/stop"), at(0))
        .await
        .unwrap();
    store.cancel(&id(600), "token:1", at(1)).await.unwrap();
    store.cancel(&id(600), "token:1", at(1)).await.unwrap();
    assert_eq!(state(store, 600).await, BuildState::Cancelled);
    store.retry(&id(600), "token:1", at(2)).await.unwrap();
    let begun = begin(store, 600, 10_600).await;
    assert_eq!(
        begun,
        Begun {
            number: 1,
            tries: 1
        }
    );
    assert!(!store.renew(&id(10_600), at(LEASE)).await.unwrap());
    store.cancel(&id(600), "token:1", at(3)).await.unwrap();
    assert_eq!(state(store, 600).await, BuildState::Running);
    assert!(
        store.renew(&id(10_600), at(LEASE)).await.unwrap(),
        "its worker hears of it"
    );
    let failed = Ended {
        code: Some(FailureCode::Cancelled),
        ..ended(600, 10_600, AttemptState::Cancelled, BuildState::Cancelled)
    };
    store.end_attempt(&failed, at(4)).await.unwrap();
    let attempt = store.attempts(&id(600)).await.unwrap().remove(0);
    assert_eq!(
        (attempt.state.as_str(), attempt.code.as_deref()),
        ("cancelled", Some("cancelled"))
    );
}

async fn a_token_ends(store: &Store) {
    let secret = Sha256::of(b"secret");
    let new = NewToken {
        id: "t1".to_owned(),
        sha256: secret,
        partner: Some(acme()),
        scopes: vec![Scope::Submit],
        namespaces: vec!["demo".parse().unwrap()],
        expires_at: at(100),
    };
    store.add_token(&new, at(0)).await.unwrap();
    let token = store.authenticate(secret, at(99)).await.unwrap().unwrap();
    let other = "other".parse().unwrap();
    assert!(token.allows(Scope::Submit, Some(&"demo".parse().unwrap())));
    assert!(!token.allows(Scope::Submit, Some(&other)));
    assert!(!token.allows(Scope::Manage, None));
    assert_eq!(store.authenticate(secret, at(100)).await.unwrap(), None);
    assert_eq!(
        store
            .authenticate(Sha256::of(b"guess"), at(0))
            .await
            .unwrap(),
        None
    );
    store.revoke_token("t1", at(50)).await.unwrap();
    store.revoke_token("t1", at(60)).await.unwrap();
    assert_eq!(store.authenticate(secret, at(51)).await.unwrap(), None);
    assert_eq!(store.tokens().await.unwrap()[0].revoked_at, Some(at(50)));
    let missing = store.revoke_token("t2", at(0)).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}

async fn a_lock_keeps_its_first_reason(store: &Store) {
    store
        .lock_queue("the engine is gone", "farm", at(0))
        .await
        .unwrap();
    store.lock_queue("again", "farm", at(1)).await.unwrap();
    let locked = store.queue(at(0)).await.unwrap().locked;
    assert_eq!(locked.as_deref(), Some("the engine is gone"));
    assert!(store.unlock_queue("operator", at(2)).await.unwrap());
    assert!(!store.unlock_queue("operator", at(2)).await.unwrap());
    assert_eq!(store.queue_lock().await.unwrap(), None);
}

async fn two_workers_never_get_one_build(store: &Store) {
    for number in 700..710 {
        let plugin = format!("demo/race{number}");
        store
            .submit(&submission(number, &plugin), at(0))
            .await
            .unwrap();
        let tries = (0..4).map(|worker| {
            let (store, attempt) = (store.clone(), id(20_000 + number * 10 + worker));
            let begin = async move {
                store
                    .begin_attempt(&id(number), &attempt, "here", at(LEASE), at(0))
                    .await
            };
            tokio::spawn(begin)
        });
        let mut won = 0;
        for tried in tries.collect::<Vec<_>>() {
            won += usize::from(tried.await.unwrap().is_ok());
        }
        assert_eq!(won, 1, "{number}");
    }
}

async fn what_was_done_is_noted(store: &Store) {
    let events = store.events(1000).await.unwrap();
    for action in [
        "partner.add",
        "namespace.add",
        "build.submit",
        "build.supersede",
        "build.cancel",
        "build.retry",
        "token.create",
        "token.revoke",
        "queue.lock",
        "queue.unlock",
    ] {
        assert!(
            events.iter().any(|event| event.action == action),
            "{action}"
        );
    }
    assert!(events.iter().all(|event| event.subject != "secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farm.sqlite");
    keeps_its_promises(&Store::sqlite(&path).await.unwrap()).await;
    // Opened again, it is as it was.
    let again = Store::sqlite(&path).await.unwrap();
    assert_eq!(state(&again, 400).await, BuildState::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_its_promises() {
    let server = postgres::Postgres::start();
    keeps_its_promises(&Store::postgres(&server.url()).await.unwrap()).await;
    let again = Store::postgres(&server.url()).await.unwrap();
    assert_eq!(state(&again, 400).await, BuildState::Succeeded);
    again.close().await;
}

#[tokio::test]
async fn a_full_disk_has_a_name_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farm.sqlite");
    let store = Store::sqlite(&path).await.unwrap();
    let pages = store_pages(&store).await;
    store.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().pragma("max_page_count", pages);
    let store = Store::sqlite_with(&path, options).await.unwrap();
    let mut added = 0_u32;
    let refused = loop {
        let partner = Partner {
            name: Actor::new(&format!("p{added}")).unwrap(),
            weight: 1,
            running_cap: 1,
        };
        match store.add_partner(&partner, at(0)).await {
            Ok(()) => added += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    assert_eq!(
        store.partners().await.unwrap().len(),
        usize::try_from(added).unwrap()
    );
}

async fn store_pages(store: &Store) -> String {
    let driver::Driver::Sqlite(pool) = &store.driver else {
        panic!("it is SQLite");
    };
    let (pages,): (i64,) = sqlx::query_as("PRAGMA page_count")
        .fetch_one(pool)
        .await
        .unwrap();
    pages.to_string()
}
