//! Which farms this host follows: those whose keyring packages root has installed.

use std::io;
use std::path::{Path, PathBuf};

use super::AptError;
use crate::model::FarmName;

/// Where the keyring packages of farms put their statement keys, a folder per farm.
const INSTALLED: &str = "/usr/share/plugfarm";

/// A farm whose packages this host takes, and the keys that it knows it by. Both files belong to the farm's keyring package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farm {
    /// Its name.
    pub name: FarmName,
    /// Its archive keys, as a binary keyring: what its indices are signed with.
    pub keyring: PathBuf,
    /// Its statement keys, in PEM: what its evidence is signed with.
    pub statement_keys: PathBuf,
}

impl Farm {
    /// The farm of this name, with the keys where its keyring package puts them.
    #[must_use]
    pub fn named(name: FarmName) -> Self {
        let keyring = format!("/usr/share/keyrings/plugfarm-{name}.gpg");
        Self {
            keyring: keyring.into(),
            statement_keys: Path::new(INSTALLED)
                .join(name.as_str())
                .join("statement.pem"),
            name,
        }
    }

    /// The farms whose keyring packages are installed, by name.
    ///
    /// # Errors
    ///
    /// [`AptError::NoFarm`], [`AptError::Read`].
    pub fn installed() -> Result<Vec<Self>, AptError> {
        installed_below(Path::new(INSTALLED))
    }
}

fn installed_below(folder: &Path) -> Result<Vec<Farm>, AptError> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(AptError::NoFarm),
        Err(error) => return Err(AptError::read(folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(AptError::read(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.and_then(|name| FarmName::new(name).ok());
        names.extend(name.filter(|_| path.join("statement.pem").is_file()));
    }
    names.sort();
    if names.is_empty() {
        return Err(AptError::NoFarm);
    }
    Ok(names.into_iter().map(Farm::named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_farm_is_followed_once_its_keyring_package_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let nothing = folder.path().join("none");
        assert!(matches!(installed_below(&nothing), Err(AptError::NoFarm)));
        for name in ["wazo", "acme", "No-Farm", "empty"] {
            fs_err::create_dir(folder.path().join(name)).unwrap();
        }
        assert!(matches!(
            installed_below(folder.path()),
            Err(AptError::NoFarm)
        ));
        for name in ["wazo", "acme", "No-Farm"] {
            fs_err::write(folder.path().join(name).join("statement.pem"), "").unwrap();
        }
        let farms = installed_below(folder.path()).unwrap();
        let names: Vec<_> = farms.iter().map(|farm| farm.name.as_str()).collect();
        assert_eq!(names, ["acme", "wazo"]);
        assert_eq!(
            farms[0].keyring,
            Path::new("/usr/share/keyrings/plugfarm-acme.gpg")
        );
    }
}
