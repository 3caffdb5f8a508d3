//! The compressors of a package's members (deb(5)). The same bytes give the same bytes, however many threads work.

use std::io::{self, Write};
use std::num::NonZeroU32;

use flate2::write::GzEncoder;
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use liblzma::write::XzEncoder;

/// How a member is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read by dpkg since bookworm's 1.21.18 and by no earlier Debian.
    Zstd,
    /// Read everywhere; the smallest, and slow.
    Xz,
    /// Read everywhere.
    Gzip,
}

/// A method, its level and how many threads it may use (only zstd uses more than one). Their number does not change the
/// result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// The method.
    pub method: Method,
    /// Its own level: 1 to 22 for zstd, 0 to 9 for the others.
    pub level: u32,
    /// Threads.
    pub threads: NonZeroU32,
}

/// Up to this size xz takes less than a second.
const SMALL: u64 = 4 << 20;

impl Compression {
    /// What suits a payload of `bytes` for every target that the farm has.
    ///
    /// Small ones get xz, Debian's own choice, which also the tools read that do not know zstd (lintian of bookworm). Others
    /// get zstd, which is an order of magnitude faster both ways and not much larger.
    #[must_use]
    pub fn for_payload(bytes: u64, threads: NonZeroU32) -> Self {
        let (method, level) = if bytes <= SMALL {
            (Method::Xz, 6)
        } else {
            (Method::Zstd, 9)
        };
        Self {
            method,
            level,
            threads,
        }
    }

    /// The end of the names of members that are compressed so.
    pub(super) fn extension(self) -> &'static str {
        match self.method {
            Method::Zstd => "zst",
            Method::Xz => "xz",
            Method::Gzip => "gz",
        }
    }

    /// A compressor in front of `inner`, for exactly `size` bytes.
    pub(super) fn encoder<W: Write>(self, inner: W, size: u64) -> io::Result<Encoder<'static, W>> {
        match self.method {
            Method::Zstd => {
                let level = i32::try_from(self.level).unwrap_or(i32::MAX);
                let mut encoder = zstd::Encoder::new(inner, level)?;
                encoder.set_pledged_src_size(Some(size))?;
                encoder.include_checksum(true)?;
                encoder.multithread(self.threads.get())?;
                Ok(Encoder::Zstd(encoder))
            }
            Method::Xz => {
                let stream = xz_stream(self.level, size)?;
                Ok(Encoder::Xz(Box::new(XzEncoder::new_stream(inner, stream))))
            }
            Method::Gzip => {
                let level = flate2::Compression::new(self.level.min(9));
                let builder = flate2::GzBuilder::new().mtime(0).operating_system(3);
                Ok(Encoder::Gzip(builder.write(inner, level)))
            }
        }
    }
}

/// An xz compressor whose dictionary, and so its memory, is no larger than what it will compress.
fn xz_stream(level: u32, size: u64) -> io::Result<Stream> {
    /// The smallest dictionary that xz takes, in bytes.
    const SMALLEST: u64 = 4096;
    /// The largest that is asked for here: the one of level 6.
    const LARGEST: u64 = 8 << 20;
    let size = size.clamp(SMALLEST, LARGEST).next_power_of_two();
    let mut options = LzmaOptions::new_preset(level)?;
    options.dict_size(u32::try_from(size).unwrap_or(u32::MAX));
    let mut filters = Filters::new();
    filters.lzma2(&options);
    Ok(Stream::new_stream_encoder(&filters, Check::Crc64)?)
}

/// A compressor that writes to `W`.
pub(super) enum Encoder<'a, W: Write> {
    Zstd(zstd::Encoder<'a, W>),
    Xz(Box<XzEncoder<W>>),
    Gzip(GzEncoder<W>),
}

impl<W: Write> Encoder<'_, W> {
    /// Ends the compressed stream and gives the inner writer back.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Zstd(encoder) => encoder.finish(),
            Self::Xz(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(encoder) => encoder.write(bytes),
            Self::Xz(encoder) => encoder.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.flush(),
            Self::Xz(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}
