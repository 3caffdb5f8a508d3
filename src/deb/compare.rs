//! How two packages differ that should be the same: field by field, file by file.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::read::{Installed, InstalledKind, Summary};
use crate::model::{Sha256, printable};

/// The most characters that are said of a value.
const VALUE: usize = 200;

/// One thing in which two packages differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What differs: a field, a control file, a path.
    pub what: String,
    /// What the first package has; none, if it has no such thing.
    pub was: Option<String>,
    /// What the second package has.
    pub is: Option<String>,
}

/// A package, as [`read_files`](super::read::read_files) gives it.
pub type Contents = (Summary, Vec<Installed>);

/// In what two packages differ: control fields, then control files, then what they install. Packages with the same contents
/// may still have other bytes: their order and compression are not looked at.
#[must_use]
pub fn compare(first: &Contents, second: &Contents) -> Vec<Difference> {
    let mut found = differences("field", &fields(&first.0), &fields(&second.0));
    let (was, is) = (control_files(&first.0), control_files(&second.0));
    found.extend(differences("control file", &was, &is));
    let (was, is) = (installed(&first.1), installed(&second.1));
    let paths: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    for path in paths {
        let (was, is) = match (was.get(path), is.get(path)) {
            (Some(was), Some(is)) => only_what_differs(was, is),
            (was, is) => (
                was.map(|entry| aspects(entry)),
                is.map(|entry| aspects(entry)),
            ),
        };
        let say = |aspects: Option<Vec<String>>| aspects.map(|aspects| aspects.join(", "));
        if was != is {
            found.push(Difference {
                what: format!("/{}", printable(path, VALUE)),
                was: say(was),
                is: say(is),
            });
        }
    }
    found
}

fn differences(
    what: &str,
    first: &BTreeMap<String, String>,
    second: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let names: BTreeSet<_> = first.keys().chain(second.keys()).collect();
    let differ = names
        .into_iter()
        .filter(|name| first.get(*name) != second.get(*name));
    let say = |value: Option<&String>| value.map(|value| printable(value, VALUE));
    differ
        .map(|name| Difference {
            what: format!("{what} {}", printable(name, VALUE)),
            was: say(first.get(name)),
            is: say(second.get(name)),
        })
        .collect()
}

fn fields(summary: &Summary) -> BTreeMap<String, String> {
    let fields = summary.control.fields();
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The digests of the control files; the fields of `control` are compared one by one.
fn control_files(summary: &Summary) -> BTreeMap<String, String> {
    let files = summary.control_files.iter();
    files
        .filter(|(name, _)| *name != "control")
        .map(|(name, bytes)| (name.clone(), format!("sha256 {}", Sha256::of(bytes))))
        .collect()
}

fn installed(entries: &[Installed]) -> BTreeMap<&str, &Installed> {
    let entries = entries.iter();
    entries.map(|entry| (entry.path.as_str(), entry)).collect()
}

/// Everything about an entry, as words; always as many, in the same order.
fn aspects(entry: &Installed) -> Vec<String> {
    let kind = match &entry.kind {
        InstalledKind::File(sha256) => format!("{} bytes, sha256 {sha256}", entry.size),
        InstalledKind::Directory => "a folder".to_owned(),
        InstalledKind::Symlink(target) => format!("a link to {}", printable(target, VALUE)),
        InstalledKind::Hardlink(path) => format!("the same file as {}", printable(path, VALUE)),
    };
    vec![
        kind,
        format!("mode {:04o}", entry.mode),
        format!("owner {}:{}", entry.uid, entry.gid),
        format!("time {}", entry.mtime),
    ]
}

fn only_what_differs(
    first: &Installed,
    second: &Installed,
) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let pairs = aspects(first).into_iter().zip(aspects(second));
    let (was, is) = pairs.filter(|(was, is)| was != is).unzip();
    (Some(was), Some(is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deb::control::Paragraph;

    fn package(field: &str, script: &[u8], files: Vec<Installed>) -> Contents {
        let control = Paragraph::parse(&format!("Package: a\nDepends: {field}\n")).unwrap();
        let control_files = [
            ("control".to_owned(), field.as_bytes().to_vec()),
            ("postinst".to_owned(), script.to_vec()),
        ];
        let summary = Summary {
            control,
            control_files: control_files.into_iter().collect(),
        };
        (summary, files)
    }

    fn file(path: &str, bytes: &[u8], mode: u32) -> Installed {
        Installed {
            path: path.to_owned(),
            kind: InstalledKind::File(Sha256::of(bytes)),
            mode,
            uid: 0,
            gid: 0,
            mtime: 1,
            size: bytes.len() as u64,
        }
    }

    fn said(first: &Contents, second: &Contents) -> Vec<(String, Option<String>, Option<String>)> {
        let differences = compare(first, second).into_iter();
        differences
            .map(|Difference { what, was, is }| (what, was, is))
            .collect()
    }

    #[test]
    fn the_same_package_does_not_differ() {
        let one = package("b", b"x", vec![file("etc/a", b"1", 0o644)]);
        assert_eq!(compare(&one, &one.clone()), []);
    }

    #[test]
    fn each_field_and_script_and_path_that_differs_is_named_with_both_values() {
        let first = package(
            "b",
            b"x",
            vec![file("etc/a", b"1", 0o644), file("etc/same", b"", 0o644)],
        );
        let second = package("c", b"y", vec![file("etc/same", b"", 0o644)]);
        let names: Vec<_> = said(&first, &second).into_iter().map(|one| one.0).collect();
        assert_eq!(names, ["field Depends", "control file postinst", "/etc/a"]);
        let depends = &said(&first, &second)[0];
        assert_eq!(
            (depends.1.as_deref(), depends.2.as_deref()),
            (Some("b"), Some("c"))
        );
        assert_eq!(
            said(&first, &second)[2].2,
            None,
            "the second has no such file"
        );
    }

    #[test]
    fn of_a_path_only_what_differs_is_said() {
        let first = package("b", b"x", vec![file("etc/a", b"1", 0o644)]);
        let second = package("b", b"x", vec![file("etc/a", b"1", 0o755)]);
        let expected = (
            "/etc/a".to_owned(),
            Some("mode 0644".to_owned()),
            Some("mode 0755".to_owned()),
        );
        assert_eq!(said(&first, &second), [expected]);
    }
}
