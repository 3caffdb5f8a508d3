//! One stream of many blocks in the .xz format (tukaani.org/xz/xz-file-format.txt, 1.2.1).
//!
//! apt reads one stream and stops, so that streams cannot be joined; their blocks can. liblzma makes a stream for each block;
//! the index and the footer of the stream that they come into are written here.

use std::io::Write as _;

use super::error::IndexError;
use super::shard::Effort;

/// The stream header: magic, flags (each block ends with its CRC-64), and the CRC-32 of the flags.
pub(super) const HEADER: &[u8; 12] = b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46";

/// The stream flags, again at the end.
const FLAGS: [u8; 2] = [0, 4];

/// Bytes of the footer: CRC-32, backward size, flags, magic.
const FOOTER: usize = 12;

/// What the stream's index says of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// The block's bytes, without the padding at its end.
    pub(super) unpadded: u64,
    /// The text's bytes.
    pub(super) plain: u64,
}

impl Record {
    /// The bytes that the block takes: a multiple of four.
    pub(super) fn size(self) -> u64 {
        self.unpadded.next_multiple_of(4)
    }
}

/// The text as one block, and what the index says of it. No text is no block.
pub(super) fn block(text: &[u8], effort: Effort) -> Result<(Vec<u8>, Record), IndexError> {
    let plain = text.len() as u64;
    if text.is_empty() {
        return Ok((Vec::new(), Record { unpadded: 0, plain }));
    }
    let preset = match effort {
        Effort::Quick => 1,
        Effort::Best => 6,
    };
    let failed = |source| IndexError::Compress { source };
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), preset);
    encoder.write_all(text).map_err(failed)?;
    let mut bytes = encoder.finish().map_err(failed)?;
    let unpadded = unwrap(&mut bytes, plain).ok_or_else(|| {
        failed(std::io::Error::other(
            "liblzma wrote a stream that is not one block",
        ))
    })?;
    Ok((bytes, Record { unpadded, plain }))
}

/// Takes everything but the block off a stream with one block; gives the block's unpadded size.
fn unwrap(stream: &mut Vec<u8>, plain: u64) -> Option<u64> {
    let footer = stream.len().checked_sub(FOOTER)?;
    let stored = stream.get(footer + 4..footer + 8)?.try_into().ok()?;
    let index = (u32::from_le_bytes(stored) as usize + 1) * 4;
    let end = footer.checked_sub(index)?;
    // The padding is three bytes at most, so that one unpadded size alone gives the index that is there.
    let size = end.checked_sub(HEADER.len())? as u64;
    let unpadded = (size.saturating_sub(3)..=size).rev().find(|unpadded| {
        let record = Record {
            unpadded: *unpadded,
            plain,
        };
        Some(trailer([record]).as_slice()) == stream.get(end..)
    })?;
    (stream.get(..HEADER.len())? == HEADER).then_some(())?;
    stream.truncate(end);
    stream.drain(..HEADER.len());
    Some(unpadded)
}

/// What ends a stream of these blocks: its index and its footer. Blocks without text are not in it.
pub(super) fn trailer(records: impl IntoIterator<Item = Record>) -> Vec<u8> {
    let (mut count, mut list) = (0, Vec::new());
    for record in records.into_iter().filter(|record| record.unpadded > 0) {
        count += 1;
        number(&mut list, record.unpadded);
        number(&mut list, record.plain);
    }
    let mut bytes = vec![0];
    number(&mut bytes, count);
    bytes.append(&mut list);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let check = crc32(&bytes);
    bytes.extend(check);
    // The size is stored in units of four bytes, less one; an index of 16 GiB would be needed to exceed it.
    let stored = u32::try_from(bytes.len() / 4 - 1).unwrap_or(u32::MAX);
    let tail = [&stored.to_le_bytes()[..], &FLAGS].concat();
    bytes.extend(crc32(&tail));
    bytes.extend(tail);
    bytes.extend(b"YZ");
    bytes
}

/// A number of variable length: seven bits in a byte, the lowest first.
fn number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    fn join(texts: &[Vec<u8>]) -> Vec<u8> {
        let (mut stream, mut records) = (HEADER.to_vec(), Vec::new());
        for text in texts {
            let (block, record) = block(text, Effort::Quick).unwrap();
            assert_eq!(block.len() as u64, record.size());
            stream.extend(block);
            records.push(record);
        }
        stream.extend(trailer(records));
        stream
    }

    proptest! {
        #[test]
        fn one_stream_of_blocks_is_the_texts_joined(
            texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..700), 0..6),
        ) {
            let stream = join(&texts);
            let mut found = Vec::new();
            // This decoder stops after one stream, as apt's does.
            let mut decoder = liblzma::bufread::XzDecoder::new(stream.as_slice());
            decoder.read_to_end(&mut found).unwrap();
            prop_assert_eq!(found, texts.concat());
            prop_assert_eq!(decoder.total_in(), stream.len() as u64);
        }
    }

    #[test]
    fn a_stream_of_one_block_is_what_the_library_writes() {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(b"Package: a\n\n").unwrap();
        assert_eq!(
            join(&[b"Package: a\n\n".to_vec()]),
            encoder.finish().unwrap()
        );
    }
}
