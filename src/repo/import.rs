//! Importing: packages of another apt repository enter with their names and versions, and are never taken for the farm's own.
//!
//! The farm signs for each of them that it was found there, which is all that the farm knows; the signer lets nothing into a
//! Release without a statement, and this is theirs.

use std::path::{Path, PathBuf};

use super::admit::{check_ours, mismatch, read_package, stanza};
use super::draft::Draft;
use super::entry::{Entry, Published};
use super::event::Action;
use super::storage::{Content, Expected, Write};
use super::{RepoError, Repository, layout};
use crate::deb::control::Paragraph;
use crate::evidence::{Import, ImportOrigin, PAYLOAD_TYPE, envelope, import_statement};
use crate::model::{Actor, Architecture, DebianVersion, Sha256, Signer, Suite, Timestamp};

/// A package that another repository's key has led to, in a file of this machine.
#[derive(Debug, Clone)]
pub struct Importable {
    path: PathBuf,
    control: Paragraph,
    package: String,
    version: DebianVersion,
    architecture: Architecture,
    content: Expected,
}

impl Importable {
    /// Reads the package at `path`, which must be a plugin's, for architectures that hosts have.
    ///
    /// # Errors
    ///
    /// [`RepoError::Mismatch`], [`RepoError::Read`], [`RepoError::Io`].
    pub fn open(path: &Path) -> Result<Self, RepoError> {
        let (control, content) = read_package(path)?;
        check_ours(&control)?;
        let field = |name: &str| {
            let value = control.get(name).unwrap_or_default();
            (!value.is_empty())
                .then_some(value)
                .ok_or_else(|| mismatch(format!("it has no `{name}`")))
        };
        let wrong = |error: crate::model::InvalidValue| mismatch(error.to_string());
        Ok(Self {
            package: field("Package")?.to_owned(),
            version: DebianVersion::new(field("Version")?).map_err(wrong)?,
            architecture: field("Architecture")?.parse().map_err(wrong)?,
            path: path.to_owned(),
            content,
            control,
        })
    }

    /// The package's name.
    #[must_use]
    pub fn package(&self) -> &str {
        &self.package
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &DebianVersion {
        &self.version
    }

    /// Its architecture.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The digest of the .deb.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.content.sha256
    }

    fn published(&self, now: Timestamp) -> Published {
        let (package, version) = (&self.package, &self.version);
        let filename = layout::pool(package, version, self.architecture, self.content.sha256);
        Published {
            package: package.clone(),
            version: version.clone(),
            architecture: self.architecture,
            plugin_version: None,
            preview: false,
            imported: true,
            commit: None,
            source: None,
            // Whatever it holds: nothing that is built here is the same content.
            content: self.content.sha256,
            statement: None,
            sha256: self.content.sha256,
            size: self.content.size,
            stanza: stanza(&self.control, &filename, self.content),
            filename,
            published: now,
        }
    }
}

/// Packages that are to be imported.
#[derive(Debug, Clone)]
pub struct Importing {
    /// Into which suite.
    pub suite: Suite,
    /// The packages.
    pub packages: Vec<Importable>,
    /// Where they were found.
    pub origin: ImportOrigin,
    /// Who decided to take them.
    pub by: Actor,
}

impl Repository {
    /// Whether `suite` has or had, of each package, version and digest in `wanted`, those very bytes.
    ///
    /// # Errors
    ///
    /// [`RepoError::ImportConflict`] when any version was ever published with other bytes; else as [`Repository::suites`].
    pub fn has(
        &self,
        suite: &Suite,
        wanted: &[(&str, &DebianVersion, Sha256)],
    ) -> Result<Vec<bool>, RepoError> {
        let Some(root) = self.root()? else {
            return Ok(vec![false; wanted.len()]);
        };
        let ledger = root.catalog(self.storage())?.ledger;
        let (mut found, mut conflicts) = (Vec::new(), Vec::new());
        for (package, version, sha256) in wanted {
            let mut history = ledger.of(self.storage(), package)?.into_iter();
            let known = history.find(|entry| entry.published.version == **version);
            if known
                .as_ref()
                .is_some_and(|own| own.published.sha256 != *sha256)
            {
                conflicts.push(format!("{package} {version}"));
            }
            found.push(known.is_some_and(|own| is_settled(&own, suite)));
        }
        refuse(conflicts).map(|()| found)
    }

    /// What an import changes: every package enters, or none; what the suite has or had already, byte for byte, stays as it
    /// is. Gives those that enter.
    pub(super) fn draft_import(
        &self,
        draft: &mut Draft<'_>,
        importing: &Importing,
        signer: &dyn Signer,
    ) -> Result<Vec<(String, DebianVersion)>, RepoError> {
        let (suite, mut added) = (&importing.suite, Vec::new());
        self.check_approvals(suite)?;
        let missing = self.missing(draft, importing)?;
        if missing.is_empty() {
            return Ok(added);
        }
        self.renew_keyring(draft, suite, signer)?;
        for package in missing {
            let published = match draft.find(&package.package, &package.version)? {
                Some(known) => known.published,
                None => self.take_in(draft, package, importing, signer)?,
            };
            added.push((published.package.clone(), published.version.clone()));
            draft.publish(Action::Import, suite, published, Some(&importing.by))?;
        }
        Ok(added)
    }

    /// The packages that the suite has not yet, in dpkg's order, none of which changes what was published.
    fn missing<'a>(
        &self,
        draft: &Draft<'_>,
        importing: &'a Importing,
    ) -> Result<Vec<&'a Importable>, RepoError> {
        let (mut missing, mut conflicts) = (Vec::new(), Vec::new());
        let mut packages: Vec<_> = importing.packages.iter().collect();
        packages.sort_by(|a, b| (&a.package, &a.version).cmp(&(&b.package, &b.version)));
        for package in packages {
            self.check_foreign(&package.package)?;
            let Some(known) = draft.find(&package.package, &package.version)? else {
                missing.push(package);
                continue;
            };
            if known.published.sha256 != package.content.sha256 {
                conflicts.push(format!("{} {}", package.package, package.version));
            } else if is_settled(&known, &importing.suite) {
                continue;
            } else if let Some(reason) = known.withdrawn(&importing.suite) {
                return Err(RepoError::withdrawn(&known.published, reason));
            } else {
                missing.push(package);
            }
        }
        refuse(conflicts).map(|()| missing)
    }

    /// A package that nobody had yet, on its way to its place with the statement that the farm signs about it.
    fn take_in(
        &self,
        draft: &mut Draft<'_>,
        package: &Importable,
        importing: &Importing,
        signer: &dyn Signer,
    ) -> Result<Published, RepoError> {
        let mut published = package.published(draft.now);
        let said = import_statement(&Import {
            package: published.package.clone(),
            version: published.version.clone(),
            architecture: published.architecture,
            deb: published.artifact(),
            origin: importing.origin.clone(),
            by: importing.by.clone(),
            at: draft.now,
        });
        let evidence = envelope(&said, &signer.sign_statement(PAYLOAD_TYPE, &said)?);
        let said = Expected::of(&evidence);
        published.statement = Some(said.sha256);
        let file = Content::File(package.path.clone());
        let attestation = layout::attestation(published.sha256);
        draft.wave.extend([
            Write::immutable(published.filename.clone(), file, package.content),
            Write::immutable(attestation, Content::Bytes(evidence.into()), said),
        ]);
        Ok(published)
    }
}

/// Whether nothing is to be done about a package: the suite has it; or had it, and somebody, or the farm's policy, has taken it
/// away, which another import does not undo.
fn is_settled(known: &Entry, suite: &Suite) -> bool {
    known.listed(suite).is_some() || known.erased.is_some()
}

/// A published version never changes.
fn refuse(conflicts: Vec<String>) -> Result<(), RepoError> {
    if conflicts.is_empty() {
        return Ok(());
    }
    Err(RepoError::ImportConflict {
        packages: conflicts,
    })
}
