//! Partners, their namespaces and their tokens.

use super::*;

pub(super) async fn a_namespace_is_one_partners(store: &Store) {
    for name in ["acme", "other"] {
        let partner = Partner {
            name: Actor::new(name).unwrap(),
            weight: 2,
            running_cap: 3,
        };
        store
            .add_partner(&partner, "operator", at(0))
            .await
            .unwrap();
        let again = store.add_partner(&partner, "operator", at(0)).await;
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
    let nobody = store
        .add_namespace(&owner("nobody"), "operator", at(0))
        .await;
    assert!(matches!(nobody, Err(StoreError::Missing { .. })));
    store
        .add_namespace(&owner("acme"), "operator", at(0))
        .await
        .unwrap();
    let taken = store
        .add_namespace(&owner("other"), "operator", at(0))
        .await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })));
    assert_eq!(store.namespaces().await.unwrap(), [owner("acme")]);
}

pub(super) async fn a_token_ends(store: &Store) {
    let secret = Sha256::of(b"secret");
    let new = NewToken {
        id: "t1".to_owned(),
        sha256: secret,
        partner: Some(acme()),
        person: Some(Actor::new("alice").unwrap()),
        scopes: vec![Scope::Submit],
        namespaces: vec!["demo".parse().unwrap()],
        expires_at: at(100),
        made_with: None,
    };
    store.add_token(&new, "operator", at(0)).await.unwrap();
    let token = store.authenticate(secret, at(99)).await.unwrap().unwrap();
    assert_eq!(token.person, new.person);
    // What was made with it, and with that, ends with it.
    let mut secrets = Vec::new();
    for (id, made_with) in [("t1.1", "t1"), ("t1.1.1", "t1.1")] {
        let sha256 = Sha256::of(id.as_bytes());
        let narrower = NewToken {
            id: id.to_owned(),
            sha256,
            made_with: Some(made_with.to_owned()),
            ..new.clone()
        };
        store.add_token(&narrower, "token:t1", at(0)).await.unwrap();
        assert!(store.authenticate(sha256, at(1)).await.unwrap().is_some());
        secrets.push(sha256);
    }
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
    store.revoke_token("t1", "operator", at(50)).await.unwrap();
    store.revoke_token("t1", "token:t0", at(60)).await.unwrap();
    assert_eq!(store.authenticate(secret, at(51)).await.unwrap(), None);
    for secret in secrets {
        assert_eq!(store.authenticate(secret, at(51)).await.unwrap(), None);
    }
    assert_eq!(store.tokens().await.unwrap()[0].revoked_at, Some(at(50)));
    let missing = store.revoke_token("t2", "operator", at(0)).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}
