//! The rules of the payload reader, each with the entry that it names.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::model::{FailureCode, Sha256};

/// Builds tars as hostile as need be.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn tree() -> Self {
        Self::default().directory("out/").directory("out/tree/")
    }

    fn header(mut self, name: &str, change: impl FnOnce(&mut tar::Header), data: &[u8]) -> Self {
        let mut header = tar::Header::new_ustar();
        for (to, from) in header.as_old_mut().name.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        header.set_mode(0o644);
        header.set_uid(1000);
        header.set_gid(1000);
        header.set_mtime(1);
        header.set_size(data.len() as u64);
        change(&mut header);
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn directory(self, name: &str) -> Self {
        self.header(
            name,
            |header| {
                header.set_mode(0o755);
                header.set_entry_type(tar::EntryType::Directory);
            },
            b"",
        )
    }

    fn file(self, name: &str, data: &[u8]) -> Self {
        self.header(name, |_| {}, data)
    }

    fn mode(self, name: &str, mode: u32) -> Self {
        self.header(name, |header| header.set_mode(mode), b"x")
    }

    fn kind(self, name: &str, kind: tar::EntryType) -> Self {
        self.header(name, |header| header.set_entry_type(kind), b"")
    }

    fn link(self, name: &str, kind: tar::EntryType, target: &str) -> Self {
        self.header(
            name,
            |header| {
                header.set_entry_type(kind);
                header.set_link_name_literal(target).unwrap();
            },
            b"",
        )
    }

    fn symlink(self, name: &str, target: &str) -> Self {
        self.link(name, tar::EntryType::Symlink, target)
    }

    fn pax(self, records: &str) -> Self {
        self.header(
            "pax",
            |header| header.set_entry_type(tar::EntryType::XHeader),
            records.as_bytes(),
        )
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }

    fn read(self) -> Result<BuildOutput, PayloadError> {
        self.read_within(&PayloadLimits::default())
    }

    fn read_within(self, limits: &PayloadLimits) -> Result<BuildOutput, PayloadError> {
        read_output(self.end().as_slice(), "out", &mut spool(), limits)
    }

    /// The rule that is broken, and the entry that breaks it.
    fn refusal(self) -> (String, Rule) {
        match self.read() {
            Err(PayloadError::Refused { entry, rule }) => (entry, rule),
            other => panic!("{other:?}"),
        }
    }
}

fn spool() -> Spool<Cursor<Vec<u8>>> {
    Spool::new(Cursor::new(Vec::new()))
}

fn refused(entry: &str, rule: Rule) -> (String, Rule) {
    (entry.to_owned(), rule)
}

fn modes(payload: &Payload) -> Vec<(&str, u32)> {
    let mode = |entry: &Entry| match entry {
        Entry::Directory { mode } => *mode,
        Entry::File(file) => file.mode,
        Entry::Symlink { .. } => 0o777,
    };
    payload
        .entries()
        .iter()
        .map(|(path, entry)| (path.as_str(), mode(entry)))
        .collect()
}

#[test]
fn a_plain_tree_is_read_with_its_digests() {
    let output = Tar::tree()
        .file("out/facts", b"dist dist/a.tar.gz\n")
        .directory("out/tree/etc/")
        .file("out/tree/etc/a.conf", b"abc")
        .symlink("out/tree/etc/b.conf", "a.conf")
        .read()
        .unwrap();
    let file = output.payload.file("etc/a.conf").unwrap();
    assert_eq!(file.content.sha256, Sha256::of(b"abc"));
    assert_eq!(
        file.content.md5.to_string(),
        "900150983cd24fb0d6963f7d28e17f72"
    );
    assert_eq!(output.payload.entries().len(), 3);
    assert_eq!(output.payload.bytes(), 3);
    assert_eq!(
        output.facts.as_deref(),
        Some(b"dist dist/a.tar.gz\n".as_slice())
    );
    assert_eq!(output.commands, None);
}

#[test]
fn modes_are_made_safe_and_private_files_stay_private() {
    let output = Tar::tree()
        .header(
            "out/tree/d/",
            |header| {
                header.set_mode(0o777);
                header.set_entry_type(tar::EntryType::Directory);
            },
            b"",
        )
        .mode("out/tree/d/all", 0o666)
        .mode("out/tree/d/program", 0o775)
        .mode("out/tree/d/secret", 0o640)
        .mode("out/tree/d/unreadable", 0o000)
        .read()
        .unwrap();
    assert_eq!(
        modes(&output.payload),
        [
            ("d", 0o755),
            ("d/all", 0o644),
            ("d/program", 0o755),
            ("d/secret", 0o640),
            ("d/unreadable", 0o600),
        ]
    );
    assert_eq!(output.payload.world_writable(), ["d", "d/all"]);
}

#[test]
fn the_mode_of_the_root_does_not_matter() {
    let tar = Tar::default().directory("out/").header(
        "out/tree/",
        |header| {
            header.set_mode(0o1777);
            header.set_entry_type(tar::EntryType::Directory);
        },
        b"",
    );
    assert!(tar.read().is_ok());
}

#[test]
fn directories_that_have_no_entry_are_made() {
    let output = Tar::tree().file("out/tree/a/b/c", b"").header(
        "out/tree/a/",
        |header| {
            header.set_mode(0o750);
            header.set_entry_type(tar::EntryType::Directory);
        },
        b"",
    );
    assert_eq!(
        modes(&output.read().unwrap().payload),
        [("a", 0o750), ("a/b", 0o755), ("a/b/c", 0o644)]
    );
}

#[test]
fn special_files_are_refused() {
    for kind in [
        tar::EntryType::Fifo,
        tar::EntryType::Char,
        tar::EntryType::Block,
        tar::EntryType::Continuous,
        tar::EntryType::GNUSparse,
        tar::EntryType::new(b's'),
    ] {
        let refusal = Tar::tree().kind("out/tree/x", kind).refusal();
        assert_eq!(refusal, refused("x", Rule::Kind), "{kind:?}");
    }
}

#[test]
fn setuid_setgid_and_sticky_are_refused() {
    for mode in [0o4755, 0o2755, 0o1755] {
        let refusal = Tar::tree().mode("out/tree/bin", mode).refusal();
        assert_eq!(refusal, refused("bin", Rule::SpecialBits));
    }
}

#[test]
fn names_that_deceive_are_refused() {
    for (name, entry, rule) in [
        ("out/tree/../x", "../x", Rule::DotComponent),
        ("out/tree/a/../../x", "a/../../x", Rule::DotComponent),
        ("out/tree//x", "/x", Rule::Absolute),
        ("out/tree/a//x", "a//x", Rule::DotComponent),
        ("out/tree/a/./x", "a/./x", Rule::DotComponent),
        ("out/tree/-rf", "-rf", Rule::LeadingDash),
        ("out/tree/a/-rf", "a/-rf", Rule::LeadingDash),
        ("out/tree/..x", "..x", Rule::LeadingDash),
        ("out/tree/a\nb", "a\\nb", Rule::ControlCharacter),
        ("out/tree/a\u{7f}", "a\\u{7f}", Rule::ControlCharacter),
        ("out/tree/a /x", "a /x", Rule::TrailingSpace),
        ("out/tree/x/", "x", Rule::DotComponent),
    ] {
        assert_eq!(
            Tar::tree().file(name, b"").refusal(),
            refused(entry, rule),
            "{name:?}"
        );
    }
    let refusal = Tar::tree()
        .header(
            "out/tree/x",
            |header| header.as_old_mut().name[9] = 0xff,
            b"",
        )
        .refusal();
    assert_eq!(refusal.1, Rule::NotUtf8);
}

#[test]
fn names_in_any_language_are_taken() {
    let names = [
        "out/tree/é",
        "out/tree/日本語",
        "out/tree/👨‍👩‍👧 ☎",
        "out/tree/a b",
        "out/tree/it's \\x2d",
    ];
    for name in names {
        assert!(Tar::tree().file(name, b"").read().is_ok(), "{name}");
    }
}

#[test]
fn entries_beside_the_tree_are_refused() {
    for name in [
        "out/other",
        "etc/passwd",
        "../x",
        "/etc/x",
        "outer",
        "out/treeish",
    ] {
        assert_eq!(
            Tar::tree().file(name, b"").refusal(),
            refused(name, Rule::Unexpected)
        );
    }
    let tar = Tar::tree().symlink("out/facts", "/etc/passwd");
    assert_eq!(tar.refusal(), refused("out/facts", Rule::Kind));
}

#[test]
fn a_name_that_comes_twice_is_refused() {
    let twice = Tar::tree()
        .file("out/tree/a", b"1")
        .file("out/tree/a", b"2");
    assert_eq!(twice.refusal(), refused("a", Rule::Duplicate));
    let twice = Tar::tree()
        .directory("out/tree/a/")
        .directory("out/tree/a/");
    assert_eq!(twice.refusal(), refused("a", Rule::Duplicate));
    let twice = Tar::tree()
        .symlink("out/tree/a", "b")
        .directory("out/tree/a/");
    assert_eq!(twice.refusal(), refused("a", Rule::Duplicate));
    let twice = Tar::tree().file("out/facts", b"").file("out/facts", b"");
    assert_eq!(twice.refusal(), refused("out/facts", Rule::Duplicate));
}

#[test]
fn nothing_lies_below_a_link_or_a_file() {
    let below = Tar::tree()
        .symlink("out/tree/a", "/etc")
        .file("out/tree/a/passwd", b"");
    assert_eq!(
        below.refusal(),
        refused("a/passwd", Rule::ParentIsNoDirectory)
    );
    let below = Tar::tree()
        .file("out/tree/a", b"")
        .directory("out/tree/a/b/");
    assert_eq!(below.refusal(), refused("a/b", Rule::ParentIsNoDirectory));
}

#[test]
fn links_are_rewritten_or_refused() {
    let output = Tar::tree()
        .symlink("out/tree/usr/bin/a", "/usr/lib/a")
        .read()
        .unwrap();
    let target = "../lib/a".to_owned();
    assert_eq!(
        output.payload.entries()["usr/bin/a"],
        Entry::Symlink { target }
    );
    let escape = Tar::tree().symlink("out/tree/a", "../../etc/passwd");
    assert_eq!(escape.refusal(), refused("a", Rule::LinkEscapes));
    let build = Tar::tree().symlink("out/tree/a", "/work/out/tree/b");
    assert_eq!(build.refusal(), refused("a", Rule::LinkIntoBuild));
}

#[test]
fn a_hardlink_to_an_earlier_file_is_copied_within_budget() {
    let tar = || {
        Tar::tree().file("out/tree/a", b"abc").link(
            "out/tree/b",
            tar::EntryType::Link,
            "out/tree/a",
        )
    };
    let payload = tar().read().unwrap().payload;
    assert_eq!(payload.file("b"), payload.file("a"));
    assert_eq!(payload.bytes(), 6);
    let limits = PayloadLimits {
        bytes: 5,
        ..PayloadLimits::default()
    };
    assert!(matches!(
        tar().read_within(&limits),
        Err(PayloadError::TooLarge {
            budget: Budget::Bytes,
            ..
        })
    ));
}

#[test]
fn a_hardlink_to_anything_else_is_refused() {
    for target in [
        "/etc/passwd",
        "out/facts",
        "out/tree/later",
        "out/tree/l",
        "out/tree/d",
        "a",
    ] {
        let tar = Tar::tree()
            .file("out/facts", b"")
            .file("out/tree/a", b"")
            .symlink("out/tree/l", "a")
            .directory("out/tree/d/")
            .link("out/tree/b", tar::EntryType::Link, target)
            .file("out/tree/later", b"");
        assert_eq!(
            tar.refusal(),
            refused("b", Rule::HardlinkTarget),
            "{target}"
        );
    }
}

#[test]
fn capabilities_and_sizes_that_disagree_are_refused() {
    for (records, word) in [
        ("38 SCHILY.xattr.security.capability=x\n", "capabilities"),
        ("10 size=9\n", "pax size differs"),
        ("22 GNU.sparse.major=1\n", "sparse"),
    ] {
        let error = Tar::tree()
            .pax(records)
            .file("out/tree/program", b"x")
            .read()
            .unwrap_err();
        assert!(matches!(error, PayloadError::Unsafe { .. }), "{error:?}");
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.failure().code, FailureCode::OutputUnsafe);
    }
}

#[test]
fn every_limit_is_an_error_that_names_the_entry() {
    let limits = PayloadLimits {
        bytes: 10,
        file_bytes: 8,
        entries: 4,
        path_bytes: 20,
        names_bytes: 40,
        depth: 3,
        note_bytes: 4,
    };
    let small = |tar: Tar, budget| match tar.read_within(&limits) {
        Err(PayloadError::TooLarge {
            budget: reached,
            entry,
            ..
        }) => {
            assert_eq!(reached, budget);
            entry
        }
        other => panic!("{other:?}"),
    };
    let t = Tar::tree;
    assert_eq!(
        small(t().file("out/tree/a", &[0; 9]), Budget::FileBytes),
        "a"
    );
    assert_eq!(
        small(
            t().file("out/tree/a", &[0; 8]).file("out/tree/b", &[0; 3]),
            Budget::Bytes
        ),
        "b"
    );
    assert_eq!(
        small(t().file("out/tree/a/b/c/d/e", b""), Budget::Depth),
        "a/b/c/d/e"
    );
    assert_eq!(
        small(
            t().file("out/tree/123456789012345678901", b""),
            Budget::PathBytes
        ),
        "123456789012345678901"
    );
    assert_eq!(
        small(t().file("out/facts", b"12345"), Budget::NoteBytes),
        "out/facts"
    );
    assert_eq!(
        small(
            t().file("out/tree/a/b/c/d", b"").file("out/tree/e", b""),
            Budget::Entries
        ),
        "e"
    );
    let long = t()
        .file("out/tree/1234567890123456789", b"")
        .file("out/tree/2234567890123456789", b"");
    assert_eq!(
        small(long.file("out/tree/333", b""), Budget::NamesBytes),
        "333"
    );
}

#[test]
fn a_sparse_file_counts_as_what_it_expands_to() {
    // A header that promises 3 GiB is refused before a byte of them is read.
    let tar = Tar::tree().header("out/tree/sparse", |header| header.set_size(3 << 30), b"");
    let error = tar.read().unwrap_err();
    assert!(
        matches!(
            error,
            PayloadError::TooLarge {
                budget: Budget::FileBytes,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_broken_archive_is_not_the_plugins_fault() {
    let mut bytes = Tar::tree().file("out/tree/a", b"abc").end();
    bytes.truncate(512 * 3);
    let error = read_output(
        bytes.as_slice(),
        "out",
        &mut spool(),
        &PayloadLimits::default(),
    )
    .unwrap_err();
    assert_eq!(error.failure().code, FailureCode::ExtractError);
    let error = Tar::default().directory("out/").read().unwrap_err();
    assert_eq!(error.failure().code, FailureCode::OutputMissing);
}

#[test]
fn a_folder_of_the_source_joins_the_payload() {
    let source = Tar::default()
        .directory("sub/")
        .directory("sub/wazo/")
        .mode("sub/wazo/rules", 0o755)
        .link("sub/wazo/again", tar::EntryType::Link, "sub/wazo/rules")
        .file("README", b"outside")
        .end();
    let copy = FolderCopy {
        from: "sub/wazo",
        to: "usr/lib/x/wazo",
    };
    let limits = PayloadLimits::default();
    let add = |copy| {
        add_folder(
            Payload::default(),
            source.as_slice(),
            copy,
            &mut spool(),
            &limits,
        )
    };
    let payload = add(copy).unwrap();
    assert!(
        payload
            .file("usr/lib/x/wazo/rules")
            .unwrap()
            .is_executable()
    );
    assert_eq!(
        payload.file("usr/lib/x/wazo/again"),
        payload.file("usr/lib/x/wazo/rules")
    );
    assert_eq!(payload.entries().len(), 6);
    let missing = add(FolderCopy {
        from: "nothing",
        to: "x",
    });
    assert!(matches!(missing, Err(PayloadError::Missing { .. })));
}

#[test]
fn a_file_of_the_farm_obeys_the_rules() {
    let mut payload = Payload::default();
    let mut spool = spool();
    payload
        .insert_file("usr/share/doc/x/copyright", 0o644, b"text", &mut spool)
        .unwrap();
    assert_eq!(payload.entries().len(), 5);
    for (path, rule) in [
        ("usr/share/doc/x/copyright", Rule::Duplicate),
        ("usr/share/doc/x/copyright/y", Rule::ParentIsNoDirectory),
        ("/etc/x", Rule::Absolute),
    ] {
        let error = payload
            .insert_file(path, 0o644, b"", &mut spool)
            .unwrap_err();
        assert!(
            matches!(error, PayloadError::Refused { rule: broken, .. } if broken == rule),
            "{path}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever happens to a valid archive, reading it ends: with a tree within the limits, or with an error.
    #[test]
    fn no_change_to_an_archive_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        mend in any::<bool>(),
    ) {
        let mut bytes = Tar::tree()
            .file("out/facts", b"x")
            .pax("12 path=a/b\n20 mtime=12345.6789\n")
            .file("out/tree/a", b"abc")
            .header("long", |header| header.set_entry_type(tar::EntryType::GNULongName), b"out/tree/long\0")
            .symlink("out/tree/x", "../a")
            .link("out/tree/hard", tar::EntryType::Link, "out/tree/a")
            .end();
        for (place, value) in &changes {
            let place = place.index(bytes.len());
            bytes[place] = *value;
        }
        if mend {
            for block in bytes.chunks_mut(512).filter(|block| block.iter().any(|b| *b != 0)) {
                let mut header = tar::Header::new_old();
                header.as_mut_bytes().copy_from_slice(block);
                header.set_cksum();
                block.copy_from_slice(header.as_bytes());
            }
        } else {
            bytes.truncate(cut.index(bytes.len()));
        }
        let limits = PayloadLimits { bytes: 4096, entries: 20, ..PayloadLimits::default() };
        if let Ok(output) = read_output(bytes.as_slice(), "out", &mut spool(), &limits) {
            prop_assert!(output.payload.bytes() <= 4096 && output.payload.entries().len() <= 20);
        }
    }
}
