//! The memory that a large tree takes. nextest gives every test a process of its own, so the process's peak is this story's.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::num::NonZeroU32;

use plugfarm::deb::Spool;
use plugfarm::deb::package::{Compression, Method, PackageSpec, assemble};
use plugfarm::deb::payload::{PayloadLimits, read_output};
use plugfarm::deb::scripts::ScriptSet;
use plugfarm::model::{Architecture, DebianVersion, Timestamp};

/// A file that forgets what is written to it and gives zeros, so that a tree of 2 GiB needs no disk.
#[derive(Default)]
struct Zeros(u64);

impl Write for Zeros {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Zeros {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        bytes.fill(0);
        Ok(bytes.len())
    }
}

impl Seek for Zeros {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Start(place) => self.0 = place,
            other => panic!("{other:?}"),
        }
        Ok(self.0)
    }
}

/// A tar of `count` files of zeros below `out/tree`, made while it is read.
struct LargeTree {
    count: u64,
    size: u64,
    made: u64,
    block: Cursor<Vec<u8>>,
    zeros: u64,
}

impl LargeTree {
    fn entry(&self) -> (String, tar::EntryType, u64) {
        let folder = tar::EntryType::Directory;
        match self.made {
            0 => ("out/".to_owned(), folder, 0),
            1 => ("out/tree/".to_owned(), folder, 0),
            // Names of 90 bytes are 9 MB in all, not far from their limit.
            n => (
                format!("out/tree/{n:0>90}"),
                tar::EntryType::Regular,
                self.size,
            ),
        }
    }
}

impl Read for LargeTree {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.block.read(bytes)?;
        if read > 0 {
            return Ok(read);
        }
        if self.zeros > 0 {
            let some = bytes.len().min(usize::try_from(self.zeros).unwrap());
            bytes[..some].fill(0);
            self.zeros -= some as u64;
            return Ok(some);
        }
        if self.made > self.count {
            return Ok(0);
        }
        if self.made == self.count {
            self.zeros = 1024;
        } else {
            let (name, kind, size) = self.entry();
            let mut header = tar::Header::new_ustar();
            header.set_path(name).unwrap();
            header.set_entry_type(kind);
            header.set_mode(0o755);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(size);
            header.set_cksum();
            self.block = Cursor::new(header.as_bytes().to_vec());
            self.zeros = size.next_multiple_of(512);
        }
        self.made += 1;
        self.read(bytes)
    }
}

/// The most memory that this process had at once, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Reads a tree of `count` files and writes its package.
fn package(count: u64) {
    let tree = LargeTree {
        count,
        size: 21_000,
        made: 0,
        block: Cursor::default(),
        zeros: 0,
    };
    let mut spool = Spool::new(Zeros::default());
    let payload = read_output(tree, "out", &mut spool, &PayloadLimits::default())
        .unwrap()
        .payload;
    assert!(
        payload.bytes() > (count - 10) * 21_000,
        "{}",
        payload.bytes()
    );
    let spec = PackageSpec {
        package: "large".to_owned(),
        version: DebianVersion::new("1.0-1").unwrap(),
        architecture: Architecture::All,
        maintainer: "A Farm <farm@example.org>".to_owned(),
        depends: Vec::new(),
        section: "misc".to_owned(),
        homepage: None,
        fields: Vec::new(),
        description: "large\n It is large.".to_owned(),
        scripts: ScriptSet::default(),
        conffiles: Vec::new(),
        changes: Vec::new(),
        copyright: String::new(),
        time: Timestamp::from_seconds(0),
    };
    // The compressor's own memory does not count: gzip has next to none.
    let compression = Compression {
        method: Method::Gzip,
        level: 1,
        threads: NonZeroU32::MIN,
    };
    let mut out = tempfile::tempfile().unwrap();
    assemble(&spec, payload, &mut spool, compression, &mut out).unwrap();
}

#[test]
fn two_gibibytes_in_a_hundred_thousand_files_take_less_than_64_mebibytes() {
    // The program's own code, which comes into memory as it is used, does not count.
    package(20);
    let before = peak();
    package(99_990);
    let taken = (peak() - before) >> 20;
    assert!(taken < 64, "{taken} MiB");
}
