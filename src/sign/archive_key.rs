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
use openpgp::packet::Packet;
use openpgp::parse::Parse;
use openpgp::serialize::stream::{Armorer, Message, Signer};
use openpgp::serialize::{Marshal, MarshalInto};
use openpgp::types::{HashAlgorithm, KeyFlags, PublicKeyAlgorithm, ReasonForRevocation};
use openpgp::{Profile, armor};

use super::verify::system_time;
use crate::model::{FarmName, SignedRelease, Timestamp};

/// The certificate with its secret half. It does not print.
pub(super) struct ArchiveKey {
    cert: Cert,
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
        let key = Self { cert };
        key.pair()?;
        Ok(key)
    }

    /// Reads a secret certificate, armored or binary, and refuses one that apt would not accept.
    pub(super) fn read(bytes: &[u8]) -> openpgp::Result<Self> {
        let key = Self {
            cert: Cert::from_bytes(bytes)?,
        };
        key.pair()?;
        Ok(key)
    }

    /// The secret certificate, armored.
    pub(super) fn secret_armored(&self) -> openpgp::Result<Vec<u8>> {
        self.cert.as_tsk().armored().to_vec()
    }

    /// The public certificate, in the binary form of `/usr/share/keyrings/*.gpg`.
    pub(super) fn public_binary(&self) -> openpgp::Result<Vec<u8>> {
        self.cert.to_vec()
    }

    /// The public certificate, armored.
    pub(super) fn public_armored(&self) -> openpgp::Result<Vec<u8>> {
        self.cert.armored().to_vec()
    }

    /// The fingerprint: 40 upper-case hexadecimal digits.
    pub(super) fn fingerprint(&self) -> String {
        self.cert.fingerprint().to_hex()
    }

    /// A certificate that revokes the key, armored. Whoever has it can end all trust in the key, and nothing else.
    pub(super) fn revocation(&self) -> openpgp::Result<Vec<u8>> {
        let reason = b"revoked with the certificate that was made along with the key";
        let signature =
            self.cert
                .revoke(&mut self.pair()?, ReasonForRevocation::Unspecified, reason)?;
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

    /// Signs a Release file; `made` is when the signature says that it was made.
    pub(super) fn sign(&self, release: &[u8], made: Timestamp) -> openpgp::Result<SignedRelease> {
        let mut in_release = Vec::new();
        let message = Message::new(&mut in_release);
        let mut signer = self.signer(message, made)?.cleartext().build()?;
        signer.write_all(release)?;
        signer.finalize()?;

        let mut release_gpg = Vec::new();
        let message = Armorer::new(Message::new(&mut release_gpg))
            .kind(armor::Kind::Signature)
            .build()?;
        let mut signer = self.signer(message, made)?.detached().build()?;
        signer.write_all(release)?;
        signer.finalize()?;

        Ok(SignedRelease {
            in_release,
            release_gpg,
        })
    }

    fn signer<'a>(&self, message: Message<'a>, made: Timestamp) -> openpgp::Result<Signer<'a>> {
        Signer::new(message, self.pair()?)?
            .hash_algo(HashAlgorithm::SHA512)
            .map(|signer| signer.creation_time(system_time(made)))
    }

    /// The primary key, ready to sign. Asserted at each use: one version 6 signature and bookworm's apt rejects everything.
    fn pair(&self) -> openpgp::Result<KeyPair> {
        let key = self.cert.primary_key().key();
        let accepted = matches!(
            key.pk_algo(),
            PublicKeyAlgorithm::EdDSA | PublicKeyAlgorithm::RSAEncryptSign
        );
        if key.version() != 4 || !accepted {
            return Err(openpgp::Error::InvalidKey(format!(
                "apt accepts version 4 keys of EdDSA or RSA, not version {} of {}",
                key.version(),
                key.pk_algo()
            ))
            .into());
        }
        key.clone().parts_into_secret()?.into_keypair()
    }
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
        let error = ArchiveKey::read(&bytes).unwrap_err().to_string();
        assert!(error.contains("not version 6 of Ed25519"), "{error}");
    }

    #[test]
    fn a_public_key_cannot_sign() {
        let key = ArchiveKey::generate(&farm(), Timestamp::from_seconds(1_769_860_800)).unwrap();
        assert!(ArchiveKey::read(&key.public_armored().unwrap()).is_err());
        assert!(ArchiveKey::read(&key.secret_armored().unwrap()).is_ok());
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
