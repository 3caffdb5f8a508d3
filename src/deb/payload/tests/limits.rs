//! Limits, broken archives, and what chance makes of a good one.

use super::*;

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
