//! Which package has a file: the Contents indices that apt-file searches (wiki.debian.org/DebianRepository/Format).
//!
//! They are made when there is time, by `repo refresh`: a publication lists what there is, and reads and writes none of it.
//! What is made then is the present file with the lines of changed packages exchanged, so that no package is read twice. The
//! highest version of each package counts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::entry::{Entry, Published};
use super::root::SuiteRoot;
use super::storage::{Content, Expected, Write};
use super::{RepoError, Repository, files, layout, object};
use crate::deb::read::{InstalledKind, ReadLimits, read_files};
use crate::model::{Architecture, Sha256, Sha256Writer, Suite};

/// The largest package that is read, in bytes.
const MAX_PACKAGE: u64 = 1 << 30;

/// The most bytes that a line may have: a path, and every package that has it.
const MAX_LINE: u64 = 1 << 20;

/// The architectures that there are indices of, in the order of their files.
const ARCHITECTURES: [Architecture; 2] = [Architecture::All, Architecture::Amd64];

/// The Contents indices of a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contents {
    /// The object of what they are about: [`Covered`], by package.
    pub(super) packages: Sha256,
    /// How far the suite was, by which it is told whether they are outdated.
    made: Made,
    /// For each architecture the plain index, which is not stored, and the compressed one.
    indices: Vec<[Expected; 2]>,
}

/// How many packages had entered a suite, and how many it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) entered: u64,
    pub(super) packages: u64,
}

/// A package that the indices are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Covered {
    sha256: Sha256,
    architecture: Architecture,
    filename: String,
    /// The package as the indices name it, with its section.
    location: String,
}

type Packages = BTreeMap<String, Covered>;

/// The lines of an index: paths, and the packages that have them.
type Lines = BTreeMap<String, BTreeSet<String>>;

impl Contents {
    /// What a Release lists of them.
    pub(super) fn listed(&self) -> impl Iterator<Item = (String, Expected)> {
        let indices = ARCHITECTURES.into_iter().zip(&self.indices);
        indices.flat_map(|(architecture, [plain, gz])| {
            let path = layout::contents(architecture);
            [(path.clone(), *plain), (format!("{path}.gz"), *gz)]
        })
    }

    /// Whether they are about what the suite has.
    pub(super) fn is_of(&self, made: Made) -> bool {
        self.made == made
    }
}

impl Covered {
    fn of(published: &Published) -> Self {
        let mut lines = published.stanza.lines();
        let section = lines.find_map(|line| line.strip_prefix("Section: "));
        let package = &published.package;
        Self {
            sha256: published.sha256,
            architecture: published.architecture,
            filename: published.filename.clone(),
            location: section.map_or(package.clone(), |section| format!("{section}/{package}")),
        }
    }
}

impl Repository {
    /// Makes the Contents indices of `suite` anew, where they are outdated.
    pub(super) fn renew_contents(
        &self,
        draft: &mut Draft<'_>,
        suite: &Suite,
    ) -> Result<(), RepoError> {
        let state = draft.suite(suite)?;
        let (made, old) = (state.made(), state.contents.clone());
        if old.as_ref().is_some_and(|old| old.is_of(made)) {
            return Ok(());
        }
        let storage = self.storage();
        let covered: Packages = match &old {
            Some(old) => object::load(storage, old.packages)?,
            None => Packages::new(),
        };
        let wanted = draft.newest(suite)?;
        let (folder, mut indices) = (layout::dists(suite), Vec::new());
        for (n, architecture) in ARCHITECTURES.into_iter().enumerate() {
            let present = old.as_ref().and_then(|old| old.indices.get(n));
            let of = |one: &&Covered| one.architecture == architecture;
            let differs = |one: &&Covered, other: &Packages| !other.values().any(|own| own == *one);
            let stale = covered
                .values()
                .filter(of)
                .filter(|one| differs(one, &wanted));
            let stale: BTreeSet<String> = stale.map(|one| one.location.clone()).collect();
            let fresh = wanted
                .values()
                .filter(of)
                .filter(|one| differs(one, &covered));
            let fresh: Vec<&Covered> = fresh.collect();
            match present {
                Some(same) if stale.is_empty() && fresh.is_empty() => indices.push(*same),
                _ => {
                    let before = match present {
                        Some([_, gz]) => {
                            let path = format!("{}.gz", layout::contents(architecture));
                            files::read(storage, &folder, &path, *gz)?.to_vec()
                        }
                        None => Vec::new(),
                    };
                    let index = merge(&before, &stale, self.lines(&fresh)?);
                    let (plain, gz) = index.map_err(RepoError::io("read", folder.as_ref()))?;
                    let write = write(&folder, architecture, gz);
                    indices.push([plain, write.expected]);
                    draft.wave.push(write);
                }
            }
        }
        let packages = object::add(&wanted, &mut draft.wave)?;
        let replaced = old.map(|old| old.packages).filter(|old| *old != packages);
        draft.outdated.extend(replaced);
        draft.suite(suite)?.contents = Some(Contents {
            packages,
            made,
            indices,
        });
        Ok(())
    }

    /// The indices of a suite from its packages alone, on their way to their places.
    pub(super) fn rebuild_contents(&self, suite: &SuiteRoot) -> Result<Vec<Write>, RepoError> {
        let Some(contents) = &suite.contents else {
            return Ok(Vec::new());
        };
        let packages: Packages = object::load(self.storage(), contents.packages)?;
        let (folder, mut writes) = (layout::dists(&suite.suite), Vec::new());
        for (architecture, [_, expected]) in ARCHITECTURES.into_iter().zip(&contents.indices) {
            let path = format!("{}.gz", layout::contents(architecture));
            let key = format!("{folder}/{}", layout::by_hash(&path, expected.sha256));
            if self.storage().digest(&key)? == Some(*expected) {
                continue;
            }
            let own = packages
                .values()
                .filter(|one| one.architecture == architecture);
            let own: Vec<_> = own.collect();
            let index = merge(&[], &BTreeSet::new(), self.lines(&own)?);
            let (_, gz) = index.map_err(RepoError::io("make", folder.as_ref()))?;
            writes.push(write(&folder, architecture, gz));
        }
        Ok(writes)
    }

    /// What `packages` install, read from their files.
    fn lines(&self, packages: &[&Covered]) -> Result<Lines, RepoError> {
        let mut lines = Lines::new();
        for package in packages {
            let found = self.storage().get(&package.filename, MAX_PACKAGE)?;
            let found = found.filter(|found| Sha256::of(found) == package.sha256);
            let found = found.ok_or_else(|| RepoError::Damaged {
                place: self.storage().place(&package.filename),
            })?;
            let (_, installed) = read_files(found.as_ref(), &ReadLimits::default())?;
            for file in installed {
                let named = !file.path.is_empty() && !file.path.contains(char::is_control);
                if named && file.kind != InstalledKind::Directory {
                    let at = lines.entry(file.path).or_default();
                    at.insert(package.location.clone());
                }
            }
        }
        Ok(lines)
    }
}

impl Draft<'_> {
    /// The highest version of each package that `suite` will have.
    fn newest(&self, suite: &Suite) -> Result<Packages, RepoError> {
        let mut newest: BTreeMap<String, Entry> = BTreeMap::new();
        let mut see = |entry: Entry| {
            let known = newest.get(&entry.published.package);
            let higher =
                known.is_none_or(|known| known.published.version <= entry.published.version);
            if higher && entry.listing(suite).is_some() {
                newest.insert(entry.published.package.clone(), entry);
            }
        };
        for leaf in self.catalog.ledger.leaves() {
            for entry in leaf.load(self.storage)? {
                if !self.entries.contains_key(&entry.key()) {
                    see(entry);
                }
            }
        }
        self.entries.values().cloned().for_each(see);
        let newest = newest.into_iter();
        Ok(newest
            .map(|(package, entry)| (package, Covered::of(&entry.published)))
            .collect())
    }
}

fn write(folder: &str, architecture: Architecture, gz: Vec<u8>) -> Write {
    let expected = Expected::of(&gz);
    let path = format!("{}.gz", layout::contents(architecture));
    let key = format!("{folder}/{}", layout::by_hash(&path, expected.sha256));
    Write::immutable(key, Content::Bytes(gz.into()), expected)
}

/// The index that `gz` holds, without the packages at the locations in `stale`, and with `lines`: what it is, and its
/// compressed form. The same packages give the same bytes, in whatever order they came.
fn merge(gz: &[u8], stale: &BTreeSet<String>, mut lines: Lines) -> io::Result<(Expected, Vec<u8>)> {
    let mut index = Index::new();
    if !gz.is_empty() {
        let mut reader = BufReader::new(flate2::bufread::MultiGzDecoder::new(gz));
        let mut line = String::new();
        loop {
            line.clear();
            if reader.by_ref().take(MAX_LINE).read_line(&mut line)? == 0 {
                break;
            }
            let (path, locations) = line.trim_end().rsplit_once('\t').ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it has a line without a package",
                )
            })?;
            let locations = locations.split(',').filter(|one| !stale.contains(*one));
            let mut locations: BTreeSet<String> = locations.map(str::to_owned).collect();
            while let Some(next) = lines
                .first_entry()
                .filter(|next| next.key().as_str() <= path)
            {
                if next.key() == path {
                    locations.append(&mut next.remove());
                } else {
                    let (path, locations) = next.remove_entry();
                    index.line(&path, &locations)?;
                }
            }
            index.line(path, &locations)?;
        }
    }
    for (path, locations) in &lines {
        index.line(path, locations)?;
    }
    index.finish()
}

/// An index that is being written.
struct Index {
    digest: Sha256Writer<io::Sink>,
    gz: GzEncoder<Vec<u8>>,
}

impl Index {
    fn new() -> Self {
        Self {
            digest: Sha256Writer::new(io::sink()),
            gz: GzBuilder::new()
                .mtime(0)
                .write(Vec::new(), Compression::new(6)),
        }
    }

    fn line(&mut self, path: &str, locations: &BTreeSet<String>) -> io::Result<()> {
        if locations.is_empty() {
            return Ok(());
        }
        let locations: Vec<&str> = locations.iter().map(String::as_str).collect();
        let line = format!("{path}\t{}\n", locations.join(","));
        self.digest.write_all(line.as_bytes())?;
        self.gz.write_all(line.as_bytes())
    }

    fn finish(self) -> io::Result<(Expected, Vec<u8>)> {
        let (_, sha256, size) = self.digest.finish();
        Ok((Expected { sha256, size }, self.gz.finish()?))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    fn lines(packages: &BTreeMap<u8, BTreeSet<u8>>) -> Lines {
        let mut lines = Lines::new();
        for (package, paths) in packages {
            for path in paths {
                let at = lines.entry(format!("usr/a file {path}")).or_default();
                at.insert(format!("misc/p{package}"));
            }
        }
        lines
    }

    fn text(gz: &[u8]) -> String {
        let mut text = String::new();
        flate2::bufread::MultiGzDecoder::new(gz)
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn each_file_has_a_line_with_every_package_that_has_it() {
        let packages = [(1, [1, 2].into()), (2, [2, 3].into())].into();
        let (plain, gz) = merge(&[], &BTreeSet::new(), lines(&packages)).unwrap();
        let text = text(&gz);
        insta::assert_snapshot!(text.replace('\t', " -> "), @"
        usr/a file 1 -> misc/p1
        usr/a file 2 -> misc/p1,misc/p2
        usr/a file 3 -> misc/p2
        ");
        assert_eq!(plain, Expected::of(text.as_bytes()));
    }

    #[test]
    fn an_index_that_is_none_is_refused() {
        for text in ["x", "no location\n"] {
            let mut gz = GzBuilder::new().write(Vec::new(), Compression::new(1));
            gz.write_all(text.as_bytes()).unwrap();
            let gz = gz.finish().unwrap();
            assert!(
                merge(&gz, &BTreeSet::new(), Lines::new()).is_err(),
                "{text}"
            );
        }
        assert!(merge(b"garbage", &BTreeSet::new(), Lines::new()).is_err());
    }

    proptest! {
        #[test]
        fn changes_give_what_making_it_afresh_gives(
            before in proptest::collection::btree_map(
                0..6u8, proptest::collection::btree_set(0..9u8, 0..5), 0..5),
            after in proptest::collection::btree_map(
                0..6u8, proptest::collection::btree_set(0..9u8, 0..5), 0..5),
        ) {
            let none = BTreeSet::new();
            let (_, old) = merge(&[], &none, lines(&before)).unwrap();
            let stale = before.iter().filter(|(key, paths)| after.get(key) != Some(paths));
            let stale: BTreeSet<_> = stale.map(|(key, _)| format!("misc/p{key}")).collect();
            let fresh = after.iter().filter(|(key, paths)| before.get(key) != Some(paths));
            let fresh = fresh.map(|(key, paths)| (*key, paths.clone())).collect();
            let changed = merge(&old, &stale, lines(&fresh)).unwrap();
            prop_assert_eq!(changed, merge(&[], &none, lines(&after)).unwrap());
        }
    }
}
