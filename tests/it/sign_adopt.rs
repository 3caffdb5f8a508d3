//! Keys that are restored from an older backup: they refuse what they do not remember, until they are shown their own signatures.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::farm::{TestFarm, commit, edit};

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

#[test]
fn keys_of_an_older_backup_take_note_of_what_they_signed_since_and_of_nothing_else() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    farm.publish(&plugin, &[]);
    let (keys, old) = (farm.data().join("keys"), farm.data().join("old"));
    copy(&keys, &old);
    let manifest = plugin.join("wazo/plugin.yml");
    let version = |from: &str, to: &str, time| {
        edit(
            &manifest,
            &format!("version: {from}"),
            &format!("version: {to}"),
        );
        commit(&plugin, time);
    };
    version("0.0.1", "0.0.2", 1_700_000_100);
    farm.publish(&plugin, &[]);
    version("0.0.2", "0.0.3", 1_700_000_200);
    farm.publish(&plugin, &[]);

    fs::remove_dir_all(&keys).unwrap();
    fs::rename(&old, &keys).unwrap();
    version("0.0.3", "0.0.4", 1_700_000_300);
    let publish = ["build", plugin.to_str().unwrap(), "--publish"];
    let refused = farm.run(&publish);
    assert_ne!(
        refused.code, 0,
        "the signer remembers neither 0.0.2 nor 0.0.3"
    );
    assert!(
        refused.stderr.contains("signed no statement"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("key adopt"), "{}", refused.stderr);

    // Evidence that somebody else has signed is nobody's word.
    let evidence = farm.repository().join("attestations");
    let modified = |path: &std::path::PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    let newest = walk(&evidence).into_iter().max_by_key(modified).unwrap();
    let stolen = fs::read(&newest).unwrap();
    let mut forged = String::from_utf8(stolen.clone()).unwrap();
    let start = forged.find("\"sig\":\"").unwrap() + 7;
    let is_a = forged.get(start..=start) == Some("A");
    let other = if is_a { "B" } else { "A" };
    forged.replace_range(start..=start, other);
    fs::write(&newest, forged).unwrap();
    let adopted = farm.run(&["key", "adopt", "--json"]).succeeds().json();
    assert_eq!(adopted["releases"], 1, "{adopted}");
    let first = adopted["statements"].as_u64().unwrap();
    fs::write(&newest, stolen).unwrap();
    let adopted = farm.run(&["key", "adopt", "--json"]).succeeds().json();
    let both = first + adopted["statements"].as_u64().unwrap();
    assert_eq!(
        (both, adopted["releases"].as_u64()),
        (2, Some(0)),
        "{adopted}"
    );
    assert_eq!(adopted["unknown"].as_array().unwrap().len(), 0);

    farm.run(&publish).succeeds();
    farm.run(&["repo", "check"]).succeeds();
    let again = farm.run(&["key", "adopt", "--json"]).succeeds().json();
    assert_eq!(
        (&again["statements"], &again["releases"]),
        (&0.into(), &0.into())
    );
}

/// Every file below a folder.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
