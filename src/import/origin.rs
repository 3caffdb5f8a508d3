//! Where another repository is: a folder of this machine, or a web server.

use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use url::Url;

use super::ImportError;

use super::release::Digest;
use super::server::Server;
use crate::model::{Sha256Writer, printable};

/// Another apt repository's root, below which `dists` is.
#[derive(Debug)]
pub enum Origin {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A web server's folder.
    Server(Box<Server>),
}

impl Origin {
    /// Reads what somebody has named: an `http` or `https` URL without credentials, or else a folder.
    ///
    /// # Errors
    ///
    /// [`ImportError::Address`], [`ImportError::Fetch`] where there is no way to speak TLS.
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        let wrong = |reason| ImportError::Address {
            text: printable(text, 200),
            reason,
        };
        if !text.contains("://") {
            let folder = Path::new(text);
            let absolute = std::path::absolute(folder).map_err(ImportError::io("find", folder))?;
            return if absolute.is_dir() {
                Ok(Self::Folder(absolute))
            } else {
                Err(wrong("there is no such folder"))
            };
        }
        let url = Url::parse(text).map_err(|_| wrong("it is no URL"))?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
            return Err(wrong("it must be an http or https URL"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ImportError::Address {
                text: url.host_str().unwrap_or_default().to_owned(),
                reason: "a URL with credentials would end up in signed statements; copy the repository to a folder",
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("a repository's URL has neither `?` nor `#`"));
        }
        Ok(Self::Server(Box::new(Server::new(url)?)))
    }

    /// The repository, as statements name it.
    pub(super) fn uri(&self) -> String {
        match self {
            Self::Folder(folder) => {
                let name = folder.file_name().unwrap_or(folder.as_os_str());
                format!("file:{}", printable(&name.to_string_lossy(), 200))
            }
            Self::Server(server) => server.url().to_string(),
        }
    }

    /// How a message names what is at `key`.
    pub(super) fn place(&self, key: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(key).display().to_string(),
            Self::Server(server) => server.place(key),
        }
    }

    /// What is at `key`; `None` where there is nothing. More than `limit` bytes are an error.
    pub(super) async fn get(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let mut bytes = Vec::new();
        let found = self.copy(key, limit, &mut bytes).await?;
        Ok(found.then_some(bytes))
    }

    /// Writes what is at `key`, which must be `expected`, to the file `to`, whole or not at all.
    pub(super) async fn fetch(
        &self,
        key: &str,
        expected: Digest,
        to: &Path,
    ) -> Result<(), ImportError> {
        let failed = || ImportError::io("write", to);
        let folder = to.parent().unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(folder).map_err(failed())?;
        let mut writer = Sha256Writer::new(file);
        if !self.copy(key, expected.size, &mut writer).await? {
            let place = self.place(key);
            return Err(ImportError::Missing { place });
        }
        writer.flush().map_err(failed())?;
        let (file, sha256, size) = writer.finish();
        if (sha256, size) != (expected.sha256, expected.size) {
            return Err(ImportError::Differs {
                place: self.place(key),
                reason: format!(
                    "its SHA-256 is {sha256}, the listed one {}",
                    expected.sha256
                ),
            });
        }
        file.as_file().sync_all().map_err(failed())?;
        let placed = file.persist(to).map_err(|error| failed()(error.error));
        placed.map(drop)
    }

    /// Writes what is at `key` to `out`; gives whether there is anything.
    pub(super) async fn copy(
        &self,
        key: &str,
        limit: u64,
        out: &mut (dyn Write + Send),
    ) -> Result<bool, ImportError> {
        match self {
            Self::Server(server) => server.copy(key, limit, out).await,
            Self::Folder(folder) => copy_file(&folder.join(key), limit, out),
        }
    }
}

/// Writes the file at `path` to `out`; gives whether there is one.
fn copy_file(path: &Path, limit: u64, out: &mut dyn Write) -> Result<bool, ImportError> {
    let failed = || ImportError::io("read", path);
    match fs_err::metadata(path) {
        // Something else, such as a pipe, might never end.
        Ok(found) if !found.is_file() => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed()(error)),
    }
    let file = fs_err::File::open(path).map_err(failed())?;
    let copied = io::copy(&mut file.take(limit.saturating_add(1)), out).map_err(failed())?;
    if copied > limit {
        return Err(ImportError::TooLarge {
            place: path.display().to_string(),
            limit,
            what: "bytes",
        });
    }
    Ok(true)
}
