//! The farm's keys: in its own data folder, or with a signer.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use super::{App, AppError};
use crate::config::environment;
use crate::evidence::StatementKey;
use crate::model::Signer;
use crate::pipeline::now;
use crate::sign::{Keys, Passphrase, PublicKeys, SocketSigner, Vault, are_protected};

/// What the signer said last of its keys.
const REMEMBERED: &str = "signer.public.json";

impl App {
    /// Who signs for the farm, and the public halves of the keys.
    pub fn signer(&self) -> Result<(Arc<dyn Signer>, PublicKeys), AppError> {
        match &self.config.signer.socket {
            Some(socket) => {
                let signer = SocketSigner::connect(socket)?;
                let public = signer.public().clone();
                self.remember(&public);
                Ok((Arc::new(signer), public))
            }
            None => {
                let keys = self.keys()?;
                let public = keys.public().clone();
                Ok((Arc::new(keys), public))
            }
        }
    }

    /// The public halves of the farm's keys, for which no secret is read. Where the signer does not answer, they are what it
    /// said last: only signing needs it.
    pub fn public_keys(&self) -> Result<PublicKeys, AppError> {
        let Some(socket) = &self.config.signer.socket else {
            let found = PublicKeys::read(&self.keys_folder())?;
            return found.map_or_else(|| Ok(self.keys()?.public().clone()), Ok);
        };
        match SocketSigner::connect(socket) {
            Ok(signer) => {
                self.remember(signer.public());
                Ok(signer.public().clone())
            }
            Err(error) => {
                let Ok(Some(remembered)) = self.remembered() else {
                    return Err(error.into());
                };
                tracing::warn!(%error, "nothing can be signed; reading goes on with the keys that the signer had");
                Ok(remembered)
            }
        }
    }

    /// Notes what the signer said of its keys, for when it does not answer.
    fn remember(&self, public: &PublicKeys) {
        if matches!(self.remembered(), Ok(Some(last)) if last == *public) {
            return;
        }
        let written = fs_err::create_dir_all(&self.data)
            .and_then(|()| tempfile::NamedTempFile::new_in(&self.data))
            .and_then(|mut file| {
                serde_json::to_writer(&mut file, public)?;
                Ok(file.persist(self.data.join(REMEMBERED))?)
            });
        if let Err(error) = written {
            tracing::warn!(%error, "cannot note the signer's public keys in the data folder");
        }
    }

    fn remembered(&self) -> io::Result<Option<PublicKeys>> {
        match fs_err::read(self.data.join(REMEMBERED)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The farm's keys in the data folder, made on first use.
    pub fn keys(&self) -> Result<Keys, AppError> {
        self.folder("")?;
        let passphrase = self.passphrase_file();
        let folder = self.keys_folder();
        Ok(Keys::open_with(
            &folder,
            &self.config.farm,
            passphrase.as_deref(),
            now,
        )?)
    }

    /// What seals the secrets of sources, hooks and subscriptions; its key is made on first use.
    pub fn vault(&self) -> Result<Vault, AppError> {
        self.folder("")?;
        let passphrase = self.passphrase_file();
        let read = |path: &PathBuf| Passphrase::read(path);
        let passphrase = match &self.config.signer.socket {
            // The file may be the signer's alone.
            Some(_) => passphrase.as_ref().and_then(|path| read(path).ok()),
            None => passphrase.as_ref().map(read).transpose()?,
        };
        Ok(Vault::open_or_create(
            &self.secrets_folder(),
            passphrase.as_ref(),
        )?)
    }

    /// The folder of the key that opens the farm's secrets.
    #[must_use]
    pub fn secrets_folder(&self) -> PathBuf {
        self.data.join("secrets")
    }

    /// The file of the passphrase of the secret keys, if one is named.
    #[must_use]
    pub fn passphrase_file(&self) -> Option<PathBuf> {
        let named = std::env::var_os(environment::PASSPHRASE_FILE).filter(|name| !name.is_empty());
        let configured = || self.config.signer.passphrase_file.clone();
        named.map(PathBuf::from).or_else(configured)
    }

    /// Whether the secret keys in the data folder are encrypted on disk; `None` when there are none.
    pub fn keys_are_protected(&self) -> Result<Option<bool>, AppError> {
        Ok(are_protected(&self.keys_folder())?)
    }

    fn keys_folder(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// The public statement keys of this machine's own farm, if it is one.
    pub fn statement_keys(&self) -> Result<Vec<StatementKey>, AppError> {
        if self.config.signer.socket.is_some() || self.keys_folder().exists() {
            Ok(StatementKey::all_from_pem(
                &self.public_keys()?.statement_pem,
            )?)
        } else {
            Ok(Vec::new())
        }
    }
}
