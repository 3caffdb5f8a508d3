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
