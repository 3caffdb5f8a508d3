//! What comes in from forges, and what is told.

use super::*;
use crate::forge::Forge;

fn plugin() -> PluginId {
    "demo/watched".parse().unwrap()
}

fn watch() -> Watch {
    Watch {
        plugin: plugin(),
        branches: vec!["main".to_owned()],
        tags: vec!["v*".to_owned(), "x".to_owned()],
        target: Target::Bookworm,
        channel: Channel::stable(),
        lists: 60,
    }
}

pub(super) async fn a_watched_repository_is_asked_by_one_at_a_time(store: &Store) {
    let nowhere = store.set_watch(&watch(), "token:1", at(0)).await;
    assert!(matches!(nowhere, Err(StoreError::Missing { .. })));
    store
        .submit(&submission(1000, "demo/watched"), at(0))
        .await
        .unwrap();
    store.set_watch(&watch(), "token:1", at(0)).await.unwrap();
    assert_eq!(store.take_watch(at(90), at(-1)).await.unwrap(), None);
    let taken = store.take_watch(at(90), at(0)).await.unwrap().unwrap();
    assert_eq!((taken.watch, taken.known), (watch(), false));
    assert_eq!(store.take_watch(at(90), at(89)).await.unwrap(), None);
    let heads = [("refs/heads/main".to_owned(), "a".repeat(40))];
    store.note_heads(&watch(), &heads, at(60)).await.unwrap();
    assert_eq!(store.heads(&plugin()).await.unwrap(), heads);
    for _ in 0..2 {
        store
            .note_unlisted(&plugin(), "no answer", at(120))
            .await
            .unwrap();
    }
    let found = store.watch(&plugin()).await.unwrap().unwrap();
    assert_eq!((found.known, found.failures), (true, 2));
    assert_eq!(found.problem.as_deref(), Some("no answer"));
    // Watched in another way, it is not known any more what it has; who asked in the old way says nothing about that.
    let other = Watch {
        branches: vec!["next".to_owned()],
        lists: 0,
        ..watch()
    };
    store.set_watch(&other, "token:1", at(0)).await.unwrap();
    store.note_heads(&watch(), &heads, at(60)).await.unwrap();
    let found = store.watch(&plugin()).await.unwrap().unwrap();
    assert_eq!((found.known, found.failures), (false, 0));
    assert_eq!(store.heads(&plugin()).await.unwrap(), []);
    assert_eq!(store.take_watch(at(900), at(800)).await.unwrap(), None);
    store
        .remove_watch(&plugin(), "token:1", at(0))
        .await
        .unwrap();
    assert_eq!(store.watch(&plugin()).await.unwrap(), None);
}

fn delivery(number: u32, verdict: &str) -> Delivery {
    Delivery {
        id: format!("{verdict}-{number:05}"),
        delivery: format!("{verdict}-{number}"),
        received_at: at(0),
        event: "push".to_owned(),
        reference: None,
        commit: None,
        verdict: verdict.to_owned(),
        reason: "because".to_owned(),
        build: None,
    }
}

pub(super) async fn a_delivery_is_known_again_and_not_pushed_out_by_strangers(store: &Store) {
    let hook = Hook {
        id: "h1".to_owned(),
        plugin: plugin(),
        forge: Forge::Gitea,
        sealed: "sealed".to_owned(),
        created_at: at(0),
    };
    store.add_hook(&hook, "token:1").await.unwrap();
    assert_eq!(store.hook("h1").await.unwrap().as_ref(), Some(&hook));
    assert_eq!(store.hooks(&plugin()).await.unwrap(), [hook]);
    let first = delivery(1, "received");
    assert_eq!(store.add_delivery("h1", &first).await.unwrap(), first);
    store
        .end_delivery(&first.id, "built", "it is", Some(&id(1000)))
        .await
        .unwrap();
    let again = Delivery {
        id: "received-00002".to_owned(),
        ..first.clone()
    };
    let known = store.add_delivery("h1", &again).await.unwrap();
    assert_eq!((known.id, known.build), (first.id, Some(id(1000))));
    for number in 0..30 {
        let refused = delivery(number, "refused");
        store.add_delivery("h1", &refused).await.unwrap();
    }
    let all = store.deliveries("h1").await.unwrap();
    let refused = all.iter().filter(|one| one.verdict == "refused").count();
    assert_eq!((all.len(), refused), (21, 20));
    assert!(all.iter().any(|one| one.delivery == "refused-29"));
    store.remove_hook("h1", "token:1", at(0)).await.unwrap();
    assert_eq!(store.deliveries("h1").await.unwrap(), []);
    assert_eq!(store.hook("h1").await.unwrap(), None);
}

async fn ends(store: &Store, build: u64, attempt: u64, next: BuildState) {
    let state = match next {
        BuildState::Succeeded => AttemptState::Succeeded,
        _ => AttemptState::Failed,
    };
    begin(store, build, attempt).await;
    let ended = ended(build, attempt, state, next);
    store.end_attempt(&ended, at(0)).await.unwrap();
}

pub(super) async fn an_outcome_is_told_once_to_each_who_wants_to_hear_of_it(store: &Store) {
    let subscription = |id: &str, plugin: Option<&str>, events: &[&str]| Subscription {
        id: id.to_owned(),
        partner: acme(),
        plugin: plugin.map(|plugin| plugin.parse().unwrap()),
        kind: "mail".to_owned(),
        address: "ops@example.org".to_owned(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        sealed: None,
        created_at: at(0),
    };
    for number in 0..3 {
        store
            .submit(
                &submission(1100 + number, &format!("demo/told{number}")),
                at(0),
            )
            .await
            .unwrap();
    }
    let all = [
        subscription("all", None, &["succeeded", "failed", "recovered"]),
        subscription("bad", Some("demo/told0"), &["failed", "recovered"]),
        subscription("other", Some("demo/told1"), &["failed"]),
    ];
    for one in &all {
        store.subscribe(one, "token:1").await.unwrap();
    }
    assert_eq!(store.subscriptions(Some(&acme())).await.unwrap(), all);
    let foreign = subscription("foreign", Some("nobody/x"), &["failed"]);
    assert!(store.subscribe(&foreign, "token:1").await.is_err());

    // What is tried again has come to nothing yet.
    ends(store, 1100, 1110, BuildState::Queued).await;
    assert_eq!(store.letters("all", 9).await.unwrap(), []);
    ends(store, 1100, 1111, BuildState::Failed).await;
    store.retry(&id(1100), "token:1", at(0)).await.unwrap();
    ends(store, 1100, 1112, BuildState::Succeeded).await;
    let again = ended(1100, 1112, AttemptState::Succeeded, BuildState::Succeeded);
    assert!(store.end_attempt(&again, at(0)).await.is_err());
    let told = async |subscription| {
        let letters = store.letters(subscription, 9).await.unwrap();
        let mut events: Vec<_> = letters.into_iter().map(|one| one.event).collect();
        events.sort();
        events
    };
    assert_eq!(told("all").await, ["failed", "recovered"]);
    assert_eq!(told("bad").await, ["failed", "recovered"]);
    ends(store, 1102, 1113, BuildState::Succeeded).await;
    assert_eq!(told("all").await, ["failed", "recovered", "succeeded"]);
    assert_eq!(told("other").await, [""; 0]);
    is_sent_by_one_at_a_time(store).await;
    for one in &all {
        store
            .unsubscribe(&one.id, Some(&acme()), "token:1", at(0))
            .await
            .unwrap();
    }
    assert_eq!(store.subscriptions(None).await.unwrap(), []);
}

async fn is_sent_by_one_at_a_time(store: &Store) {
    let mut taken = Vec::new();
    while let Some(letter) = store.take_letter(at(60), at(0)).await.unwrap() {
        assert_eq!(letter.tries, 1);
        taken.push(letter.id);
    }
    assert_eq!(taken.len(), 5);
    store.letter_sent(&taken[0], at(1)).await.unwrap();
    let again = Some(at(100));
    store
        .letter_failed(&taken[1], "no answer", again, at(1))
        .await
        .unwrap();
    store
        .letter_failed(&taken[2], "gone", None, at(1))
        .await
        .unwrap();
    // Whoever took the others has died.
    let mut later = Vec::new();
    while let Some(letter) = store.take_letter(at(200), at(99)).await.unwrap() {
        assert_eq!(letter.tries, 2);
        later.push(letter.id);
    }
    later.sort();
    let mut expected = taken[3..].to_vec();
    expected.sort();
    assert_eq!(later, expected);
    assert_eq!(store.forget_letters(at(2)).await.unwrap(), 2);
}
