//! How builds come to be.

use super::*;

pub(super) async fn a_plugin_comes_from_one_repository(store: &Store) {
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
    let sources = store
        .sources_at(&first.url, "", &Reader::Anybody)
        .await
        .unwrap();
    assert_eq!(sources[0].plugin, first.plugin);
}

pub(super) async fn the_same_key_is_the_same_build(store: &Store) {
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

pub(super) async fn a_newer_build_takes_an_older_ones_place(store: &Store) {
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

pub(super) async fn a_partner_has_so_many_builds_wait(store: &Store) {
    let waiting = store.queue(at(0)).await.unwrap().waiting.len();
    let most_waiting = u32::try_from(waiting).unwrap() + 1;
    let limited = |number, plugin| Submission {
        most_waiting,
        ..submission(number, plugin)
    };
    store
        .submit(&limited(320, "demo/last"), at(0))
        .await
        .unwrap();
    let refused = store
        .submit(&limited(321, "demo/more"), at(0))
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("{most_waiting} builds of acme wait already, and no more may")
    );
    // What takes a place that is freed by it is no more than before.
    store
        .submit(&limited(322, "demo/last"), at(0))
        .await
        .unwrap();
    assert_eq!(
        store
            .sources_at("https://git.example.org/demo/more", "", &Reader::Everything)
            .await
            .unwrap(),
        []
    );
}

pub(super) async fn lists_are_by_plugin_and_by_state(store: &Store) {
    let list = async |plugin: Option<&str>, state, before| {
        let filter = Filter {
            plugin: plugin.map(|plugin| plugin.parse().unwrap()),
            state,
            before,
            limit: 2,
            ..Filter::default()
        };
        let builds = store.builds(&filter).await.unwrap();
        builds.into_iter().map(|build| build.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, None).await, [id(322), id(320)]);
    assert_eq!(list(None, None, Some(id(322))).await, [id(320), id(303)]);
    assert_eq!(
        list(Some("demo/last"), None, Some(id(322))).await,
        [id(320)]
    );
    let superseded = Some(BuildState::Superseded);
    assert_eq!(list(None, superseded, None).await, [id(320), id(301)]);
    assert_eq!(list(Some("demo/last"), superseded, None).await, [id(320)]);
}
