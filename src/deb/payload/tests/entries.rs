//! The rules for names, kinds and modes, each with the entry that is named.

use super::*;

#[test]
fn a_plain_tree_is_read_with_its_digests() {
    let output = Tar::tree()
        .file("out/facts", b"archive dist/a.tar.gz\n")
        .directory("out/commands/")
        .file("out/commands/install", b"1\0asterisk\0")
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
    let notes = Notes {
        facts: Some(b"archive dist/a.tar.gz\n".to_vec()),
        install_commands: Some(b"1\0asterisk\0".to_vec()),
        uninstall_commands: None,
    };
    assert_eq!(output.notes, notes);
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
        "out/commands/other",
        "out/commands/install/x",
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
