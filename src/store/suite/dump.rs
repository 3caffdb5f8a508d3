//! The whole state, out and in again.

use super::*;

/// Every table of the database.
async fn schema(store: &Store) -> std::collections::BTreeSet<String> {
    let names: Vec<(String,)> = match &store.driver {
        driver::Driver::Sqlite(pool) => sqlx::query_as(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_%' ESCAPE '\\'",
        )
        .fetch_all(pool)
        .await
        .unwrap(),
        driver::Driver::Postgres(pool) => sqlx::query_as(
            "SELECT table_name::text FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_%'",
        )
        .fetch_all(pool)
        .await
        .unwrap(),
    };
    names.into_iter().map(|(name,)| name).collect()
}

/// Whatever the other stories left in `store` is in SQLite after a dump, byte for byte.
pub(super) async fn a_dump_is_the_whole_state(store: &Store) {
    assert_eq!(
        crate::store::dump::tables(),
        schema(store).await,
        "no table is forgotten"
    );
    let mut lines = Vec::new();
    let rows = store.dump(&mut lines).await.unwrap();
    assert!(rows > 20, "{rows}");
    let folder = tempfile::tempdir().unwrap();
    let other = Store::sqlite(&folder.path().join("farm.sqlite"))
        .await
        .unwrap();
    assert_eq!(other.load(&mut lines.as_slice()).await.unwrap(), rows);
    let mut again = Vec::new();
    assert_eq!(other.dump(&mut again).await.unwrap(), rows);
    // Each database sorts texts in its own way.
    let sorted = |bytes: &[u8]| {
        let mut lines: Vec<_> = bytes
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        lines.sort();
        lines
    };
    assert!(
        sorted(&again) == sorted(&lines),
        "what is read is what was written"
    );

    let twice = other.load(&mut lines.as_slice()).await;
    assert!(matches!(
        twice,
        Err(StoreError::NotEmpty { table: "partners" })
    ));
    let empty = Store::sqlite(&folder.path().join("empty.sqlite"))
        .await
        .unwrap();
    let cut = &lines[..lines.len() - 9];
    for bad in [
        cut,
        b"x\n",
        b"{\"table\":\"sqlite_master\",\"row\":{\"a\":1}}\n",
    ] {
        let refused = empty.load(&mut &bad[..]).await;
        assert!(
            matches!(refused, Err(StoreError::Dump { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(empty.dump(&mut Vec::new()).await.unwrap(), 0, "all or none");
}
