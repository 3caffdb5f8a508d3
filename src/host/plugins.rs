//! The plugins that are installed, and their metadata as it lies on this machine.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::shelf::Shelf;
use crate::apt::{AptError, Installed};
use crate::model::{DebianVersion, PluginId};
use crate::plugin;

/// The most bytes of metadata that are read: more than the reader takes.
const MAX: u64 = 512 << 10;

/// The version of an installed plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// In its manifest; none, if nobody can read it.
    pub manifest: Option<String>,
    /// Its package's.
    pub package: DebianVersion,
}

/// The plugins that are installed. Clones are the same.
#[derive(Clone)]
pub struct Plugins {
    shelf: Arc<dyn Shelf>,
    folder: PathBuf,
}

impl Plugins {
    /// What `shelf` says is installed, with the metadata in `folder`.
    #[must_use]
    pub fn new(shelf: Arc<dyn Shelf>, folder: PathBuf) -> Self {
        Self { shelf, folder }
    }

    /// The metadata of all of them, by package. One that dpkg has and that has no metadata is left out; of one whose metadata
    /// nobody can read there is what dpkg knows.
    ///
    /// # Errors
    ///
    /// [`AptError`], where dpkg cannot be asked.
    pub async fn list(&self) -> Result<Vec<Map<String, Value>>, AptError> {
        let installed = self.shelf.installed().await?;
        let this = self.clone();
        blocking(move || {
            let found = installed.iter().filter_map(|one| this.read_or_tell(one));
            found.collect()
        })
        .await
        .map_err(|source| self.wrong(source))
    }

    /// The metadata of one, if it is there.
    ///
    /// # Errors
    ///
    /// [`AptError`], where dpkg cannot be asked.
    pub async fn get(&self, id: &PluginId) -> Result<Option<Map<String, Value>>, AptError> {
        let (this, asked) = (self.clone(), id.clone());
        let read = blocking(move || this.read(&asked)).await;
        match read.map_err(|source| self.wrong(source))? {
            Found::Nothing => Ok(None),
            Found::Metadata(metadata) => Ok(Some(metadata)),
            Found::Unreadable => {
                let installed = self.shelf.installed().await?;
                Ok(installed.iter().find(|one| one.plugin == *id).map(told))
            }
        }
    }

    /// Whether there is anything of it that can be removed.
    ///
    /// # Errors
    ///
    /// [`AptError`], where dpkg cannot be asked.
    pub async fn has(&self, id: &PluginId) -> Result<bool, AptError> {
        let installed = self.shelf.installed().await?;
        Ok(installed.iter().any(|one| one.plugin == *id))
    }

    /// The versions of all of them.
    ///
    /// # Errors
    ///
    /// [`AptError`], where dpkg cannot be asked.
    pub async fn versions(&self) -> Result<BTreeMap<PluginId, Version>, AptError> {
        let installed = self.shelf.installed().await?;
        let this = self.clone();
        blocking(move || {
            let versions = installed.into_iter().map(|one| {
                let version = Version {
                    manifest: this.manifest_version(&one),
                    package: one.version,
                };
                (one.plugin, version)
            });
            versions.collect()
        })
        .await
        .map_err(|source| self.wrong(source))
    }

    /// The package says it, if a farm built it; else the metadata does.
    fn manifest_version(&self, one: &Installed) -> Option<String> {
        if one.plugin_version.is_some() {
            return one.plugin_version.clone();
        }
        match self.read(&one.plugin) {
            Found::Metadata(metadata) => metadata.get("version").and_then(text),
            Found::Nothing | Found::Unreadable => None,
        }
    }

    fn read_or_tell(&self, one: &Installed) -> Option<Map<String, Value>> {
        match self.read(&one.plugin) {
            Found::Nothing => None,
            Found::Metadata(metadata) => Some(metadata),
            Found::Unreadable => Some(told(one)),
        }
    }

    fn read(&self, id: &PluginId) -> Found {
        let path = self
            .folder
            .join(id.namespace.as_str())
            .join(id.name.as_str());
        let path = path.join("wazo/plugin.yml");
        let bytes = || -> io::Result<Vec<u8>> {
            // Whoever opens a pipe waits for somebody to write to it.
            if !fs_err::metadata(&path)?.is_file() {
                return Err(io::ErrorKind::NotFound.into());
            }
            let mut bytes = Vec::new();
            fs_err::File::open(&path)?
                .take(MAX)
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match bytes() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
            Err(error) => {
                tracing::warn!(plugin = %id, %error, "metadata cannot be read");
                Found::Unreadable
            }
            Ok(bytes) => match plugin::installed(&bytes) {
                Ok(metadata) => Found::Metadata(metadata),
                Err(error) => {
                    tracing::warn!(plugin = %id, %error, "metadata is strange");
                    Found::Unreadable
                }
            },
        }
    }

    fn wrong(&self, source: io::Error) -> AptError {
        AptError::Read {
            path: self.folder.clone(),
            source,
        }
    }
}

enum Found {
    Nothing,
    Metadata(Map<String, Value>),
    Unreadable,
}

/// What dpkg knows of a plugin, in metadata's words.
fn told(one: &Installed) -> Map<String, Value> {
    let version = one.plugin_version.clone();
    let mut map = Map::new();
    map.insert("name".to_owned(), json!(one.plugin.name.as_str()));
    map.insert("namespace".to_owned(), json!(one.plugin.namespace.as_str()));
    let version = version.unwrap_or_else(|| one.version.to_string());
    map.insert("version".to_owned(), version.into());
    map
}

/// A version as text: numbers as Python writes them.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Fixed, installed};
    use super::*;

    #[tokio::test]
    async fn metadata_is_given_as_it_is_and_a_bad_one_hurts_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let put = |plugin: &str, text: &str| {
            let path = folder.path().join(plugin).join("wazo");
            fs_err::create_dir_all(&path).unwrap();
            fs_err::write(path.join("plugin.yml"), text).unwrap();
        };
        put(
            "demo/a",
            "name: a\nnamespace: demo\nversion: 1.0\nextra: {since: 2020-01-01}\n",
        );
        put("demo/bad", "- [");
        put("demo/unknown", "name: unknown");
        let shelf = Fixed {
            installed: vec![
                installed("demo/a", "1.0", None),
                installed("demo/bad", "2.0-1", None),
                installed("demo/nothing", "1", None),
            ],
            ..Fixed::default()
        };
        let plugins = Plugins::new(Arc::new(shelf), folder.path().to_owned());
        let list = Value::from_iter(plugins.list().await.unwrap());
        insta::assert_snapshot!(list, @r#"[{"name":"a","namespace":"demo","version":1.0,"extra":{"since":"2020-01-01"}},{"name":"bad","namespace":"demo","version":"2.0-1"}]"#);
        let get = async |id: &str| plugins.get(&id.parse().unwrap()).await.unwrap();
        assert_eq!(get("demo/bad").await.unwrap()["version"], "2.0-1");
        assert_eq!(get("demo/unknown").await.unwrap()["name"], "unknown");
        assert_eq!(get("demo/nothing").await, None);
        let versions = plugins.versions().await.unwrap();
        let version = |id: &str| versions[&id.parse().unwrap()].manifest.clone();
        assert_eq!(version("demo/a").as_deref(), Some("1.0"));
        assert_eq!(version("demo/bad"), None);
        assert!(plugins.has(&"demo/nothing".parse().unwrap()).await.unwrap());
        assert!(!plugins.has(&"demo/unknown".parse().unwrap()).await.unwrap());
    }
}
