//! What hosts will say of a signed Release: gpgv 2.2 (apt of Debian 12) and sqv (apt of Debian 13), today and later.

use std::io::{self, Read as _};

use sequoia_openpgp as openpgp;

use openpgp::Packet;
use openpgp::cert::amalgamation::ValidAmalgamation as _;
use openpgp::cert::amalgamation::key::ValidErasedKeyAmalgamation;
use openpgp::packet::Signature;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::packet::prelude::Key;
use openpgp::parse::Parse as _;
use openpgp::parse::stream::{
    GoodChecksum, MessageLayer, MessageStructure, VerificationHelper, VerifierBuilder,
};
use openpgp::policy::{HashAlgoSecurity, Policy};
use openpgp::types::{HashAlgorithm, PublicKeyAlgorithm, RevocationStatus};
use openpgp::{Cert, KeyHandle};
use serde::Serialize;

use super::verify::{VerifyError, read_keyring, refused, system_time, verify_in_release};
use crate::model::Timestamp;

/// How many days from now are looked at. apt of Debian 13 warns of what it will refuse within a year.
const DAYS: [u32; 4] = [0, 30, 90, 365];

/// A program by which hosts verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HostVerifier {
    /// GnuPG's, as in Debian 12.
    Gpgv,
    /// Sequoia's, as in Debian 13.
    Sqv,
}

impl HostVerifier {
    /// The program's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpgv => "gpgv (Debian 12)",
            Self::Sqv => "sqv (Debian 13)",
        }
    }
}

/// What one verifier says of a signed Release on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The verifier.
    pub verifier: HostVerifier,
    /// How many days from now.
    pub days: u32,
    /// Why it refuses; nothing, if it accepts.
    pub problem: Option<String>,
}

/// Tells what hosts that have `keyring` (binary or armored) say of a clear-signed Release, now and in 30, 90 and 365 days.
///
/// It is about signatures and keys: `Valid-Until` passes sooner, and a refresh moves it.
///
/// # Errors
///
/// [`VerifyError::Keyring`], [`VerifyError::TooLarge`].
pub fn forecast(
    in_release: &[u8],
    keyring: &[u8],
    now: Timestamp,
) -> Result<Vec<Forecast>, VerifyError> {
    let certs = read_keyring(in_release, keyring)?;
    let mut all = Vec::new();
    for days in DAYS {
        let at = Timestamp::from_seconds(now.seconds() + i64::from(days) * 24 * 3600);
        let sqv = verify_in_release(in_release, keyring, at).err();
        all.push(Forecast {
            verifier: HostVerifier::Sqv,
            days,
            problem: sqv.map(|error| error.to_string()),
        });
        all.push(Forecast {
            verifier: HostVerifier::Gpgv,
            days,
            problem: gpgv(in_release, &certs, at)
                .err()
                .map(|error| error.to_string()),
        });
    }
    Ok(all)
}

/// The rules of gpgv 2.2: it knows nothing of OpenPGP's version 6 or of algorithm 27, and looks at a key's expiry today, where
/// sqv looks at the day of the signature.
fn gpgv(in_release: &[u8], certs: &[Cert], at: Timestamp) -> Result<(), VerifyError> {
    let helper = Gpgv {
        certs: certs.to_vec(),
        at,
    };
    let mut text = Vec::new();
    VerifierBuilder::from_bytes(in_release)
        .and_then(|builder| builder.with_policy(&JudgedLater, system_time(at), helper))
        .and_then(|mut verifier| Ok(verifier.read_to_end(&mut text)?))
        .map(|_| ())
        .map_err(|error| refused(at, &error))
}

/// Takes every algorithm: for whoever has a measure of its own, as [`judge`] has.
#[derive(Debug)]
pub(super) struct JudgedLater;

impl Policy for JudgedLater {
    fn signature(&self, _: &Signature, _: HashAlgoSecurity) -> openpgp::Result<()> {
        Ok(())
    }

    fn key(&self, _: &ValidErasedKeyAmalgamation<'_, PublicParts>) -> openpgp::Result<()> {
        Ok(())
    }

    fn packet(&self, _: &Packet) -> openpgp::Result<()> {
        Ok(())
    }
}

struct Gpgv {
    certs: Vec<Cert>,
    at: Timestamp,
}

impl VerificationHelper for Gpgv {
    fn get_certs(&mut self, _ids: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(self.certs.clone())
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> openpgp::Result<()> {
        let mut problem = "the file is not signed".to_owned();
        for layer in structure {
            let MessageLayer::SignatureGroup { results } = layer else {
                continue;
            };
            for (place, result) in results.into_iter().enumerate() {
                match result {
                    Ok(GoodChecksum { sig, ka, .. }) => {
                        match judge(sig, ka.key(), ka.valid_cert(), self.at) {
                            None => return Ok(()),
                            Some(found) => problem = found,
                        }
                        if place == 0 && sig.version() > 4 {
                            return Err(io::Error::other(problem).into());
                        }
                    }
                    Err(error) => problem = openpgp::Error::from(error).to_string(),
                }
            }
        }
        Err(io::Error::other(problem).into())
    }
}

/// Why gpgv would not count a signature whose arithmetic is right.
fn judge(
    signature: &Signature,
    key: &Key<PublicParts, UnspecifiedRole>,
    cert: &openpgp::cert::ValidCert<'_>,
    at: Timestamp,
) -> Option<String> {
    let now = system_time(at);
    let weak = [
        HashAlgorithm::MD5,
        HashAlgorithm::SHA1,
        HashAlgorithm::RipeMD,
    ];
    let known = [
        PublicKeyAlgorithm::RSAEncryptSign,
        PublicKeyAlgorithm::EdDSA,
        PublicKeyAlgorithm::ECDSA,
    ];
    let expired = cert.primary_key().key_expiration_time();
    if signature.version() != 4 || key.version() != 4 {
        Some("it knows no OpenPGP of version 6".to_owned())
    } else if !known.contains(&key.pk_algo()) {
        Some(format!("it does not accept keys of {}", key.pk_algo()))
    } else if weak.contains(&signature.hash_algo()) {
        Some(format!("it does not accept {}", signature.hash_algo()))
    } else if expired.is_some_and(|expiry| expiry <= now) {
        Some("the key has expired, and extending it reaches no host that has a copy".to_owned())
    } else if signature
        .signature_expiration_time()
        .is_some_and(|expiry| expiry <= now)
    {
        Some("the signature has expired".to_owned())
    } else if matches!(cert.revocation_status(), RevocationStatus::Revoked(_)) {
        Some("the key is revoked".to_owned())
    } else {
        None
    }
}
