//! A disk that is full.

use super::*;

#[tokio::test]
async fn a_full_disk_has_a_name_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farm.sqlite");
    let store = Store::sqlite(&path).await.unwrap();
    let pages = store_pages(&store).await;
    store.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().pragma("max_page_count", pages);
    let store = Store::sqlite_with(&path, options).await.unwrap();
    let mut added = 0_u32;
    let refused = loop {
        let partner = Partner {
            name: Actor::new(&format!("p{added}")).unwrap(),
            weight: 1,
            running_cap: 1,
        };
        match store.add_partner(&partner, "operator", at(0)).await {
            Ok(()) => added += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    assert_eq!(
        store.partners().await.unwrap().len(),
        usize::try_from(added).unwrap()
    );
}

async fn store_pages(store: &Store) -> String {
    let driver::Driver::Sqlite(pool) = &store.driver else {
        panic!("it is SQLite");
    };
    let (pages,): (i64,) = sqlx::query_as("PRAGMA page_count")
        .fetch_one(pool)
        .await
        .unwrap();
    pages.to_string()
}
