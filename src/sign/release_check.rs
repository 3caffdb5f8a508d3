//! Reads a Release file again before it is signed: only the Release of this farm, in the form that every apt reads.

use std::collections::BTreeMap;

use super::index_check::Expected;
use crate::model::{FarmName, Sha256, Timestamp};

/// The most bytes that a Release file may have.
const MAX_RELEASE: usize = 1 << 20;

/// What the signer needs to know of a Release file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckedRelease {
    /// The suite.
    pub(super) suite: String,
    /// The date, which is also the signature's.
    pub(super) date: Timestamp,
    /// Whether it is a dated publication, which there is no next one of.
    pub(super) dated: bool,
    /// The keys by which hosts are to know the next Release.
    pub(super) signed_by: Vec<String>,
    /// Each plain `Packages` that it lists.
    pub(super) indices: BTreeMap<String, Expected>,
}

/// Checks `release`; fails with the reason, as a sentence without a final stop.
pub(super) fn check(release: &[u8], farm: &FarmName) -> Result<CheckedRelease, String> {
    if release.len() > MAX_RELEASE {
        return Err(format!("a Release has at most {MAX_RELEASE} bytes"));
    }
    let text = std::str::from_utf8(release).map_err(|_| "the Release is not UTF-8".to_owned())?;
    let fields = fields(text)?;
    let field = |name: &str| {
        let value = fields.get(name).and_then(|lines| lines.first());
        value
            .copied()
            .filter(|value| !value.is_empty())
            .ok_or(format!("the Release has no `{name}`"))
    };
    if field("Origin")? != farm.origin() {
        return Err(format!(
            "the Release is of `{}`, and this key signs for `{}` only",
            field("Origin")?,
            farm.origin()
        ));
    }
    let signed_by = field("Signed-By").unwrap_or_default().split(", ");
    let date = Timestamp::from_release_date(field("Date")?).map_err(|error| error.to_string())?;
    check_names(field("Suite")?, field("Codename")?, date)?;
    if let Ok(until) = field("Valid-Until") {
        let until = Timestamp::from_release_date(until).map_err(|error| error.to_string())?;
        if until <= date {
            return Err("the Release is valid until a time before its date".to_owned());
        }
    }
    let listed = fields.get("SHA256").ok_or("the Release has no `SHA256`")?;
    for weaker in ["MD5Sum", "SHA1", "SHA512"] {
        if fields.contains_key(weaker) {
            return Err(format!(
                "the Release has `{weaker}`, which is not looked at"
            ));
        }
    }
    Ok(CheckedRelease {
        suite: field("Suite")?.to_owned(),
        date,
        dated: field("Suite")?.starts_with(SNAPSHOTS),
        signed_by: signed_by
            .filter(|key| !key.is_empty())
            .map(str::to_owned)
            .collect(),
        indices: indices(&digests(listed)?)?,
    })
}

/// What the names of dated publications begin with.
pub(super) const SNAPSHOTS: &str = "snapshots/";

/// Dates rise by suite, and apt knows a repository by its codename as well: both are one name. Only a dated publication has
/// another codename, by which no host takes it for what it follows; it is of the moment in its name, so that there is never
/// a second one.
fn check_names(suite: &str, codename: &str, date: Timestamp) -> Result<(), String> {
    let dated = format!("{SNAPSHOTS}{}", date.compact());
    let good = if suite.starts_with(SNAPSHOTS) {
        let of = suite
            .strip_prefix(&dated)
            .and_then(|rest| rest.strip_prefix('/'));
        codename == dated && of.is_some_and(|of| !of.is_empty() && !of.contains('/'))
    } else {
        codename == suite
    };
    if good {
        return Ok(());
    }
    Err(format!(
        "the Release of `{}` has the codename `{}`, by which hosts would take it for something else",
        suite.escape_debug(),
        codename.escape_debug()
    ))
}

/// The fields: the value on the field's own line first, then its continuation lines.
fn fields(text: &str) -> Result<BTreeMap<&str, Vec<&str>>, String> {
    let body = text
        .strip_suffix('\n')
        .ok_or("the Release does not end with a line feed")?;
    let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = None;
    for line in body.split('\n') {
        // Clear-signing drops trailing blanks, so that InRelease and Release would differ.
        if line.is_empty() || line.ends_with(char::is_whitespace) || line.contains(char::is_control)
        {
            return Err(format!(
                "the Release has the line `{}`",
                line.escape_debug()
            ));
        }
        if let Some(continuation) = line.strip_prefix(' ') {
            let name = current.ok_or("the Release starts with a continuation line")?;
            fields.entry(name).or_default().push(continuation);
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("the Release has the line `{}`", line.escape_debug()))?;
        let value = value.trim_start_matches(' ');
        // apt does not tell cases apart.
        if fields.keys().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(format!("the Release has `{}` twice", name.escape_debug()));
        }
        fields.insert(name, vec![value]);
        current = Some(name);
    }
    Ok(fields)
}

/// What the Release lists.
fn digests<'a>(lines: &[&'a str]) -> Result<BTreeMap<&'a str, Expected>, String> {
    let mut listed = BTreeMap::new();
    for line in lines.iter().skip(1) {
        let mut words = line.split_ascii_whitespace();
        let digest = words.next().and_then(|word| word.parse::<Sha256>().ok());
        let size = words.next().and_then(|word| word.parse::<u64>().ok());
        let path = words.next();
        let (Some(sha256), Some(size), Some(path), None) = (digest, size, path, words.next())
        else {
            return Err(format!(
                "the Release has the SHA256 line `{}`",
                line.escape_debug()
            ));
        };
        if listed.insert(path, Expected { sha256, size }).is_some() {
            return Err(format!("the Release lists `{}` twice", path.escape_debug()));
        }
    }
    Ok(listed)
}

/// The plain indices among what is listed. Every other form of an index needs its plain one, which apt holds it against;
/// what apt could install from in another way is not signed.
fn indices(listed: &BTreeMap<&str, Expected>) -> Result<BTreeMap<String, Expected>, String> {
    let mut plain = BTreeMap::new();
    for (path, expected) in listed {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name == "Packages" {
            plain.insert((*path).to_owned(), *expected);
        } else if name.starts_with("Packages.") || folder.ends_with("/Packages.diff") {
            let (index, _) = path.split_once("Packages.").unwrap_or((path, ""));
            if !listed.contains_key(format!("{index}Packages").as_str()) {
                return Err(format!("the Release lists `{path}` without its plain form"));
            }
        } else if !name.starts_with("Contents-") && !name.starts_with("Translation-") {
            return Err(format!(
                "the Release lists `{}`, which is no index that this signer reads",
                path.escape_debug()
            ));
        }
    }
    if plain.is_empty() {
        return Err("the Release lists no `Packages`, so that apt would find nothing".to_owned());
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
Origin: plugfarm-acme
Label: plugfarm-acme
Suite: bookworm
Codename: bookworm
Date: Sat, 31 Jan 2026 12:00:00 UTC
SHA256:
 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 main/binary-amd64/Packages
";

    fn said(release: &str) -> String {
        check(release.as_bytes(), &FarmName::new("acme").unwrap()).unwrap_err()
    }

    #[test]
    fn a_release_of_the_farm_passes() {
        let checked = check(GOOD.as_bytes(), &FarmName::new("acme").unwrap()).unwrap();
        assert_eq!(checked.suite, "bookworm");
        assert_eq!(checked.date.seconds(), 1_769_860_800);
        let index = checked.indices.get("main/binary-amd64/Packages").unwrap();
        assert_eq!((index.sha256, index.size), (Sha256::of(b"abc"), 3));
    }

    #[test]
    fn a_dated_publication_is_of_the_moment_in_its_name() {
        let named = |suite: &str, codename: &str| {
            let text = GOOD.replace("Suite: bookworm", &format!("Suite: {suite}"));
            let text = text.replace("Codename: bookworm", &format!("Codename: {codename}"));
            check(text.as_bytes(), &FarmName::new("acme").unwrap())
        };
        let noon = "snapshots/20260131T120000Z";
        let suite = format!("{noon}/bookworm");
        assert_eq!(named(&suite, noon).unwrap().suite, suite);
        let later = "snapshots/20260131T120001Z";
        for (suite, codename) in [
            (suite.as_str(), "bookworm"),
            (&suite, &suite),
            (&suite, later),
            (&format!("{later}/bookworm"), later),
            (&format!("{noon}/"), noon),
            (&format!("{noon}/a/b"), noon),
            ("bookworm", noon),
        ] {
            assert!(named(suite, codename).is_err(), "{suite} {codename}");
        }
    }

    #[test]
    fn what_is_no_release_of_the_farm_is_refused() {
        let without = |start: &str| {
            let kept = GOOD.lines().filter(|line| !line.starts_with(start));
            kept.map(|line| format!("{line}\n")).collect::<String>()
        };
        insta::assert_snapshot!(said(&GOOD.replace("n: plugfarm-acme", "n: debian")), @"the Release is of `debian`, and this key signs for `plugfarm-acme` only");
        insta::assert_snapshot!(said(&without("Suite")), @"the Release has no `Suite`");
        insta::assert_snapshot!(said(&without("Codename")), @"the Release has no `Codename`");
        insta::assert_snapshot!(said(&GOOD.replace("Codename: b", "Codename: b/b")), @"the Release of `bookworm` has the codename `b/bookworm`, by which hosts would take it for something else");
        insta::assert_snapshot!(said(&without("Date")), @"the Release has no `Date`");
        insta::assert_snapshot!(said(&without("SHA256")), @"the Release has no `SHA256`");
        insta::assert_snapshot!(said(&without(" ")), @"the Release lists no `Packages`, so that apt would find nothing");
        insta::assert_snapshot!(said(&GOOD.replace("12:00:00 UTC", "noon")), @"`Sat, 31 Jan 2026 noon` is not a valid Release date: it must have the form `Sat, 31 Jan 2026 12:00:00 UTC`");
        insta::assert_snapshot!(said(&GOOD.replace("Label:", "Label: \nX:")), @"the Release has the line `Label: `");
        insta::assert_snapshot!(said(&GOOD.replace("Label:", "Suite: trixie\nX:")), @"the Release has `Suite` twice");
        insta::assert_snapshot!(said(&GOOD.replace("Label:", "suite: trixie\nX:")), @"the Release has `Suite` twice");
        insta::assert_snapshot!(said(&GOOD.replace("Label:", "Valid-Until: Sat, 31 Jan 2026 11:00:00 UTC\nX:")), @"the Release is valid until a time before its date");
        insta::assert_snapshot!(said(&GOOD.replace("Label:", "\nX:")), @"the Release has the line ``");
        insta::assert_snapshot!(said(&GOOD.replace(" 3 main", " main")), @"the Release has the SHA256 line `ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad main/binary-amd64/Packages`");
        insta::assert_snapshot!(said(&GOOD.replace("amd64/Packages", "amd64/Packages.xz")), @"the Release lists `main/binary-amd64/Packages.xz` without its plain form");
        insta::assert_snapshot!(said(&GOOD.replace("amd64/Packages", "amd64/Packages.diff/Index")), @"the Release lists `main/binary-amd64/Packages.diff/Index` without its plain form");
        insta::assert_snapshot!(said(&GOOD.replace("binary-amd64/Packages", "source/Sources")), @"the Release lists `main/source/Sources`, which is no index that this signer reads");
        insta::assert_snapshot!(said(&GOOD.replace("Label:", "SHA512:\nX:")), @"the Release has `SHA512`, which is not looked at");
        insta::assert_snapshot!(said(GOOD.trim_end()), @"the Release does not end with a line feed");
        insta::assert_snapshot!(said(&GOOD.replace('\n', "\r\n")), @r"the Release has the line `Origin: plugfarm-acme\r`");
        insta::assert_snapshot!(said(&format!("{GOOD}X: {}\n", "x".repeat(MAX_RELEASE))), @"a Release has at most 1048576 bytes");
    }
}
