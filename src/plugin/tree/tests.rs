//! What a source tar may and may not hold.

use proptest::prelude::*;
use tar::EntryType as T;

use super::*;

/// An entry: path, type, link target, content.
type Raw<'a> = (&'a str, T, &'a str, &'a [u8]);

/// A tar of `entries`.
fn archive(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, link, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn read(entries: &[Raw<'_>]) -> Result<Tree, TreeError> {
    Tree::read(archive(entries).as_slice(), TreeLimits::default())
}

#[test]
fn a_tree_knows_its_paths_and_the_texts_that_checks_read() {
    let tree = read(&[
        ("./", T::Directory, "", b""),
        ("./wazo/", T::Directory, "", b""),
        ("./wazo/rules", T::Regular, "", b"#!/bin/sh"),
        ("./a/b.py", T::Regular, "", b"print()"),
        ("link", T::Symlink, "a/b.py", b""),
        ("wazo/other", T::Link, "./wazo/rules", b""),
    ])
    .unwrap();
    let paths: Vec<_> = tree.iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        ["a/b.py", "link", "wazo", "wazo/other", "wazo/rules"]
    );
    assert_eq!(tree.text("wazo/rules"), Some(&b"#!/bin/sh"[..]));
    assert_eq!(tree.text("wazo/other"), tree.text("wazo/rules"));
    assert_eq!(tree.text("a/b.py"), None);
    assert_eq!(
        tree.get("link").unwrap().kind,
        EntryKind::Link("a/b.py".into())
    );
}

#[test]
fn long_names_of_both_kinds_are_read() {
    let long = "d/".repeat(120) + "f";
    let gnu = read(&[
        ("././@LongLink", T::GNULongName, "", long.as_bytes()),
        ("x", T::Regular, "", b""),
    ])
    .unwrap();
    assert!(gnu.get(&long).is_some());
    let record = format!("251 path={long}\n");
    assert_eq!(record.len(), 251);
    let pax = read(&[
        ("pax", T::XHeader, "", record.as_bytes()),
        ("x", T::Regular, "", b""),
    ])
    .unwrap();
    assert!(pax.get(&long).is_some());
}

#[test]
fn what_no_source_needs_is_refused() {
    let cases: &[&[Raw<'_>]] = &[
        &[("../x", T::Regular, "", b"")],
        &[("a/../../x", T::Regular, "", b"")],
        &[("/etc/passwd", T::Regular, "", b"")],
        &[("l", T::Symlink, "/etc", b""), ("l/x", T::Regular, "", b"")],
        &[("l/x", T::Regular, "", b""), ("l", T::Symlink, "/etc", b"")],
        &[("l", T::Symlink, "x", b"content")],
        &[("h", T::Link, "nowhere", b"")],
        &[("s", T::GNUSparse, "", b"")],
        &[
            ("p", T::XHeader, "", b"9 size=7\n"),
            ("x", T::Regular, "", b""),
        ],
        &[
            ("g", T::XGlobalHeader, "", b"9 path=x\n"),
            ("x", T::Regular, "", b""),
        ],
    ];
    for case in cases {
        assert!(read(case).is_err(), "{case:?}");
    }
    let git = read(&[
        ("g", T::XGlobalHeader, "", b"13 comment=x\n"),
        ("x", T::Regular, "", b""),
    ]);
    assert!(git.unwrap().get("x").is_some());
}

#[test]
fn limits_end_the_reading() {
    let limits = TreeLimits {
        size: 10,
        entries: 2,
    };
    let large = archive(&[
        ("a", T::Regular, "", b"123456"),
        ("b", T::Regular, "", b"123456"),
    ]);
    assert!(matches!(
        Tree::read(large.as_slice(), limits),
        Err(TreeError::TooLarge { limit: 10 })
    ));
    let many = archive(&[
        ("a", T::Regular, "", b""),
        ("b", T::Regular, "", b""),
        ("c", T::Regular, "", b""),
    ]);
    assert!(matches!(
        Tree::read(many.as_slice(), limits),
        Err(TreeError::TooMany { limit: 2 })
    ));
    let name = vec![b'a'; 70_000];
    let long = archive(&[
        ("././@LongLink", T::GNULongName, "", &name),
        ("x", T::Regular, "", b""),
    ]);
    assert!(matches!(
        Tree::read(long.as_slice(), TreeLimits::default()),
        Err(TreeError::Unsupported { .. })
    ));
    let truncated = archive(&[("a", T::Regular, "", &[0; 5000])]);
    let truncated = truncated.get(..2000).unwrap();
    assert!(matches!(
        Tree::read(truncated, TreeLimits::default()),
        Err(TreeError::Read { .. })
    ));
}

#[test]
fn a_long_text_is_kept_in_part() {
    let text = vec![b'x'; 300 << 10];
    let tree = read(&[("wazo/rules", T::Regular, "", &text)]).unwrap();
    assert_eq!(tree.text("wazo/rules").unwrap().len() as u64, 256 << 10);
    assert_eq!(tree.get("wazo/rules").unwrap().size, 300 << 10);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(at in 0_usize..2048, byte: u8, cut in 0_usize..3000) {
        let mut bytes = archive(&[("pax", T::XHeader, "", b"9 path=a\n"), ("wazo/rules", T::Regular, "", b"x")]);
        if let Some(target) = bytes.get_mut(at) {
            *target = byte;
        }
        bytes.truncate(cut);
        if let Ok(tree) = Tree::read(bytes.as_slice(), TreeLimits::default()) {
            prop_assert!(tree.iter().count() <= 2);
        }
    }
}
