//! Sealing of what the farm has to know and nobody else may: the credentials of private repositories, the secrets of hooks.
//! What is sealed may lie in a database; the key that opens it never does.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::pkcs5::pbes2::Parameters;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};

use super::KeyError;
use super::error::Unread;
use super::folder::{KeyFolder, Secrecy};
use super::passphrase::Passphrase;

/// The file of the key.
const FILE: &str = "vault.key";
/// The most bytes that it may have.
const MAX_FILE: u64 = 4096;
/// Its first line, for a key that is as it is, and for one that a passphrase encrypts.
const PLAIN: &str = "plugfarm-vault-1";
const PROTECTED: &str = "plugfarm-vault-1 pbes2";
/// How often the passphrase is hashed; what OWASP advises for PBKDF2 with SHA-256.
const ROUNDS: u32 = 600_000;
/// The bytes of the digest before the key.
const DIGEST: usize = 32;

/// What was sealed cannot be opened: it was sealed with another key, for another purpose, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a stored secret cannot be opened with the key in `secrets/vault.key`; restore that file from the backup that the \
     farm's state comes from, or set the secret anew"
)]
pub struct SealBroken;

/// Seals and opens. Its key is in the folder `secrets`, in a file of its own that only its owner can read; encrypted, where
/// there is a passphrase.
pub struct Vault {
    key: [u8; 32],
}

impl Vault {
    /// Whether there is one whose key is in `folder`.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// Opens the vault whose key is in `folder`; a new one, if there is none.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn open_or_create(
        folder: &Path,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, KeyError> {
        let folder = KeyFolder::open_or_create(folder)?;
        let lock = folder.lock()?;
        if let Some(bytes) = folder.read_secret(FILE, MAX_FILE)? {
            return read(&bytes, passphrase)
                .map_err(|why| why.of(folder.path(FILE), "a vault's key"));
        }
        let vault = Self { key: random()? };
        let text = vault.to_text(passphrase)?;
        folder.write(&lock, FILE, text.as_bytes(), Secrecy::Secret)?;
        Ok(vault)
    }

    /// Encrypts the key in `folder` with the passphrase `new` from now on, or with none; does nothing where there is no key.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; then the old passphrase still counts.
    pub fn protect(
        folder: &Path,
        old: Option<&Passphrase>,
        new: Option<&Passphrase>,
    ) -> Result<(), KeyError> {
        if !fs_err::exists(folder).map_err(KeyError::io("look at", folder))? {
            return Ok(());
        }
        let folder = KeyFolder::open_or_create(folder)?;
        let lock = folder.lock()?;
        let Some(bytes) = folder.read_secret(FILE, MAX_FILE)? else {
            return Ok(());
        };
        // What was interrupted before it came to the other keys may be done again.
        let vault = read(&bytes, old).or_else(|why| read(&bytes, new).map_err(|_| why));
        let vault = vault.map_err(|why| why.of(folder.path(FILE), "a vault's key"))?;
        let text = vault.to_text(new)?;
        folder.write(&lock, FILE, text.as_bytes(), Secrecy::Secret)
    }

    /// Seals `secret` for `purpose`; only for that can it be opened again.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generation`] if the system gives no random bytes.
    pub fn seal(&self, purpose: &str, secret: &[u8]) -> Result<String, KeyError> {
        seal(&self.key, purpose, secret)
    }

    /// Opens what was sealed for `purpose`.
    ///
    /// # Errors
    ///
    /// [`SealBroken`].
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>, SealBroken> {
        open(&self.key, purpose, sealed).ok_or(SealBroken)
    }

    /// A digest of `text` for `purpose` that nobody makes, or guesses from, without this key.
    #[must_use]
    pub fn mark(&self, purpose: &str, text: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key);
        let own = hmac::sign(&key, purpose.as_bytes());
        let own = hmac::Key::new(hmac::HMAC_SHA256, own.as_ref());
        hex::encode(hmac::sign(&own, text.as_bytes()))
    }

    fn to_text(&self, passphrase: Option<&Passphrase>) -> Result<String, KeyError> {
        let Some(passphrase) = passphrase else {
            return Ok(format!("{PLAIN}\n{}\n", STANDARD.encode(self.key)));
        };
        let (salt, vector): ([u8; 16], [u8; 16]) = (random()?, random()?);
        let text = [Sha256::digest(self.key).as_slice(), &self.key].concat();
        let scheme = scheme(&salt, vector).ok_or_else(|| not_made("the scheme is not known"))?;
        let sealed = passphrase
            .password()
            .map(|bytes| scheme.encrypt(bytes, &text));
        let sealed = sealed.map_err(|error| not_made(&error.to_string()))?;
        let lines = [salt.as_slice(), &vector, &sealed].map(|bytes| STANDARD.encode(bytes));
        Ok(format!("{PROTECTED}\n{}\n", lines.join("\n")))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

fn read(bytes: &[u8], passphrase: Option<&Passphrase>) -> Result<Vault, Unread> {
    let unusable = || Unread::Unusable("it has another form".to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| unusable())?;
    let lines: Vec<_> = text.lines().collect();
    let key = match lines.as_slice() {
        [PLAIN, key] => STANDARD.decode(key).map_err(|_| unusable())?,
        [PROTECTED, salt, vector, sealed] => {
            let passphrase = passphrase.ok_or(Unread::Protected)?;
            decrypt([salt, vector, sealed], passphrase).ok_or(Unread::WrongPassphrase)?
        }
        _ => return Err(unusable()),
    };
    let key = key.try_into().map_err(|_| unusable())?;
    Ok(Vault { key })
}

/// The scheme of PKCS #5 (RFC 8018) that the statement key is encrypted with, too.
fn scheme(salt: &[u8], vector: [u8; 16]) -> Option<Parameters> {
    Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, salt, vector).ok()
}

/// The key after its own digest, by which a wrong passphrase is found out.
fn decrypt(lines: [&str; 3], passphrase: &Passphrase) -> Option<Vec<u8>> {
    let [salt, vector, sealed] = lines.map(|line| STANDARD.decode(line).unwrap_or_default());
    let scheme = scheme(&salt, vector.try_into().ok()?)?;
    let opened = passphrase
        .password()
        .map(|bytes| scheme.decrypt(bytes, &sealed));
    let opened = opened.ok()?;
    let (digest, key) = opened.split_at_checked(DIGEST)?;
    (digest == Sha256::digest(key).as_slice()).then(|| key.to_vec())
}

fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    let drawn = SystemRandom::new().fill(&mut bytes);
    drawn
        .map(|()| bytes)
        .map_err(|_| not_made("the system gives no random bytes"))
}

fn not_made(reason: &str) -> KeyError {
    KeyError::Generation {
        what: "a sealed secret",
        reason: reason.to_owned(),
    }
}

/// The nonce, then the ciphertext with its tag. Nonces are drawn: a vault seals far less than the 2^32 times that would
/// matter.
fn seal(key: &[u8; 32], purpose: &str, secret: &[u8]) -> Result<String, KeyError> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let key =
        UnboundKey::new(&AES_256_GCM, key).map_err(|_| not_made("the key has another length"))?;
    let mut sealed = secret.to_vec();
    LessSafeKey::new(key)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(purpose),
            &mut sealed,
        )
        .map_err(|_| not_made("it is too long"))?;
    Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
}

fn open(key: &[u8; 32], purpose: &str, sealed: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
    let mut opened = sealed.to_vec();
    let opened = LessSafeKey::new(key).open_in_place(nonce, Aad::from(purpose), &mut opened);
    opened.ok().map(|secret| secret.to_vec())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn passphrase(folder: &Path, text: &str) -> Passphrase {
        let path = folder.join(text);
        fs_err::write(&path, text).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Passphrase::read(&path).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_for_its_purpose_alone_and_only_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("secrets");
        let vault = Vault::open_or_create(&home, None).unwrap();
        let sealed = vault.seal("a", b"hunter2").unwrap();
        assert_ne!(sealed, vault.seal("a", b"hunter2").unwrap());
        let again = Vault::open_or_create(&home, None).unwrap();
        assert_eq!(again.open("a", &sealed), Ok(b"hunter2".to_vec()));
        assert_eq!(again.open("b", &sealed), Err(SealBroken));
        let mut bytes = STANDARD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert_eq!(
                again.open("a", &STANDARD.encode(&bytes)),
                Err(SealBroken),
                "{at}"
            );
            bytes[at] ^= 1;
        }
        assert_eq!(again.open("a", ""), Err(SealBroken));
        let other = Vault::open_or_create(&folder.path().join("other"), None).unwrap();
        assert_eq!(other.open("a", &sealed), Err(SealBroken));
        let mode = fs_err::metadata(home.join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{vault:?}").contains("key"), "{vault:?}");
    }

    #[test]
    fn the_key_may_be_encrypted_and_its_passphrase_changed() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("secrets");
        let (one, two) = (
            passphrase(folder.path(), "one"),
            passphrase(folder.path(), "two"),
        );
        Vault::protect(&home, None, Some(&one)).unwrap();
        assert!(!home.exists(), "where no vault is, none is made");
        let sealed = Vault::open_or_create(&home, None)
            .unwrap()
            .seal("a", b"x")
            .unwrap();
        Vault::protect(&home, None, Some(&one)).unwrap();
        let unread = Vault::open_or_create(&home, None);
        assert!(matches!(unread, Err(KeyError::Protected { .. })));
        let unread = Vault::open_or_create(&home, Some(&two));
        assert!(matches!(unread, Err(KeyError::WrongPassphrase { .. })));
        Vault::protect(&home, Some(&one), Some(&two)).unwrap();
        Vault::protect(&home, Some(&one), Some(&two)).unwrap();
        let vault = Vault::open_or_create(&home, Some(&two)).unwrap();
        assert_eq!(vault.open("a", &sealed), Ok(b"x".to_vec()));
        Vault::protect(&home, Some(&two), None).unwrap();
        assert!(Vault::open_or_create(&home, None).is_ok());
    }
}
