//! The queue's lock, and what is noted of all that was done.

use super::*;

pub(super) async fn a_lock_keeps_its_first_reason(store: &Store) {
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

pub(super) async fn what_was_done_is_noted(store: &Store) {
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

pub(super) async fn endings_say_whose_they_were_and_who_waits(store: &Store) {
    let code = FailureCode::MirrorError;
    assert_eq!(store.waiting_after(code.word()).await.unwrap(), None);
    let submission = submission(2200, "demo/mirrored");
    store.submit(&submission, at(9_000_000)).await.unwrap();
    begin(store, 2200, 12_200).await;
    let failed = Ended {
        code: Some(code),
        ..ended(2200, 12_200, AttemptState::Failed, BuildState::Queued)
    };
    store.end_attempt(&failed, at(9_000_001)).await.unwrap();
    let last = store.last_endings(1).await.unwrap();
    let ending = Ending {
        blame: Some("upstream".to_owned()),
        partner: "acme".to_owned(),
        plugin: "demo/mirrored".to_owned(),
    };
    assert_eq!(last, [ending]);
    let waiting = store.waiting_after(code.word()).await.unwrap();
    assert_eq!(waiting, Some((1, at(9_000_000))));
    begin(store, 2200, 12_201).await;
    let done = ended(2200, 12_201, AttemptState::Succeeded, BuildState::Succeeded);
    store.end_attempt(&done, at(9_000_002)).await.unwrap();
    assert_eq!(store.last_endings(1).await.unwrap()[0].blame, None);
    assert_eq!(store.waiting_after(code.word()).await.unwrap(), None);
}
