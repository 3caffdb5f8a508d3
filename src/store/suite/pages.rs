//! What pages ask for: sessions, plugins by a word, what was published, what failed.

use super::*;

pub(super) async fn a_session_ends_with_its_token(store: &Store) {
    let shown = Sha256::of(b"shown");
    let new = NewToken {
        id: "t2".to_owned(),
        sha256: shown,
        partner: Some(acme()),
        person: None,
        made_with: None,
        scopes: vec![Scope::Manage],
        namespaces: Vec::new(),
        expires_at: at(100),
    };
    store.add_token(&new, "operator", at(0)).await.unwrap();
    let token = store.authenticate(shown, at(0)).await.unwrap().unwrap();
    let (first, second) = (Sha256::of(b"first"), Sha256::of(b"second"));
    store
        .begin_session(first, &token, at(50), at(0))
        .await
        .unwrap();
    store
        .begin_session(second, &token, at(500), at(0))
        .await
        .unwrap();
    let of = async |session, time| store.session(session, at(time)).await.unwrap();
    assert_eq!(of(first, 49).await, Some(token.clone()));
    assert_eq!(of(first, 50).await, None, "its time is over");
    assert_eq!(of(second, 50).await, Some(token));
    assert_eq!(of(second, 100).await, None, "the token's time is over");
    assert_eq!(of(shown, 0).await, None, "a token is no session");
    store.end_session(first).await.unwrap();
    assert_eq!(of(first, 0).await, None);
    store.revoke_token("t2", "operator", at(10)).await.unwrap();
    assert_eq!(of(second, 10).await, None, "the token was revoked");
}

pub(super) async fn pages_find_what_there_is(store: &Store) {
    let plugin = "demo/pages".parse().unwrap();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let submitted = submission(950, "demo/pages");
    store.submit(&submitted, at(0)).await.unwrap();
    begin(store, 950, 951).await;
    store
        .pin(&id(950), &CommitId::new(commit).unwrap())
        .await
        .unwrap();
    let publication = Publication {
        suite: "bookworm".to_owned(),
        package: "wazo-plugind-pages-demo".to_owned(),
        version: "1.0".to_owned(),
        published_at: at(7),
        visible_at: None,
    };
    let succeeded = Ended {
        publication: Some(publication.clone()),
        ..ended(950, 951, AttemptState::Succeeded, BuildState::Succeeded)
    };
    store.end_attempt(&succeeded, at(7)).await.unwrap();

    let row = store
        .shown_source(&plugin, &Reader::Anybody)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.source.plugin.clone(), row.partner.clone()),
        (plugin.clone(), acme())
    );
    let found = store.plugins("o/PAG", 9, &Reader::Anybody).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&row));
    for nothing in ["%", "_", "demo/pages'", "é"] {
        assert_eq!(
            store.plugins(nothing, 9, &Reader::Anybody).await.unwrap(),
            [],
            "{nothing}"
        );
    }
    let found = store
        .publications(Some(&plugin), 9, &Reader::Anybody)
        .await
        .unwrap();
    assert_eq!((found.len(), &found[0].publication), (1, &publication));
    assert_eq!(
        store
            .publications(None, 1, &Reader::Anybody)
            .await
            .unwrap()
            .len(),
        1
    );
    let of = async |digits| {
        store
            .builds_of_commit(digits, 9, &Reader::Anybody)
            .await
            .unwrap()
            .len()
    };
    assert_eq!(
        (of("0123456").await, of("012345").await, of("0123457").await),
        (1, 0, 0)
    );
    let of = async |namespace: &str| {
        let namespace = namespace.parse().unwrap();
        store
            .builds_in(&namespace, 200, &Reader::Anybody)
            .await
            .unwrap()
    };
    let found = of("demo").await;
    assert!(found.iter().any(|build| build.id == id(950)));
    assert!(
        found
            .iter()
            .all(|build| build.plugin.namespace.as_str() == "demo")
    );
    assert!(
        found.is_sorted_by(|one, next| one.id > next.id),
        "the newest first"
    );
    assert_eq!(of("dem").await, []);

    // What has a credential is private: only its partner finds it.
    let sealed = store.set_credential(&plugin, "token", "sealed", "operator", at(8));
    sealed.await.unwrap();
    let partner = Reader::Partner {
        name: acme(),
        namespaces: Vec::new(),
    };
    for (reader, count) in [(Reader::Anybody, 0), (partner, 1), (Reader::Everything, 1)] {
        let plugins = store.plugins("demo/pages", 9, &reader).await.unwrap();
        let published = store.publications(Some(&plugin), 9, &reader).await.unwrap();
        let builds = store.builds_of_commit(commit, 9, &reader).await.unwrap();
        let found = [plugins.len(), published.len(), builds.len()];
        assert_eq!(found, [count; 3], "{reader:?}");
    }
}

pub(super) async fn failures_are_counted_by_blame(store: &Store) {
    store
        .submit(&submission(960, "demo/blamed"), at(1000))
        .await
        .unwrap();
    begin(store, 960, 961).await;
    let failed = Ended {
        code: Some(FailureCode::LogLimit),
        ..ended(960, 961, AttemptState::Failed, BuildState::Failed)
    };
    store.end_attempt(&failed, at(1000)).await.unwrap();
    let counts = store.failures(at(999)).await.unwrap();
    let expected = FailureCount {
        blame: "partner".to_owned(),
        code: "log-limit".to_owned(),
        count: 1,
    };
    assert_eq!(counts, [expected]);
    assert_eq!(store.failures(at(1000)).await.unwrap(), []);
}
