//! Attempts under leases, and the transitions of builds.

use super::*;

pub(super) async fn an_attempt_leaves_everything_or_nothing(store: &Store) {
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
        let begun = store.begin_stage(&id(10_400), stage, None, at(1)).await;
        begun.unwrap();
    }
    let fetched = EndedStage {
        stage: Stage::Fetch,
        took: std::time::Duration::from_millis(1500),
        summary: "at aaa".to_owned(),
    };
    let attempt = id(10_400);
    store
        .begin_stage(&attempt, Stage::Check, Some(&fetched), at(2))
        .await
        .unwrap();
    let stages = store.stages(&id(10_400)).await.unwrap();
    let words: Vec<_> = stages
        .iter()
        .map(|row| (row.stage.as_str(), row.took_ms))
        .collect();
    assert_eq!(
        words,
        [("fetch", Some(1500)), ("check", None), ("build", None)]
    );

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
        visible_at: None,
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
        Some(publication.clone())
    );
    is_seen_once(store, publication).await;
    let used = store.queue(at(0)).await.unwrap().used;
    assert_eq!((used[0].seconds, used[0].attempts), (9, 1), "{used:?}");
    let took = store.took(9).await.unwrap();
    assert_eq!(
        (took[0].plugin.to_string().as_str(), took[0].seconds),
        ("demo/whole", 9)
    );
}

pub(super) async fn what_is_not_legal_changes_nothing(store: &Store) {
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

pub(super) async fn a_dead_workers_attempt_is_lost_once(store: &Store) {
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
    let gone = Ended {
        charged: false,
        ..gone
    };
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
            tries: 1
        }
    );
    let lost = of(store.lost(None, at(999)).await.unwrap()).unwrap();
    assert_eq!((lost.attempt, lost.times), (id(10_501), 2));
    let before = store.queue(at(0)).await.unwrap().used;
    let end = ended(500, 10_501, AttemptState::Lost, BuildState::Quarantined);
    let end = Ended {
        charged: false,
        ..end
    };
    store.end_attempt(&end, at(999)).await.unwrap();
    assert_eq!(
        store.queue(at(0)).await.unwrap().used,
        before,
        "nobody pays for it"
    );
}

pub(super) async fn a_build_is_stopped_and_tried_again(store: &Store) {
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

pub(super) async fn two_workers_never_get_one_build(store: &Store) {
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

/// A publication is looked for until it is seen; what is kept no longer is forgotten.
async fn is_seen_once(store: &Store, publication: Publication) {
    let unseen = |since| async move { store.unseen(since, 10).await.unwrap() };
    let expected = [(id(400), publication.clone())];
    assert_eq!(unseen(at(9)).await, expected);
    assert_eq!(unseen(at(10)).await, [], "it is given up");
    store.see(&id(400), at(11)).await.unwrap();
    store.see(&id(400), at(12)).await.unwrap();
    assert_eq!(unseen(at(9)).await, []);
    let seen = store.publication(&id(400)).await.unwrap().unwrap();
    assert_eq!(seen.visible_at, Some(at(11)), "the first time counts");

    let leftovers = |before, logs| async move {
        let all = store.leftovers(before, logs, 100).await.unwrap();
        all.into_iter().any(|one| one.attempt == id(10_400))
    };
    assert!(leftovers(at(10), false).await && leftovers(at(10), true).await);
    assert!(!leftovers(at(9), false).await, "it ended then");
    store.forget(&id(10_400), false).await.unwrap();
    assert!(!leftovers(at(10), false).await && leftovers(at(10), true).await);
    assert_eq!(store.artifacts(&id(400)).await.unwrap(), []);
    store.forget(&id(10_400), true).await.unwrap();
    assert!(!leftovers(at(10), true).await);
}
