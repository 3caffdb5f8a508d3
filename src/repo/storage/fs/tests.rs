//! Files in a folder, as the repository needs them.

use std::os::unix::fs::MetadataExt as _;

use super::*;

fn date() -> Timestamp {
    Timestamp::from_seconds(1_769_860_800)
}

fn storage() -> (tempfile::TempDir, FsStorage) {
    let folder = tempfile::tempdir().unwrap();
    let storage = FsStorage::new(folder.path().join("repository"));
    (folder, storage)
}

fn immutable(key: &str, bytes: &'static str, expected: Expected) -> Vec<Write> {
    let content = Content::Bytes(bytes.into());
    vec![Write::immutable(key.to_owned(), content, expected)]
}

fn replaced(key: &str, bytes: &'static str) -> Vec<Write> {
    vec![Write::replaced(key.to_owned(), bytes.into(), date())]
}

#[test]
fn what_is_put_is_there_with_its_date_for_everybody() {
    let (_folder, storage) = storage();
    storage.write(replaced("a/b", "one")).unwrap();
    storage.write(replaced("a/b", "two")).unwrap();
    assert_eq!(storage.get("a/b", 3).unwrap().unwrap(), "two");
    let found = fs::metadata(storage.path("a/b")).unwrap();
    assert_eq!(
        (found.mode() & 0o777, found.mtime()),
        (0o644, date().seconds())
    );
    let folder = fs::metadata(storage.path("a")).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o755);
    assert_eq!(storage.list(TEMPORARY).unwrap(), []);
}

#[test]
fn bytes_that_are_not_what_was_expected_never_appear() {
    let (_folder, storage) = storage();
    let expected = Expected::of(b"abc");
    for bytes in ["ab", "abd", "abcd"] {
        let outcome = storage.write(immutable("x", bytes, expected));
        assert!(matches!(outcome, Err(StorageError::Mismatch { .. })));
    }
    assert_eq!(storage.digest("x").unwrap(), None);
    assert_eq!(storage.list(TEMPORARY).unwrap(), []);
}

#[test]
fn an_immutable_file_stays_and_a_damaged_one_is_healed() {
    let (_folder, storage) = storage();
    let expected = Expected::of(b"abc");
    let create = || storage.write(immutable("x", "abc", expected)).unwrap();
    create();
    let before = fs::metadata(storage.path("x")).unwrap().ino();
    create();
    assert_eq!(fs::metadata(storage.path("x")).unwrap().ino(), before);
    fs::write(storage.path("x"), "abX").unwrap();
    create();
    assert_eq!(storage.digest("x").unwrap(), Some(expected));
}

#[test]
fn a_copy_is_the_same_file_and_what_is_damaged_is_not_copied() {
    let (_folder, storage) = storage();
    let expected = Expected::of(b"abc");
    storage.write(immutable("x", "abc", expected)).unwrap();
    let copy = || {
        let content = Content::Copy("x".to_owned());
        storage.write(vec![Write {
            key: "y".to_owned(),
            content,
            expected,
            kind: Kind::Replaced { date: date() },
        }])
    };
    copy().unwrap();
    copy().unwrap();
    let ino = |key| fs::metadata(storage.path(key)).unwrap().ino();
    assert_eq!(ino("x"), ino("y"));
    assert_eq!(storage.list(TEMPORARY).unwrap(), []);
    fs::write(storage.path("x"), "abX").unwrap();
    assert!(matches!(copy(), Err(StorageError::Damaged { .. })));
}
