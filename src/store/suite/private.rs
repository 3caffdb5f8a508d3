//! Private sources, and what opens them.

use super::*;

pub(super) async fn what_is_private_is_shown_to_its_partner_and_to_auditors(store: &Store) {
    let other = Actor::new("other").unwrap();
    let owner = NamespaceOwner {
        namespace: "secret".parse().unwrap(),
        partner: acme(),
    };
    store
        .add_namespace(&owner, "operator", at(0))
        .await
        .unwrap();
    let plugin: PluginId = "secret/plugin".parse().unwrap();
    store
        .submit(&submission(900, "secret/plugin"), at(0))
        .await
        .unwrap();
    let readers = |namespaces: &[&str]| {
        let namespaces: Vec<Namespace> = namespaces
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        let partner = |name: &Actor| Reader::Partner {
            name: name.clone(),
            namespaces: namespaces.clone(),
        };
        [partner(&acme()), partner(&other)]
    };
    let [own, foreign] = readers(&[]);
    let [within, _] = readers(&["demo", "secret"]);
    let [beside, _] = readers(&["demo", "secre", "secret2"]);
    let all = [
        &own,
        &within,
        &Reader::Everything,
        &foreign,
        &beside,
        &Reader::Anybody,
    ];
    assert_eq!(shown_to(store, &plugin, &all).await, [true; 6]);
    store
        .set_credential(&plugin, "token", "sealed", "token:1", at(0))
        .await
        .unwrap();
    assert_eq!(
        shown_to(store, &plugin, &all).await,
        [true, true, true, false, false, false]
    );
    assert_eq!(
        store.credential(&plugin).await.unwrap().as_deref(),
        Some("sealed")
    );
    store
        .remove_credential(&plugin, "token:1", at(0))
        .await
        .unwrap();
    let missing = store.remove_credential(&plugin, "token:1", at(0)).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
    assert!(
        !shown_to(store, &plugin, &[&Reader::Anybody]).await[0],
        "it stays private"
    );
    store
        .set_private(&plugin, false, "token:1", at(0))
        .await
        .unwrap();
    assert_eq!(shown_to(store, &plugin, &all).await, [true; 6]);
}

/// Whether each reader finds the plugin's build, in every way that there is.
async fn shown_to(store: &Store, plugin: &PluginId, readers: &[&Reader]) -> Vec<bool> {
    let mut found = Vec::new();
    for reader in readers {
        let filter = Filter {
            plugin: Some(plugin.clone()),
            limit: 10,
            reader: (*reader).clone(),
            ..Filter::default()
        };
        let url = "https://git.example.org/secret/plugin";
        let every_way = [
            store.shows(&id(900), reader).await.unwrap(),
            !store.builds(&filter).await.unwrap().is_empty(),
            !store.sources_at(url, "", reader).await.unwrap().is_empty(),
            !store.hidden_plugins(reader).await.unwrap().contains(plugin),
        ];
        assert!(
            every_way == [true; 4] || every_way == [false; 4],
            "{reader:?}: {every_way:?}"
        );
        found.push(every_way[0]);
    }
    found
}
