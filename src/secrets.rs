//! The farm's secrets: put into the store sealed, and taken out again for the one thing that each is for.
//!
//! Nothing here gives a secret to whoever asks the farm: a repository's credential goes to the fetch container alone.

use std::fmt;
use std::sync::Arc;

use crate::model::{DebianVersion, PluginId, Timestamp};
use crate::sign::{KeyError, SealBroken, Vault};
use crate::source::{Access, Credential};
use crate::store::{Sealed, Store, StoreError};

/// A secret could not be kept, or not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The farm's state.
    #[error(transparent)]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
    /// What is stored cannot be opened.
    #[error(transparent)]
    Broken {
        /// Why.
        #[from]
        source: SealBroken,
    },
    /// It could not be sealed.
    #[error(transparent)]
    Seal {
        /// Why.
        #[from]
        source: KeyError,
    },
}

/// The secrets of one farm. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    store: Store,
    vault: Arc<Vault>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// The secrets in `store`, which `vault` opens.
    #[must_use]
    pub fn new(store: Store, vault: Vault) -> Self {
        let vault = Arc::new(vault);
        Self { store, vault }
    }

    /// Keeps what opens a source's repository, in place of what did before.
    ///
    /// # Errors
    ///
    /// [`SecretsError`].
    pub async fn set_credential(
        &self,
        plugin: &PluginId,
        credential: &Credential,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), SecretsError> {
        // A credential is two or three texts: that always makes JSON.
        let text = serde_json::to_vec(credential).unwrap_or_default();
        let sealed = self.vault.seal(&purpose(plugin), &text)?;
        let kept = self
            .store
            .set_credential(plugin, credential.kind(), &sealed, actor, now);
        Ok(kept.await?)
    }

    /// By what right a source's repository is fetched.
    ///
    /// # Errors
    ///
    /// [`SecretsError`].
    pub async fn access(&self, plugin: &PluginId) -> Result<Access, SecretsError> {
        let Some(sealed) = self.store.credential(plugin).await? else {
            return Ok(Access::Public);
        };
        let opened = self.vault.open(&purpose(plugin), &sealed)?;
        let credential = serde_json::from_slice(&opened).map_err(|_| SealBroken)?;
        Ok(Access::With(credential))
    }

    /// How many of all stored secrets cannot be opened, of how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn broken(&self) -> Result<(usize, usize), StoreError> {
        let all = self.store.sealed().await?;
        let opens = |one: &&Sealed| {
            let purpose = match one.is_credential {
                true => purpose(&one.of),
                false => one.of.clone(),
            };
            self.vault.open(&purpose, &one.sealed).is_ok()
        };
        Ok((all.len() - all.iter().filter(opens).count(), all.len()))
    }

    /// Seals the secret that signs what the hook or the subscription `id` carries.
    ///
    /// # Errors
    ///
    /// [`SecretsError`].
    pub fn seal(&self, id: &str, secret: &str) -> Result<String, SecretsError> {
        Ok(self.vault.seal(id, secret.as_bytes())?)
    }

    /// Opens what [`Secrets::seal`] sealed for the same `id`.
    ///
    /// # Errors
    ///
    /// [`SecretsError`].
    pub fn open(&self, id: &str, sealed: &str) -> Result<Vec<u8>, SecretsError> {
        Ok(self.vault.open(id, sealed)?)
    }

    /// A digest of `who` that tells whoever reports about one version from others who do, and tells nothing about another
    /// version.
    #[must_use]
    pub fn reporter(&self, package: &str, version: &DebianVersion, who: &str) -> String {
        let purpose = format!("reporters of {package} {version}");
        self.vault.mark(&purpose, who)
    }
}

/// A new secret: 244 random bits, with words before them by which a leaked one is found.
#[must_use]
pub fn draw(kind: &str) -> String {
    let bits = || uuid::Uuid::new_v4().simple().to_string();
    format!("plugfarm_{kind}_{}{}", bits(), bits())
}

/// What a credential is sealed for: in another source's row it opens nothing.
fn purpose(plugin: &impl fmt::Display) -> String {
    format!("credential of {plugin}")
}
