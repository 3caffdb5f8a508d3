//! Builds that wait for what they depend on.

use super::*;

fn plugins(names: &[&str]) -> Vec<crate::model::PluginId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn parking(build: u64, attempt: u64, awaits: &[&str]) -> Ended {
    Ended {
        code: Some(FailureCode::DependencyMissing),
        awaits: plugins(awaits),
        ..ended(build, attempt, AttemptState::Failed, BuildState::Parked)
    }
}

async fn submit(store: &Store, number: u64, plugin: &str) {
    store
        .submit(&submission(number, plugin), at(0))
        .await
        .unwrap();
}

pub(super) async fn a_publication_wakes_what_waits_for_it(store: &Store) {
    for (number, awaits) in [(800, &["demo/base", "demo/lib"][..]), (801, &["demo/base"])] {
        submit(store, number, &format!("demo/user{number}")).await;
        begin(store, number, number + 10_000).await;
        let end = parking(number, number + 10_000, awaits);
        store.end_attempt(&end, at(5)).await.unwrap();
        assert_eq!(state(store, number).await, BuildState::Parked);
    }
    let waits = store.awaited(&id(800), &Reader::Everything).await.unwrap();
    assert_eq!(
        waits.iter().map(|one| &one.last).collect::<Vec<_>>(),
        [&None, &None]
    );
    submit(store, 802, "demo/base").await;
    let waits = store.awaited(&id(801), &Reader::Anybody).await.unwrap();
    assert_eq!(waits[0].last, Some((id(802), BuildState::Queued)));
    let parked = store.parked().await.unwrap();
    assert_eq!(parked.len(), 2);
    assert_eq!(parked[0].awaits, plugins(&["demo/base", "demo/lib"]));

    begin(store, 802, 10_802).await;
    let publication = Publication {
        suite: "bookworm".to_owned(),
        package: "wazo-plugind-base-demo".to_owned(),
        version: "1-0+deb12u1".to_owned(),
        visible_at: None,
        published_at: at(9),
    };
    let published = Ended {
        publication: Some(publication),
        ..ended(802, 10_802, AttemptState::Succeeded, BuildState::Succeeded)
    };
    store.end_attempt(&published, at(9)).await.unwrap();
    assert_eq!(
        state(store, 801).await,
        BuildState::Queued,
        "it waited for nothing else"
    );
    assert_eq!(state(store, 800).await, BuildState::Parked);
    let begun = begin(store, 801, 10_803).await;
    assert_eq!(
        (begun.number, begun.tries),
        (2, 1),
        "having waited is no try"
    );

    let lib = "demo/lib".parse().unwrap();
    let wake = async |target| store.wake(&lib, &Channel::stable(), target, at(10)).await;
    assert_eq!(wake(Target::Trixie).await.unwrap(), 0);
    assert_eq!(wake(Target::Bookworm).await.unwrap(), 1);
    assert_eq!(wake(Target::Bookworm).await.unwrap(), 0);
    assert_eq!(state(store, 800).await, BuildState::Queued);

    // What is parked makes room for a newer one, and can be refused.
    begin(store, 800, 10_804).await;
    store
        .end_attempt(&parking(800, 10_804, &["demo/lib"]), at(11))
        .await
        .unwrap();
    let newer = store
        .submit(&submission(803, "demo/user800"), at(12))
        .await
        .unwrap();
    assert_eq!(newer.superseded, [id(800)]);
    assert_eq!(store.parked().await.unwrap(), []);
    let gone = store.refuse_parked(&id(800), "{}", at(13)).await;
    assert!(matches!(gone, Err(StoreError::Transition { .. })));
    begin(store, 803, 10_805).await;
    store
        .end_attempt(&parking(803, 10_805, &["demo/lib"]), at(14))
        .await
        .unwrap();
    store.refuse_parked(&id(803), "{}", at(15)).await.unwrap();
    assert_eq!(state(store, 803).await, BuildState::Failed);
}
