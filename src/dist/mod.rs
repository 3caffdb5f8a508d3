//! The project's own programs as Debian packages: `plugfarm`, `plugfarm-host`, and `plugfarm-host-wazo-plugind`, which puts the
//! agent in the place of wazo-plugind. What lies beside the programs on a machine is in `files/`, and nowhere else.
//!
//! Plugins' packages are `pipeline`'s affair.

mod contents;

use std::io::{self, Cursor};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use crate::deb::Spool;
use crate::deb::control::description;
use crate::deb::package::{
    AssembleError, Assembled, Compression, Copyright, PackageSpec, architecture, assemble,
    conffiles, copyright,
};
use crate::deb::payload::{Payload, PayloadError};
use crate::model::{DebianVersion, Timestamp};
use contents::Contents;

/// What there is a package of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The farm, its client and its signer.
    Farm,
    /// The agent on a Wazo host, beside wazo-plugind.
    Host,
    /// What puts the agent in wazo-plugind's place.
    Plugind,
}

impl Program {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Farm, Self::Host, Self::Plugind];

    /// The package's name.
    #[must_use]
    pub fn package(self) -> &'static str {
        match self {
            Self::Farm => "plugfarm",
            Self::Host => "plugfarm-host",
            Self::Plugind => "plugfarm-host-wazo-plugind",
        }
    }

    /// The program's file, below the folder of programs; none, if the package only configures another one.
    fn program(self) -> Option<&'static str> {
        match self {
            Self::Farm | Self::Host => Some(self.package()),
            Self::Plugind => None,
        }
    }
}

/// What one package is made of, besides what is in `files/`.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The folder of compiled programs.
    pub programs: PathBuf,
    /// The libraries that those need, as relations of Debian packages.
    pub libraries: Vec<String>,
    /// Further files: paths without a first slash, and what is in them.
    pub documents: Vec<(String, Vec<u8>)>,
    /// The package's version.
    pub version: DebianVersion,
    /// `name <address>` of whoever answers for it.
    pub maintainer: String,
    /// The time of every file: the commit's, so that a commit gives the same bytes.
    pub time: Timestamp,
}

/// A package that was not made.
#[derive(Debug, thiserror::Error)]
pub enum DistError {
    /// A program or the package cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that cannot be in a package.
    #[error("a file cannot be in the package")]
    Payload(#[from] PayloadError),
    /// The package cannot be written.
    #[error("the package cannot be written")]
    Assemble(#[from] AssembleError),
}

/// Writes the package of `program` into `folder`, and says where it is.
///
/// # Errors
/// [`DistError`]; no half package is left behind.
pub fn write(
    program: Program,
    parts: &Parts,
    folder: &Path,
) -> Result<(PathBuf, Assembled), DistError> {
    let contents = contents::of(program);
    let (mut payload, mut spool) = (Payload::default(), Spool::new(Cursor::new(Vec::new())));
    for (path, mode, text) in contents.files {
        payload.insert_file(path, *mode, text.as_bytes(), &mut spool)?;
    }
    for (path, bytes) in &parts.documents {
        payload.insert_file(path, 0o644, bytes, &mut spool)?;
    }
    if let Some(name) = program.program() {
        let path = parts.programs.join(name);
        let bytes = fs_err::read(&path).map_err(at(&path))?;
        payload.insert_file(&format!("usr/bin/{name}"), 0o755, &bytes, &mut spool)?;
    }
    let spec = specify(program, &contents, parts, &payload);
    let name = format!(
        "{}_{}_{}.deb",
        spec.package,
        file_version(&spec.version),
        spec.architecture
    );
    let path = folder.join(name);
    let mut out = tempfile::NamedTempFile::new_in(folder).map_err(at(folder))?;
    let compression = Compression::for_payload(payload.bytes(), threads());
    let assembled = assemble(&spec, payload, &mut spool, compression, out.as_file_mut())?;
    out.persist(&path).map_err(|error| at(&path)(error.error))?;
    open_to_all(&path).map_err(at(&path))?;
    Ok((path, assembled))
}

fn specify(program: Program, contents: &Contents, parts: &Parts, payload: &Payload) -> PackageSpec {
    let own = contents.depends.iter().map(|&text| text.to_owned());
    let libraries = parts.libraries.iter().cloned();
    PackageSpec {
        package: program.package().to_owned(),
        version: parts.version.clone(),
        architecture: architecture(payload),
        maintainer: parts.maintainer.clone(),
        depends: match program.program() {
            Some(_) => libraries.chain(own).collect(),
            None => own.collect(),
        },
        section: contents.section.to_owned(),
        homepage: None,
        fields: contents
            .relations
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        description: description(contents.synopsis, contents.description),
        scripts: contents.scripts(),
        conffiles: conffiles(payload, &std::collections::BTreeSet::new()),
        changes: vec![format!("Version {}.", parts.version)],
        copyright: copyright(&Copyright {
            name: program.package().to_owned(),
            author: Some("the authors of plugfarm".to_owned()),
            license: Some("Apache-2.0".to_owned()),
            source: None,
        }),
        time: parts.time,
    }
}

/// A version as file names have it: without its epoch (Debian Policy 5.6.12).
fn file_version(version: &DebianVersion) -> &str {
    let text = version.as_str();
    text.split_once(':').map_or(text, |(_, rest)| rest)
}

fn threads() -> NonZeroU32 {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    u32::try_from(threads)
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MIN)
}

fn open_to_all(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DistError {
    let path = path.to_owned();
    move |source| DistError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_wazo_plugind_s_place_says_so_and_can_be_taken_back() {
        let contents = contents::of(Program::Plugind);
        for field in ["Provides", "Conflicts", "Replaces"] {
            let found = contents.relations.iter().find(|(name, _)| *name == field);
            assert_eq!(found.map(|(_, value)| *value), Some("wazo-plugind"));
        }
        let scripts = contents.scripts();
        let (made, removed) = (scripts.postinst.unwrap(), scripts.postrm.unwrap());
        for file in ["conf.d/00-plugfarm-host.yml", "https-enabled"] {
            assert!(made.contains(file) && removed.contains(file), "{file}");
        }
    }

    #[test]
    fn no_package_looks_like_a_plugin_s() {
        for program in Program::ALL {
            assert_ne!(
                contents::of(program).section,
                crate::deb::package::PLUGIN_SECTION
            );
            assert!(program.package().starts_with("plugfarm"));
        }
    }
}
