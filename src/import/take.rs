//! From another repository to packages that can be imported: which are wanted, and their bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::ImportError;
use super::index::{self, Found};
use super::origin::Origin;
use super::release::{self, Digest};
use crate::evidence::ImportOrigin;
use crate::model::{DebianVersion, Sha256, Sha256Writer, Timestamp};
use crate::repo::Importable;

/// What plugins' packages are called. The farm's keyring package lets hosts take nothing from the farm but these and
/// plugfarm's own.
const PLUGINS: &str = "wazo-plugind-";
/// The packages of the agent, which nobody's farm builds.
const AGENT: &[&str] = &["plugfarm-host", "plugfarm-host-wazo-plugind"];

/// The largest package that is taken, in bytes.
const MAX_PACKAGE: u64 = 2 << 30;

/// A pattern of package names, in which `*` is any letters and `?` is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl FromStr for Pattern {
    type Err = ImportError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.*?".contains(&b);
        if text.is_empty() || text.len() > 200 || !text.bytes().all(plain) {
            let text = crate::model::printable(text, 100);
            return Err(ImportError::Pattern { text });
        }
        Ok(Self(text.to_owned()))
    }
}

impl Pattern {
    /// Whether `name` is one of those meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        // Where the last `*` was, and how much of the name it has taken.
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n, mut star) = (0, 0, None);
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(own) if *own == b'?' || Some(own) == name.get(n) => {
                    p += 1;
                    n += 1;
                }
                _ => match star {
                    Some((at, taken)) => {
                        star = Some((at, taken + 1));
                        (p, n) = (at + 1, taken + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern.iter().skip(p).all(|own| *own == b'*')
    }
}

/// What is wanted of another repository.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The suite.
    pub suite: &'a str,
    /// The component; all, if none is named.
    pub component: Option<&'a str>,
    /// The public keys one of which must have signed the suite: a keyring, binary or armored.
    pub keyring: &'a [u8],
    /// Packages of these names; all, if there is none.
    pub packages: &'a [Pattern],
}

/// What another repository has.
#[derive(Debug)]
pub(super) struct Catalogue {
    /// Where it was read.
    pub(super) origin: ImportOrigin,
    /// The plugins that are wanted, sorted by name and version.
    pub(super) found: Vec<Found>,
    /// The names of those that no farm may have: they are no plugins, or for machines that Wazo hosts are not.
    pub(super) left_out: Vec<String>,
}

/// Reads what `origin` has of what is wanted, as its signature of `now` vouches for.
///
/// # Errors
///
/// [`ImportError`].
pub(super) async fn read(
    origin: &Origin,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<Catalogue, ImportError> {
    let release = release::fetch(origin, wanted.suite, wanted.keyring, now).await?;
    let components = match wanted.component {
        Some(component) => vec![component.to_owned()],
        None => release.components.clone(),
    };
    let mut found: BTreeMap<(String, DebianVersion), Found> = BTreeMap::new();
    let mut left_out = Vec::new();
    for component in &components {
        for one in index::fetch(origin, &release, component).await? {
            let named = wanted.packages.is_empty()
                || wanted.packages.iter().any(|own| own.matches(&one.package));
            if !named {
                continue;
            }
            if !is_for_hosts(&one) {
                left_out.push(one.package);
                continue;
            }
            let key = (one.package.clone(), one.version.clone());
            match found.get(&key) {
                Some(before) if before.sha256 != one.sha256 => {
                    return Err(ImportError::Invalid {
                        place: origin.place(&release.folder),
                        reason: format!("it has two packages {} {}", one.package, one.version),
                    });
                }
                _ => drop(found.insert(key, one)),
            }
        }
    }
    left_out.sort();
    left_out.dedup();
    Ok(Catalogue {
        origin: release.origin,
        found: found.into_values().collect(),
        left_out,
    })
}

fn is_for_hosts(found: &Found) -> bool {
    let plugin = found.package.strip_prefix(PLUGINS);
    (plugin.is_some_and(|name| !name.is_empty()) || AGENT.contains(&found.package.as_str()))
        && ["all", "amd64"].contains(&found.architecture.as_str())
}

/// The folder where packages are kept until they are imported: what was fetched once is not fetched again.
#[derive(Debug)]
pub struct Download {
    folder: PathBuf,
}

impl Download {
    /// Packages in `folder`, which must be there.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The package, fetched and verified.
    ///
    /// # Errors
    ///
    /// [`ImportError`].
    pub async fn fetch(&self, origin: &Origin, found: &Found) -> Result<Importable, ImportError> {
        let (name, version) = (&found.package, &found.version);
        let path = self.path(found.sha256);
        if found.size > MAX_PACKAGE {
            return Err(ImportError::TooLarge {
                place: origin.place(&found.filename),
                limit: MAX_PACKAGE,
                what: "bytes",
            });
        }
        let expected = Digest {
            sha256: found.sha256,
            size: found.size,
        };
        if digest(&path) != Some(expected) {
            origin.fetch(&found.filename, expected, &path).await?;
        }
        let package = Importable::open(&path).map_err(|source| ImportError::Package {
            package: format!("{name} {version}"),
            source,
        })?;
        let same = package.package() == name
            && package.version() == version
            && package.architecture().to_string() == found.architecture;
        if same {
            return Ok(package);
        }
        Err(ImportError::Differs {
            place: origin.place(&found.filename),
            reason: format!(
                "it is {} {}, and is listed as {name} {version}",
                package.package(),
                package.version()
            ),
        })
    }

    /// Removes what was imported, and what an import left that was interrupted.
    pub fn forget(&self, found: &[Found]) {
        let mut paths: Vec<_> = found.iter().map(|one| self.path(one.sha256)).collect();
        let entries = fs_err::read_dir(&self.folder).into_iter().flatten();
        let entries = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        paths.extend(entries.filter(|path| is_partial(path)));
        for path in paths {
            if let Err(error) = fs_err::remove_file(&path) {
                tracing::debug!(%error, "what was fetched stays");
            }
        }
    }

    fn path(&self, sha256: Sha256) -> PathBuf {
        self.folder.join(format!("{sha256}.deb"))
    }
}

/// Whether a file was on its way to its place: its name is [`tempfile`]'s.
fn is_partial(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(".tmp"))
}

/// What the bytes of a file are, if it can be read.
fn digest(path: &Path) -> Option<Digest> {
    let mut file = fs_err::File::open(path).ok()?;
    let mut writer = Sha256Writer::new(std::io::sink());
    std::io::copy(&mut file, &mut writer).ok()?;
    let (_, sha256, size) = writer.finish();
    Some(Digest { sha256, size })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(name)
    }

    #[test]
    fn a_pattern_is_matched_as_a_shell_does() {
        assert!(matches("wazo-plugind-*-demo", "wazo-plugind-hello-demo"));
        assert!(matches("*a*b", "xaxbxb") && matches("*", "anything"));
        assert!(matches("a?c", "abc") && !matches("a?c", "ac"));
        assert!(!matches("wazo-*-demo", "wazo-plugind-demo-x"));
        assert!(!matches("a", "ab") && !matches("ab", "a"));
        for bad in ["", "a/b", "A", "[a]", "a b"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_name_matches_itself_and_what_stands_for_it(name in "[a-c]{1,12}", cut in 0..12_usize) {
            let cut = cut.min(name.len());
            let (head, tail) = name.split_at(cut);
            prop_assert!(matches(&name, &name));
            let starred = format!("{head}*{tail}");
            prop_assert!(matches(&starred, &name));
            prop_assert!(matches(&"?".repeat(name.len()), &name));
            let longer = format!("{name}?");
            prop_assert!(!matches(&longer, &name));
        }
    }
}
