//! Reads an index again, as its text goes by: what its digest is, and which packages it lists.

use crate::model::{DebianVersion, Sha256, Sha256Midstate};

use super::journal::{KeptIndex, SignedPackage};

/// The most bytes that a paragraph of an index may have.
const MAX_PARAGRAPH: usize = 256 * 1024;

/// A package as an index lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) package: String,
    pub(super) version: DebianVersion,
    /// What a statement must be about for the package to get in.
    pub(super) signed: SignedPackage,
}

/// What a Release says of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) sha256: Sha256,
    pub(super) size: u64,
}

/// Whoever is told of each package; an error stops the reading.
pub(super) type Visitor<'a> = &'a mut dyn FnMut(Listed) -> Result<(), String>;

/// An index that is being read.
#[derive(Debug)]
pub(super) struct IndexCheck {
    path: String,
    digest: Sha256Midstate,
    keep: u64,
    kept: Option<Sha256Midstate>,
    /// The paragraph that has begun.
    paragraph: Vec<u8>,
}

impl IndexCheck {
    /// Goes on after what `before` digested, which ended with a paragraph.
    pub(super) fn new(path: &str, before: Sha256Midstate, keep: u64) -> Self {
        Self {
            path: path.to_owned(),
            kept: (before.length() == keep).then(|| before.clone()),
            digest: before,
            keep,
            paragraph: Vec::new(),
        }
    }

    /// Reads on; fails with the reason.
    pub(super) fn feed(&mut self, bytes: &[u8], visit: Visitor<'_>) -> Result<(), String> {
        let until_keep = self.keep.saturating_sub(self.digest.length());
        let split = usize::try_from(until_keep).unwrap_or(usize::MAX);
        let (before, after) = bytes.split_at_checked(split).unwrap_or((bytes, b""));
        self.take(before, visit)?;
        if self.digest.length() == self.keep && self.paragraph.is_empty() {
            self.kept.get_or_insert_with(|| self.digest.clone());
        }
        self.take(after, visit)
    }

    fn take(&mut self, bytes: &[u8], visit: Visitor<'_>) -> Result<(), String> {
        self.digest.update(bytes);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.paragraph.extend_from_slice(line);
            if self.paragraph.len() > MAX_PARAGRAPH {
                return Err(self.wrong("has a paragraph that is too long"));
            }
            if self.paragraph == b"\n" {
                return Err(self.wrong("has an empty line too many"));
            }
            if self.paragraph.ends_with(b"\n\n") {
                let listed = read(&self.paragraph).map_err(|reason| self.wrong(&reason))?;
                self.paragraph.clear();
                visit(listed)?;
            }
        }
        Ok(())
    }

    /// The end of the index: it must be what the Release lists. Gives the state that a later tail goes on from.
    pub(super) fn finish(self, expected: Expected) -> Result<KeptIndex, String> {
        if !self.paragraph.is_empty() {
            return Err(self.wrong("does not end with an empty line"));
        }
        if self.digest.length() != expected.size || self.digest.digest() != expected.sha256 {
            return Err(self.wrong("is not the one that the Release lists"));
        }
        match self.kept {
            Some(state) => Ok(KeptIndex {
                path: self.path,
                state,
            }),
            None => Err(self.wrong("has no end of a paragraph where a later one is to go on")),
        }
    }

    fn wrong(&self, what: &str) -> String {
        format!("the index {} {what}", self.path.escape_debug())
    }
}

/// The fields that are read, in lower case: apt does not tell cases apart.
const FIELDS: [&str; 4] = ["package", "version", "architecture", "sha256"];

/// Reads a paragraph as strictly as no index of this farm needs otherwise: what is read here is what apt reads.
fn read(paragraph: &[u8]) -> Result<Listed, String> {
    let text = std::str::from_utf8(paragraph).map_err(|_| "is not UTF-8".to_owned())?;
    let mut found: [Option<&str>; FIELDS.len()] = [None; FIELDS.len()];
    let mut begun = false;
    for line in text.trim_end_matches('\n').split('\n') {
        let odd = || format!("has the line `{}`", line.escape_debug());
        if line.trim().is_empty() || line.contains(|c: char| c.is_control() && c != '\t') {
            return Err(odd());
        }
        if line.starts_with([' ', '\t']) {
            if !begun {
                return Err(odd());
            }
            continue;
        }
        begun = true;
        let (name, value) = line.split_once(':').ok_or_else(odd)?;
        if name.is_empty() || name.starts_with('#') || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(odd());
        }
        let place = FIELDS
            .iter()
            .position(|field| name.eq_ignore_ascii_case(field));
        if let Some(slot) = place.and_then(|place| found.get_mut(place))
            && slot.replace(value.trim()).is_some()
        {
            return Err(format!("has `{name}` twice in a paragraph"));
        }
    }
    let [
        Some(package),
        Some(version),
        Some(architecture),
        Some(digest),
    ] = found
    else {
        return Err(format!("has a paragraph without all of {FIELDS:?}"));
    };
    let version = DebianVersion::new(version).map_err(|error| format!("is wrong: {error}"))?;
    let sha256: Sha256 = digest
        .parse()
        .map_err(|error| format!("is wrong: {error}"))?;
    let name = format!("{package}_{}_{architecture}.deb", version.without_epoch());
    Ok(Listed {
        package: package.to_owned(),
        version,
        signed: SignedPackage { name, sha256 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn paragraph(name: &str) -> String {
        let digest = Sha256::of(name.as_bytes());
        format!(
            "Package: {name}\nVersion: 1:2.0\nArchitecture: all\nDescription: words\n more\nSHA256: {digest}\n\n"
        )
    }

    fn expected(text: &str) -> Expected {
        Expected {
            sha256: Sha256::of(text.as_bytes()),
            size: text.len() as u64,
        }
    }

    /// What reading `text` in pieces of `size` bytes gives: the packages, and the state at `keep`.
    fn check(text: &str, keep: u64, size: usize) -> Result<(Vec<String>, KeptIndex), String> {
        let mut names = Vec::new();
        let mut visit = |listed: Listed| {
            names.push(listed.signed.name);
            Ok(())
        };
        let mut check = IndexCheck::new("main/Packages", Sha256Midstate::default(), keep);
        for piece in text.as_bytes().chunks(size) {
            check.feed(piece, &mut visit)?;
        }
        let kept = check.finish(expected(text))?;
        Ok((names, kept))
    }

    #[test]
    fn it_goes_on_from_the_state_that_an_earlier_one_kept() {
        let (old, new) = (paragraph("a") + &paragraph("b"), paragraph("c"));
        for size in [1, 7, 1000] {
            let keep = old.len() as u64;
            let (names, kept) = check(&old, keep, size).unwrap();
            assert_eq!(names, ["a_2.0_all.deb", "b_2.0_all.deb"]);
            let mut check = IndexCheck::new("main/Packages", kept.state, keep);
            let mut count = 0;
            let mut visit = |_| {
                count += 1;
                Ok(())
            };
            check.feed(new.as_bytes(), &mut visit).unwrap();
            check.finish(expected(&(old.clone() + &new))).unwrap();
            assert_eq!(count, 1);
        }
    }

    #[test]
    fn an_index_may_be_empty() {
        assert!(check("", 0, 1).unwrap().0.is_empty());
    }

    #[test]
    fn what_apt_might_read_otherwise_is_refused() {
        let good = paragraph("a");
        let said = |text: &str| check(text, 0, 1000).unwrap_err();
        insta::assert_snapshot!(said(good.trim_end()), @"the index main/Packages does not end with an empty line");
        insta::assert_snapshot!(said(&good.replace("SHA256", "X")), @r#"the index main/Packages has a paragraph without all of ["package", "version", "architecture", "sha256"]"#);
        insta::assert_snapshot!(said(&good.replace("Description: words", "package: b")), @"the index main/Packages has `package` twice in a paragraph");
        insta::assert_snapshot!(said(&good.replace("words\n", "words\r\n")), @r"the index main/Packages has the line `Description: words\r`");
        insta::assert_snapshot!(said(&good.replace(" more", " \t")), @r"the index main/Packages has the line ` \t`");
        insta::assert_snapshot!(said(&format!(" x\n{good}")), @"the index main/Packages has the line ` x`");
        insta::assert_snapshot!(said(&format!("#x: y\n{good}")), @"the index main/Packages has the line `#x: y`");
        insta::assert_snapshot!(said(&format!("{good}\n")), @"the index main/Packages has an empty line too many");
        insta::assert_snapshot!(said(&good.replace("1:2.0", "one")), @"the index main/Packages is wrong: `one` is not a valid version: a Debian version starts with a digit and has only letters, digits and . + - ~ (with an epoch such as `1:` before it if need be)");
        insta::assert_snapshot!(said(&"x".repeat(MAX_PARAGRAPH + 1)), @"the index main/Packages has a paragraph that is too long");
        insta::assert_snapshot!(check(&good, 3, 1000).unwrap_err(), @"the index main/Packages has no end of a paragraph where a later one is to go on");
    }

    #[test]
    fn another_text_is_noticed() {
        let mut check = IndexCheck::new("main/Packages", Sha256Midstate::default(), 0);
        let text = paragraph("a");
        check.feed(text.as_bytes(), &mut |_| Ok(())).unwrap();
        let error = check.finish(expected(&paragraph("b"))).unwrap_err();
        insta::assert_snapshot!(error, @"the index main/Packages is not the one that the Release lists");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ab:# \n\t]{0,80}", keep in 0u64..100, size in 1usize..9) {
            let whole = check(&text, keep, size);
            prop_assert_eq!(whole, check(&text, keep, 1000));
        }
    }
}
