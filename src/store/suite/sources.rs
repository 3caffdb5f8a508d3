//! Where plugins come from.

use super::*;

pub(super) async fn a_plugin_moves_only_where_that_is_said(store: &Store) {
    let source = |plugin: &str, url: &str| Source {
        plugin: plugin.parse().unwrap(),
        url: url.to_owned(),
        subdirectory: String::new(),
    };
    let (old, new) = ("https://git.example.org/old", "https://git.example.org/new");
    let strange = source("nobody/moves", old);
    let stranger = store.bind_source(&strange, false, "token:1", at(0));
    assert!(matches!(
        stranger.await,
        Err(StoreError::Missing {
            what: "namespace",
            ..
        })
    ));
    let first = source("demo/moves", old);
    for _ in 0..2 {
        let bound = store.bind_source(&first, false, "token:1", at(0));
        bound.await.unwrap();
    }
    let second = source("demo/moves", new);
    let refused = store.bind_source(&second, false, "token:1", at(0)).await;
    assert!(matches!(refused, Err(StoreError::SourceBound { .. })));
    let moved = store.bind_source(&second, true, "operator", at(0));
    moved.await.unwrap();
    let known = store.bound_source(&first.plugin).await.unwrap();
    let expected = BoundSource {
        source: second,
        partner: acme(),
        private: false,
    };
    assert_eq!(known, Some(expected));
}

pub(super) async fn plugins_are_listed_piece_by_piece(store: &Store) {
    let namespace = "demo".parse().unwrap();
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let found = store
            .sources(Some(&namespace), after.as_ref(), 2, &Reader::Anybody)
            .await;
        let found = found.unwrap();
        let Some(last) = found.last() else {
            break;
        };
        assert_eq!(last.partner, acme());
        after = Some(last.source.plugin.clone());
        seen.extend(found.into_iter().map(|one| one.source.plugin));
    }
    let whole = store.sources(Some(&namespace), None, 1000, &Reader::Anybody);
    let whole = whole.await.unwrap().into_iter();
    assert_eq!(seen, whole.map(|one| one.source.plugin).collect::<Vec<_>>());
    assert!(seen.len() > 2, "{seen:?}");
    // What is private is not there for others.
    let hidden = seen[0].clone();
    store
        .set_private(&hidden, true, "token:1", at(0))
        .await
        .unwrap();
    let own = Reader::Partner {
        name: acme(),
        namespaces: Vec::new(),
    };
    for (reader, is_shown) in [
        (Reader::Anybody, false),
        (own, true),
        (Reader::Everything, true),
    ] {
        let listed = store
            .sources(Some(&namespace), None, 1, &reader)
            .await
            .unwrap();
        assert_eq!(listed[0].source.plugin == hidden, is_shown, "{reader:?}");
        let found = store.shown_source(&hidden, &reader).await.unwrap();
        assert_eq!(found.is_some(), is_shown, "{reader:?}");
    }
    store
        .set_private(&hidden, false, "token:1", at(0))
        .await
        .unwrap();
}
