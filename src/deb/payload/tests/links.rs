//! Symbolic links and hardlinks.

use super::*;

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
