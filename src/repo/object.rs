//! The parts of the state: immutable, named by what they hold, and believed only when they are what their name says.
//!
//! An object is JSON, compressed with zstd. It is written before the root that names it, and read back by its digest.

use std::io::Read as _;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::storage::{Content, Expected, Storage, Write};
use super::{RepoError, layout};
use crate::model::Sha256;

/// The most bytes that an object may have, before and after decompression.
const MAX_OBJECT: u64 = 64 << 20;

/// How hard an object is compressed: the time of a publication counts more than a few bytes.
const LEVEL: i32 = 3;

/// The object with this digest, which must be there.
pub(super) fn load<T: DeserializeOwned>(
    storage: &dyn Storage,
    digest: Sha256,
) -> Result<T, RepoError> {
    let key = layout::object(digest);
    let unusable = |reason: String| RepoError::State {
        place: storage.place(&key),
        reason,
    };
    let found = storage.get(&key, MAX_OBJECT)?;
    let found = found.ok_or_else(|| unusable("it is gone".to_owned()))?;
    if Sha256::of(&found) != digest {
        return Err(unusable("it was changed".to_owned()));
    }
    let text = decompress(&found).map_err(|error| unusable(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))
}

fn decompress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let decoder = zstd::Decoder::new(bytes)?;
    decoder.take(MAX_OBJECT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_OBJECT {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// Adds `value` to the objects that are written before the next commit, and gives its digest.
pub(super) fn add<T: Serialize>(value: &T, wave: &mut Vec<Write>) -> Result<Sha256, RepoError> {
    let unwritable = |reason: String| RepoError::State {
        place: layout::OBJECTS.to_owned(),
        reason,
    };
    let text = serde_json::to_vec(value).map_err(|error| unwritable(error.to_string()))?;
    if text.len() as u64 > MAX_OBJECT {
        return Err(unwritable(format!(
            "an object would have {} bytes, more than {MAX_OBJECT}",
            text.len()
        )));
    }
    let bytes =
        zstd::encode_all(text.as_slice(), LEVEL).map_err(|error| unwritable(error.to_string()))?;
    let expected = Expected::of(&bytes);
    let key = layout::object(expected.sha256);
    wave.push(Write::immutable(
        key,
        Content::Bytes(Bytes::from(bytes)),
        expected,
    ));
    Ok(expected.sha256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::storage::FsStorage;

    #[test]
    fn an_object_is_read_back_and_a_changed_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let storage = FsStorage::new(folder.path().to_owned());
        let mut wave = Vec::new();
        let value = vec!["one".to_owned(), "two".to_owned()];
        let digest = add(&value, &mut wave).unwrap();
        let missing = load::<Vec<String>>(&storage, digest).unwrap_err();
        assert!(missing.to_string().ends_with("it is gone"), "{missing}");
        storage.write(wave).unwrap();
        assert_eq!(load::<Vec<String>>(&storage, digest).unwrap(), value);
        let path = folder.path().join(layout::object(digest));
        fs_err::write(&path, b"x").unwrap();
        let changed = load::<Vec<String>>(&storage, digest).unwrap_err();
        assert!(changed.to_string().ends_with("it was changed"), "{changed}");
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let zeros = std::io::repeat(0).take(MAX_OBJECT + 1);
        let bomb = zstd::encode_all(zeros, LEVEL).unwrap();
        assert!(bomb.len() < 1 << 20);
        assert!(decompress(&bomb).is_err());
    }
}
