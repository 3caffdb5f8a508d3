//! The statement about the farm's own keyring package, which no build made.

use serde::{Deserialize, Serialize};

use super::EvidenceError;
use super::facts::Artifact;
use super::key::StatementKey;
use super::shape::{Descriptor, STATEMENT_TYPE};
use super::statement::to_json;
use super::verify::verified_payload;
use crate::model::{DebianVersion, FarmName, Sha256};

/// The type of the predicate: it says whose keyring it is, its version, and the digests of the files of public keys in it.
pub const KEYRING_PREDICATE: &str = "plugfarm:predicate:keyring:v1";

/// What is to be said of a keyring package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringFacts {
    /// Whose it is.
    pub farm: FarmName,
    /// Its version.
    pub version: DebianVersion,
    /// The package.
    pub deb: Artifact,
    /// The digest of the archive keyring in it.
    pub archive: Sha256,
    /// The digest of the file of statement keys in it.
    pub statement: Sha256,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyringStatement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Descriptor>,
    predicate_type: String,
    predicate: KeyringPredicate,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyringPredicate {
    farm: FarmName,
    version: DebianVersion,
    archive_sha256: Sha256,
    statement_sha256: Sha256,
}

/// Writes the statement about a keyring package: the bytes that are signed.
#[must_use]
pub fn keyring_statement(facts: &KeyringFacts) -> Vec<u8> {
    to_json(&KeyringStatement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: vec![Descriptor::of_artifact(&facts.deb)],
        predicate_type: KEYRING_PREDICATE.to_owned(),
        predicate: KeyringPredicate {
            farm: facts.farm.clone(),
            version: facts.version.clone(),
            archive_sha256: facts.archive,
            statement_sha256: facts.statement,
        },
    })
}

/// Verifies the evidence of a keyring package against the keys that the caller trusts, as [`verify`](super::verify()) does
/// with a build's.
///
/// # Errors
///
/// [`EvidenceError`].
pub fn verify_keyring(
    evidence: &[u8],
    trusted: &[StatementKey],
) -> Result<KeyringFacts, EvidenceError> {
    let (payload, _) = verified_payload(evidence, trusted)?;
    let wrong = |reason: String| EvidenceError::NotAStatement { reason };
    let statement: KeyringStatement =
        serde_json::from_slice(&payload).map_err(|error| wrong(error.to_string()))?;
    let good = statement.kind == STATEMENT_TYPE && statement.predicate_type == KEYRING_PREDICATE;
    let [subject] = statement.subject.as_slice() else {
        return Err(wrong("it is not about one package".to_owned()));
    };
    let deb = subject.artifact().filter(|_| good);
    let predicate = statement.predicate;
    Ok(KeyringFacts {
        farm: predicate.farm,
        version: predicate.version,
        deb: deb.ok_or_else(|| wrong("it is not about a keyring package".to_owned()))?,
        archive: predicate.archive_sha256,
        statement: predicate.statement_sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::super::signed::signed;
    use super::super::statement;
    use super::*;

    fn facts() -> KeyringFacts {
        KeyringFacts {
            farm: FarmName::new("acme").unwrap(),
            version: DebianVersion::new("1+deb12").unwrap(),
            deb: Artifact {
                name: "plugfarm-acme-keyring_1+deb12_all.deb".to_owned(),
                sha256: Sha256::of(b"deb"),
                size: 3,
            },
            archive: Sha256::of(b"archive"),
            statement: Sha256::of(b"statement"),
        }
    }

    #[test]
    fn it_reads_what_it_writes() {
        let (evidence, key) = signed(&keyring_statement(&facts()));
        assert_eq!(verify_keyring(&evidence, &[key]), Ok(facts()));
        assert!(verify_keyring(&evidence, &[]).is_err());
    }

    #[test]
    fn the_statement_of_a_build_is_none_of_a_keyring_and_the_other_way_round() {
        let (build, key) = signed(&statement(&sample::build(), &sample::subjects()));
        assert!(verify_keyring(&build, std::slice::from_ref(&key)).is_err());
        let (keyring, _) = signed(&keyring_statement(&facts()));
        assert!(super::super::verify(&keyring, &[key]).is_err());
    }
}
