//! Members of a gzip file (RFC 1952). Joined, they are one file, which every reader of gzip reads to its end.

use std::io::{Read as _, Write as _};

use flate2::{Compression, GzBuilder};

use super::error::IndexError;
use super::shard::Effort;

/// One member. The same text gives the same bytes: no name, no time.
pub(super) fn member(text: &[u8], effort: Effort) -> Result<Vec<u8>, IndexError> {
    let level = match effort {
        Effort::Quick => 1,
        // 9 takes three times as long, and gains nothing with this crate.
        Effort::Best => 6,
    };
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::new(level));
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    written.map_err(|source| IndexError::Compress { source })
}

/// The text of one member, which must have exactly `size` bytes; its own CRC-32 has been compared.
pub(super) fn text(member: &[u8], size: u64) -> Result<String, IndexError> {
    let damaged = |reason: String| IndexError::Damaged {
        what: "the index's .gz",
        reason,
    };
    let mut text = String::new();
    flate2::bufread::GzDecoder::new(member)
        .take(size + 1)
        .read_to_string(&mut text)
        .map_err(|error| damaged(error.to_string()))?;
    if text.len() as u64 != size {
        return Err(damaged(format!(
            "a shard has {} bytes of text, and should have {size}",
            text.len()
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_gives_its_text_again() {
        for effort in [Effort::Quick, Effort::Best] {
            let bytes = member("Package: a\n\n".as_bytes(), effort).unwrap();
            assert_eq!(text(&bytes, 12).unwrap(), "Package: a\n\n");
        }
    }

    #[test]
    fn damage_and_another_length_are_named() {
        let good = member(b"Package: a\n\n", Effort::Best).unwrap();
        for size in [0, 11, 13] {
            assert!(matches!(text(&good, size), Err(IndexError::Damaged { .. })));
        }
        let mut bad = good;
        let last = bad.len() - 6;
        bad[last] ^= 1;
        assert!(matches!(text(&bad, 12), Err(IndexError::Damaged { .. })));
    }
}
