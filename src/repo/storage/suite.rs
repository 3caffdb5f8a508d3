//! What every storage does, tried on each: a folder, and object stores of different makers.

use std::time::Duration;

use super::*;
use crate::config::S3Config;

#[path = "../../../tests/it/object_store.rs"]
mod object_store;

use object_store::{BUCKET, ObjectStore, with_credentials};

fn date() -> Timestamp {
    Timestamp::from_seconds(1_769_860_800)
}

fn bytes(text: &'static str) -> Content {
    Content::Bytes(Bytes::from_static(text.as_bytes()))
}

fn immutable(key: &str, content: Content, expected: &[u8]) -> Write {
    Write::immutable(key.to_owned(), content, Expected::of(expected))
}

/// Everything that is promised; `other` is the same place, used by somebody else.
fn keeps_its_promises(storage: &dyn Storage, other: &dyn Storage) {
    nothing_is_there(storage);
    a_wave_is_there(storage, other);
    large_files_are_whole(storage, other);
    what_is_not_expected_never_appears(storage);
    one_swap_wins(storage, other);
    one_holds_the_lease(storage, other);
}

fn nothing_is_there(storage: &dyn Storage) {
    assert_eq!(storage.get("pool/x", 9).unwrap(), None);
    assert_eq!(storage.head("pool/x").unwrap(), None);
    assert_eq!(storage.digest("pool/x").unwrap(), None);
    assert_eq!(storage.list("pool").unwrap(), []);
    storage.delete(&["pool/x".to_owned()]).unwrap();
}

fn a_wave_is_there(storage: &dyn Storage, other: &dyn Storage) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), "a file").unwrap();
    let path = Content::File(file.path().to_owned());
    let wave = vec![
        immutable("pool/a/one", bytes("one"), b"one"),
        immutable("pool/a/file", path, b"a file"),
        Write::replaced("pool/b".to_owned(), Bytes::from_static(b"two"), date()),
    ];
    storage.write(wave.clone()).unwrap();
    // Again: by somebody else who was as fast.
    other.write(wave).unwrap();
    let copy = Write {
        kind: Kind::Replaced { date: date() },
        ..immutable("pool/copy", Content::Copy("pool/a/one".to_owned()), b"one")
    };
    storage.write(vec![copy]).unwrap();
    let found = other.list("pool").unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|one| (one.key.as_str(), one.size))
        .collect();
    let expected = [
        ("pool/a/file", 6),
        ("pool/a/one", 3),
        ("pool/b", 3),
        ("pool/copy", 3),
    ];
    assert_eq!(found, expected);
    assert_eq!(other.get("pool/a/file", 6).unwrap().unwrap(), "a file");
    assert_eq!(other.head("pool/b").unwrap().unwrap().size, 3);
    assert_eq!(
        other.digest("pool/copy").unwrap(),
        Some(Expected::of(b"one"))
    );
    let error = other.get("pool/a/file", 5).unwrap_err();
    assert!(matches!(error, StorageError::TooLarge { .. }), "{error}");
    let missing = Content::Copy("pool/none".to_owned());
    let error = storage.write(vec![immutable("pool/c", missing, b"")]);
    assert!(matches!(error, Err(StorageError::Damaged { .. })));
    storage
        .delete(&["pool/b".to_owned(), "pool/copy".to_owned()])
        .unwrap();
    assert_eq!(other.list("pool").unwrap().len(), 2);
}

fn large_files_are_whole(storage: &dyn Storage, other: &dyn Storage) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let content: Vec<u8> = (0..20_u32 << 20)
        .map(|n| (n / 4096 + n % 251) as u8)
        .collect();
    fs_err::write(file.path(), &content).unwrap();
    let write = || {
        immutable(
            "pool/large",
            Content::File(file.path().to_owned()),
            &content,
        )
    };
    storage.write(vec![write()]).unwrap();
    other.write(vec![write()]).unwrap();
    assert_eq!(
        other.digest("pool/large").unwrap(),
        Some(Expected::of(&content))
    );
    fs_err::write(file.path(), &content[1..]).unwrap();
    let changed = Write {
        key: "pool/large2".to_owned(),
        ..write()
    };
    let error = storage.write(vec![changed]).unwrap_err();
    assert!(matches!(error, StorageError::Mismatch { .. }), "{error}");
    assert_eq!(storage.head("pool/large2").unwrap(), None);
}

fn what_is_not_expected_never_appears(storage: &dyn Storage) {
    for wrong in ["on", "onf", "onee"] {
        let error = storage.write(vec![immutable("pool/wrong", bytes(wrong), b"one")]);
        assert!(
            matches!(error, Err(StorageError::Mismatch { .. })),
            "{wrong}"
        );
    }
    assert_eq!(storage.head("pool/wrong").unwrap(), None);
}

fn one_swap_wins(storage: &dyn Storage, other: &dyn Storage) {
    let mut seen = None;
    for round in 0..3_u8 {
        let seen_now = seen.clone();
        let won: Vec<_> = std::thread::scope(|scope| {
            let swaps: Vec<_> = (0..6_u8)
                .map(|n| {
                    let (storage, seen) = (if n % 2 == 0 { storage } else { other }, &seen_now);
                    scope.spawn(move || {
                        storage
                            .swap(".state/x.json", &[round, n], seen.as_ref(), date())
                            .unwrap()
                    })
                })
                .collect();
            let ended = swaps.into_iter().enumerate();
            ended
                .filter_map(|(n, swap)| Some((n, swap.join().unwrap()?)))
                .collect()
        });
        let [(n, tag)] = won.as_slice() else {
            panic!("exactly one wins: {won:?}");
        };
        let found = other.tagged(".state/x.json", 2).unwrap().unwrap();
        assert_eq!(
            (found.bytes.as_ref(), &found.tag),
            (&[round, *n as u8][..], tag)
        );
        seen = Some(found.tag);
    }
    storage.delete(&[".state/x.json".to_owned()]).unwrap();
    let swapped = storage
        .swap(".state/x.json", b"x", seen.as_ref(), date())
        .unwrap();
    assert_eq!(swapped, None, "what is gone is not replaced");
}

fn one_holds_the_lease(storage: &dyn Storage, other: &dyn Storage) {
    let lease = storage.acquire(Duration::ZERO).unwrap();
    lease.check().unwrap();
    let error = other.acquire(Duration::from_millis(300)).unwrap_err();
    let said = error.to_string();
    let process = format!("process {}", std::process::id());
    assert!(
        said.starts_with(&process) && said.contains(" has held "),
        "{said}"
    );
    // Whoever waits gets it when it is given back.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| other.acquire(Duration::from_secs(20)).unwrap());
        std::thread::sleep(Duration::from_millis(300));
        drop(lease);
        waiting.join().unwrap().check().unwrap();
    });
    storage.acquire(Duration::from_secs(5)).unwrap();
}

/// Two users of one bucket.
fn users(endpoint: &str, prefix: &str) -> [S3Storage; 2] {
    let config = S3Config {
        bucket: BUCKET.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        region: None,
        path_style: true,
        certificates: None,
        profile: None,
        single_writer: false,
        timeout: Duration::from_secs(60),
    };
    [(); 2].map(|()| S3Storage::new(&config, None, None).unwrap())
}

fn on(store: &ObjectStore) {
    let [one, other] = users(&store.endpoint(), "a/farm");
    keeps_its_promises(&one, &other);
    let (head, _) = store.fetch("a/farm/pool/a/one").unwrap();
    let head = head.to_lowercase();
    assert!(
        head.contains("cache-control: public, max-age=31536000, immutable"),
        "{head}"
    );
}

#[test]
fn a_folder_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = [(); 2].map(|()| FsStorage::new(folder.path().join("repository")));
    keeps_its_promises(&one, &other);
}

#[test]
fn an_object_store_in_python_keeps_its_promises() {
    let test = concat!(
        module_path!(),
        "::an_object_store_in_python_keeps_its_promises"
    );
    with_credentials(test, || on(&ObjectStore::moto()));
}

#[test]
fn the_lease_of_a_writer_that_died_lapses() {
    let test = concat!(module_path!(), "::the_lease_of_a_writer_that_died_lapses");
    with_credentials(test, || {
        let store = ObjectStore::moto();
        let [died, other] = users(&store.endpoint(), "farm");
        // Neither given back nor renewed any more.
        std::mem::forget(died.acquire(Duration::ZERO).unwrap());
        drop(died);
        let error = other.acquire(Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, StorageError::Held { .. }), "{error}");
        let lease = other.acquire(Duration::from_secs(30)).unwrap();
        lease.check().unwrap();
    });
}

#[test]
fn an_object_store_in_go_keeps_its_promises() {
    let test = concat!(module_path!(), "::an_object_store_in_go_keeps_its_promises");
    with_credentials(test, || on(&ObjectStore::seaweed()));
}
