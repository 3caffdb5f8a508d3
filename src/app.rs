//! Composition: settings and folders become adapters. The only place that says "new" to one.

mod error;
mod host;
mod keys;
mod serve;

use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Config, environment};
use crate::evidence::{Builder, StatementKey};
use crate::import::Download;
use crate::model::{Actor, Target};
use crate::pipeline::{Farm, Publisher, now};
use crate::repo::{Progress, Repository, Settings, Writer};
use crate::sandbox::{Engine, ImageName, Images, SandboxError, known_packages, sweep};
use crate::sign::PublicKeys;
use crate::source::{Fetcher, Store};

pub use error::AppError;
pub use host::{HostError, host_config, serve_host};

/// The folder of what is known of the images.
const IMAGES: &str = "images";

/// A farm on this machine: its settings and its folders.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Config,
    data: PathBuf,
    /// Is told what is sent to an object store.
    pub progress: Option<Progress>,
}

impl App {
    /// Reads the settings, if a file is named, and finds the data folder; makes nothing yet.
    pub fn open(data: Option<PathBuf>, config: Option<&Path>) -> Result<Self, AppError> {
        let data = match data {
            Some(folder) => {
                std::path::absolute(&folder).map_err(|source| AppError::DataFolder {
                    path: folder,
                    source,
                })?
            }
            None => default_data_folder().ok_or(AppError::NoHome)?,
        };
        let config = config.map(read_config).transpose()?.unwrap_or_default();
        Ok(Self {
            config,
            data,
            progress: None,
        })
    }

    /// The folder of the farm's state.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A folder of the farm's state, made if need be.
    pub fn folder(&self, name: &str) -> Result<PathBuf, AppError> {
        let path = self.data.join(name);
        fs_err::create_dir_all(&path).map_err(|source| AppError::DataFolder {
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    /// The repository's folder.
    #[must_use]
    pub fn repository_folder(&self) -> PathBuf {
        self.config
            .repository
            .path
            .clone()
            .unwrap_or_else(|| self.data.join("repository"))
    }

    /// The engine, after what a crash left on it was removed.
    pub async fn engine(&self) -> Result<Engine, AppError> {
        let address = std::env::var(environment::DOCKER_HOST).ok();
        let mut engine = Engine::connect(&self.instance()?, address.as_deref()).await?;
        if let Some(runtime) = &self.config.sandbox.runtime {
            engine = engine.with_runtime(runtime)?;
        }
        let removed = sweep(&engine).await?;
        if removed > 0 {
            tracing::warn!(
                removed,
                "removed containers that an earlier process left behind"
            );
        }
        Ok(engine)
    }

    /// The images of the machine's engine.
    pub async fn images(&self) -> Result<Images, AppError> {
        self.images_of(&self.engine().await?)
    }

    fn images_of(&self, engine: &Engine) -> Result<Images, AppError> {
        let folder = self.private_folder(IMAGES)?;
        let mirror = self.config.images.mirror.clone();
        Ok(Images::new(engine, folder, mirror))
    }

    /// The names of the packages that `target` has, if images were made with this data folder. Needs no engine.
    pub fn known_packages(&self, target: Target) -> io::Result<Option<String>> {
        known_packages(&self.data.join(IMAGES), target)
    }

    /// Where sources are kept. They may be private: the folder is for its owner alone.
    pub fn sources(&self) -> Result<Store, AppError> {
        self.private_folder("sources")?;
        let path = self.folder("")?;
        Store::open(&path).map_err(|source| AppError::DataFolder { path, source })
    }

    /// A folder of the farm's state that only its owner can enter, made if need be.
    fn private_folder(&self, name: &str) -> Result<PathBuf, AppError> {
        let path = self.folder(name)?;
        let owner_alone = std::fs::Permissions::from_mode(0o700);
        match fs_err::set_permissions(&path, owner_alone) {
            Ok(()) => Ok(path),
            Err(source) => Err(AppError::DataFolder { path, source }),
        }
    }

    /// What fetches repositories.
    pub async fn fetcher(&self) -> Result<Fetcher, AppError> {
        let engine = self.engine().await?;
        let image = self
            .images_of(&engine)?
            .find(ImageName::Fetcher, Target::Bookworm)
            .await?;
        let image = image.ok_or_else(|| SandboxError::ImageMissing {
            image: ImageName::Fetcher.to_string(),
        })?;
        Ok(Fetcher::new(
            engine,
            image,
            self.config.source.clone(),
            self.sources()?,
        ))
    }

    /// The apt repository.
    pub fn repository(&self) -> Result<Repository, AppError> {
        self.repository_of(Some(&self.public_keys()?))
    }

    /// What is published, for whoever only reads it: no key is asked for, or made.
    pub fn published(&self) -> Result<Repository, AppError> {
        self.repository_of(None)
    }

    fn repository_of(&self, public: Option<&PublicKeys>) -> Result<Repository, AppError> {
        let Config {
            farm,
            maintainer,
            repository,
            ..
        } = &self.config;
        let settings = Settings {
            farm: farm.clone(),
            url: repository.url.clone(),
            channels: repository.channels.clone(),
            approvals: repository.approvals,
            preview_time: repository.preview_time,
            valid_for: repository.valid_for,
            signed_by: public.map_or(Vec::new(), PublicKeys::archive_fingerprints),
            maintainer: maintainer.clone(),
            archive_keyring: public.map_or(Vec::new(), |keys| keys.archive_keyring.clone()),
            statement_pem: public.map_or(String::new(), |keys| keys.statement_pem.clone()),
        };
        let repository = match &repository.s3 {
            Some(bucket) => {
                let cache = self.data.join("cache/repository");
                Repository::in_bucket(bucket, Some(cache), self.progress.clone(), settings)?
            }
            None => Repository::new(self.repository_folder(), settings),
        };
        Ok(repository.operated_by(operator()))
    }

    /// Where packages of other repositories are kept until they are imported.
    pub fn imports(&self) -> Result<Download, AppError> {
        Ok(Download::new(self.private_folder("imports")?))
    }

    /// What packages are published with.
    pub fn publisher(&self) -> Result<Publisher, AppError> {
        let (signer, public) = self.signer()?;
        let repository = self.repository_of(Some(&public))?;
        Ok(Publisher {
            statement_keys: StatementKey::all_from_pem(&public.statement_pem)?,
            writer: Writer::new(repository.clone(), Arc::clone(&signer), now),
            signer,
            repository,
        })
    }

    /// Everything that builds are run with.
    pub async fn farm(&self) -> Result<Farm, AppError> {
        let engine = self.engine().await?;
        Ok(Farm {
            config: self.config.clone(),
            builder: Builder::Laptop,
            images: self.images_of(&engine)?,
            engine,
            sources: self.sources()?,
            publisher: self.publisher()?,
            builds: self.private_folder("builds")?,
        })
    }

    /// The id that marks what belongs to this farm on an engine that others use too; drawn on first use.
    pub fn instance(&self) -> Result<String, AppError> {
        let path = self.folder("")?.join("instance");
        let wrong = |source| AppError::DataFolder {
            path: path.clone(),
            source,
        };
        match fs_err::read_to_string(&path) {
            Ok(text) if uuid::Uuid::try_parse(text.trim()).is_ok() => Ok(text.trim().to_owned()),
            Ok(_) => Err(wrong(io::Error::new(
                ErrorKind::InvalidData,
                "it holds no id; delete it",
            ))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                draw_instance(&path).map_err(wrong)
            }
            Err(error) => Err(wrong(error)),
        }
    }
}

/// Writes a new id, unless another process was faster; then that one counts.
fn draw_instance(path: &Path) -> io::Result<String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let id = uuid::Uuid::new_v4().to_string();
    io::Write::write_all(&mut file, id.as_bytes())?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(id),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
            Ok(fs_err::read_to_string(path)?.trim().to_owned())
        }
        Err(error) => Err(error.error),
    }
}

/// Who runs this program: who called sudo, or is logged in, as far as the system says.
#[must_use]
pub fn operator() -> Option<Actor> {
    let names = [environment::SUDO_USER, environment::USER].into_iter();
    let mut names = names.filter_map(|name| Actor::new(&std::env::var(name).ok()?).ok());
    names.next()
}

fn read_config(path: &Path) -> Result<Config, AppError> {
    let text = fs_err::read_to_string(path).map_err(|source| AppError::ConfigUnreadable {
        path: path.to_owned(),
        source,
    })?;
    Config::parse(&text).map_err(|source| AppError::ConfigInvalid {
        path: path.to_owned(),
        source,
    })
}

/// `/var/lib/plugfarm` for root, else the user's own data folder (XDG Base Directory Specification).
fn default_data_folder() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from("/var/lib/plugfarm"));
    }
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || variable("HOME").map(|home| home.join(".local/share"));
    Some(variable("XDG_DATA_HOME").or_else(home)?.join("plugfarm"))
}
