//! The archive key: an OpenPGP certificate of version 4 whose primary key signs Release files.
//!
//! The form is the one that apt of bookworm (gpgv 2.2) and of trixie (sqv) both accept: Ed25519 as algorithm 22 (EdDSA) or
//! RSA, signatures with SHA-512, no expiry (an extension would reach no host that holds a copy of the key). The primary key
//! signs, since a host with an older copy of the certificate rejects the signature of a subkey that it does not know.

use std::fmt;
use std::io::Write;

use sequoia_openpgp as openpgp;

use openpgp::cert::{Cert, CertBuilder, CipherSuite};
use openpgp::crypto::KeyPair;
use openpgp::packet::key::{PrimaryRole, SecretParts};
use openpgp::packet::{Key, Packet};
use openpgp::parse::Parse;
use openpgp::serialize::stream::{Armorer, Message, Signer};
use openpgp::serialize::{Marshal, MarshalInto};
use openpgp::types::{HashAlgorithm, KeyFlags, PublicKeyAlgorithm, ReasonForRevocation};
use openpgp::{Profile, armor};

use super::error::Unread;
use super::passphrase::Passphrase;
use super::verify::system_time;
use crate::model::{FarmName, SignedRelease, Timestamp};

/// The certificate, and the secret half of its primary key. It does not print.
pub(super) struct ArchiveKey {
    /// Public.
    cert: Cert,
    pair: KeyPair,
}

impl ArchiveKey {
    /// Draws a new key for `farm`, made `now`.
    pub(super) fn generate(farm: &FarmName, now: Timestamp) -> openpgp::Result<Self> {
        let (cert, _) = CertBuilder::new()
            .set_profile(Profile::RFC4880)?
            .set_cipher_suite(CipherSuite::Cv25519)
            .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
            .set_creation_time(system_time(now))
            .add_userid(format!("{farm} archive <archive@{farm}.invalid>"))
            .generate()?;
        let secret = cert.primary_key().key().clone().parts_into_secret()?;
        Self::of(cert, secret)
    }

    /// Reads a secret certificate, armored or binary, and refuses one that apt would not accept.
    pub(super) fn read(bytes: &[u8], passphrase: Option<&Passphrase>) -> Result<Self, Unread> {
        Self::from_secret(Cert::from_bytes(bytes)?, passphrase)
    }

    /// Opens a secret certificate.
    pub(super) fn from_secret(cert: Cert, passphrase: Option<&Passphrase>) -> Result<Self, Unread> {
        let secret = cert.primary_key().key().clone().parts_into_secret()?;
        if secret.has_unencrypted_secret() {
            return Ok(Self::of(cert, secret)?);
        }
        let passphrase = passphrase.ok_or(Unread::Protected)?;
        let secret = secret.decrypt_secret(passphrase.password());
        let secret = secret.map_err(|_| Unread::WrongPassphrase)?;
        Ok(Self::of(cert, secret)?)
    }

    fn of(cert: Cert, secret: Key<SecretParts, PrimaryRole>) -> openpgp::Result<Self> {
        check_form(&secret)?;
        Ok(Self {
            cert: cert.strip_secret_key_material(),
            pair: secret.into_keypair()?,
        })
    }

    /// The secret certificate, armored, and encrypted if there is a passphrase.
    pub(super) fn secret_armored(
        &self,
        passphrase: Option<&Passphrase>,
    ) -> openpgp::Result<Vec<u8>> {
        let public = self.cert.primary_key().key().clone();
        let (mut secret, _) = public.add_secret(self.pair.secret().clone().into());
        if let Some(passphrase) = passphrase {
            secret = secret.encrypt_secret(passphrase.password())?;
        }
        let (cert, _) = self.cert.clone().insert_packets([Packet::from(secret)])?;
        cert.as_tsk().armored().to_vec()
    }

    /// The public certificate.
    pub(super) fn cert(&self) -> &Cert {
        &self.cert
    }

    /// The public certificate, in the binary form of `/usr/share/keyrings/*.gpg`.
    pub(super) fn public_binary(&self) -> openpgp::Result<Vec<u8>> {
        self.cert.to_vec()
    }

    /// The fingerprint: 40 upper-case hexadecimal digits.
    pub(super) fn fingerprint(&self) -> String {
        self.cert.fingerprint().to_hex()
    }

    /// A certificate that revokes the key, armored. Whoever has it can end all trust in the key, and nothing else.
    pub(super) fn revocation(&self) -> openpgp::Result<Vec<u8>> {
        let reason = b"revoked with the certificate that was made along with the key";
        let signature = self.cert.revoke(
            &mut self.pair.clone(),
            ReasonForRevocation::Unspecified,
            reason,
        )?;
        let mut out = Vec::new();
        let comment = format!("revokes {}", self.fingerprint());
        let mut writer = armor::Writer::with_headers(
            &mut out,
            armor::Kind::PublicKey,
            [("Comment", comment.as_str())],
        )?;
        Packet::from(signature).serialize(&mut writer)?;
        writer.finalize()?;
        Ok(out)
    }
}

/// Signs a Release file with each of `keys`; `made` is when the signatures say that they were made.
pub(super) fn sign(
    keys: &[ArchiveKey],
    release: &[u8],
    made: Timestamp,
) -> openpgp::Result<SignedRelease> {
    let mut in_release = Vec::new();
    let message = Message::new(&mut in_release);
    let mut signer = signer(keys, message, made)?.cleartext().build()?;
    signer.write_all(release)?;
    signer.finalize()?;

    let mut release_gpg = Vec::new();
    let message = Armorer::new(Message::new(&mut release_gpg))
        .kind(armor::Kind::Signature)
        .build()?;
    let mut signer = self::signer(keys, message, made)?.detached().build()?;
    signer.write_all(release)?;
    signer.finalize()?;

    Ok(SignedRelease {
        in_release,
        release_gpg,
    })
}

fn signer<'a>(
    keys: &[ArchiveKey],
    message: Message<'a>,
    made: Timestamp,
) -> openpgp::Result<Signer<'a>> {
    let (first, others) = keys
        .split_first()
        .ok_or_else(|| openpgp::Error::InvalidOperation("there is no key".to_owned()))?;
    let mut signer = Signer::new(message, first.pair.clone())?;
    for key in others {
        signer = signer.add_signer(key.pair.clone())?;
    }
    let signer = signer.hash_algo(HashAlgorithm::SHA512)?;
    Ok(signer.creation_time(system_time(made)))
}

/// One version 6 signature, and bookworm's apt rejects everything.
fn check_form(key: &Key<SecretParts, PrimaryRole>) -> openpgp::Result<()> {
    let accepted = matches!(
        key.pk_algo(),
        PublicKeyAlgorithm::EdDSA | PublicKeyAlgorithm::RSAEncryptSign
    );
    if key.version() == 4 && accepted {
        return Ok(());
    }
    Err(openpgp::Error::InvalidKey(format!(
        "apt accepts version 4 keys of EdDSA or RSA, not version {} of {}",
        key.version(),
        key.pk_algo()
    ))
    .into())
}

impl fmt::Debug for ArchiveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArchiveKey({})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn farm() -> FarmName {
        FarmName::new("acme").unwrap()
    }

    #[test]
    fn a_key_of_a_form_that_bookworm_rejects_is_refused() {
        let (version_6, _) = CertBuilder::new()
            .set_profile(Profile::RFC9580)
            .unwrap()
            .add_userid("acme")
            .generate()
            .unwrap();
        let bytes = version_6.as_tsk().to_vec().unwrap();
        let error = ArchiveKey::read(&bytes, None).unwrap_err();
        assert!(
            matches!(&error, Unread::Unusable(said) if said.contains("not version 6 of Ed25519")),
            "{error:?}"
        );
    }

    #[test]
    fn a_public_key_cannot_sign() {
        let key = ArchiveKey::generate(&farm(), Timestamp::from_seconds(1_769_860_800)).unwrap();
        let public = key.cert.armored().to_vec().unwrap();
        assert!(ArchiveKey::read(&public, None).is_err());
        assert!(ArchiveKey::read(&key.secret_armored(None).unwrap(), None).is_ok());
        assert_eq!(
            format!("{key:?}"),
            format!("ArchiveKey({})", key.fingerprint())
        );
    }

    #[test]
    fn the_key_has_the_form_that_every_apt_accepts() {
        let now = Timestamp::from_seconds(1_769_860_800);
        let key = ArchiveKey::generate(&farm(), now).unwrap();
        let policy = openpgp::policy::StandardPolicy::at(system_time(now));
        let valid = key.cert.with_policy(&policy, system_time(now)).unwrap();
        let primary = valid.primary_key();
        assert_eq!(primary.key().pk_algo(), PublicKeyAlgorithm::EdDSA);
        assert_eq!(primary.key_expiration_time(), None);
        assert!(primary.for_signing());
        assert_eq!(valid.keys().count(), 1, "no subkeys");
        let self_signature = primary.binding_signature();
        assert_eq!(self_signature.hash_algo(), HashAlgorithm::SHA512);
        assert_eq!(self_signature.version(), 4);
        let user = valid.userids().next().unwrap().userid().to_string();
        assert_eq!(user, "acme archive <archive@acme.invalid>");
    }

    #[test]
    fn the_revocation_certificate_revokes() {
        let now = Timestamp::from_seconds(1_769_860_800);
        let key = ArchiveKey::generate(&farm(), now).unwrap();
        let packets = openpgp::PacketPile::from_bytes(&key.revocation().unwrap()).unwrap();
        let (cert, changed) = key.cert.insert_packets(packets.into_children()).unwrap();
        assert!(changed);
        let policy = openpgp::policy::StandardPolicy::new();
        assert!(matches!(
            cert.revocation_status(&policy, None),
            openpgp::types::RevocationStatus::Revoked(_)
        ));
    }
}
