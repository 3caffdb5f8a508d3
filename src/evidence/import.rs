//! The statement about a package that came from another apt repository: where it was found, and whose signature led to its
//! bytes. It says nothing of how the package was made, for the farm does not know.

use serde::{Deserialize, Serialize};

use super::facts::Artifact;
use super::key::StatementKey;
use super::rollback::{Proof, predicate_type, prove};
use super::shape::{Descriptor, STATEMENT_TYPE, rfc3339};
use super::statement::to_json;
use super::verify::{EvidenceError, signed_payloads, verified_payload};
use crate::model::{Actor, Architecture, DebianVersion, Sha256, Timestamp};

/// The type of the predicate: its fields are those of [`Import`].
pub const IMPORT_PREDICATE: &str = "plugfarm:predicate:import:v1";

/// The signed suite of another repository that a package was found in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportOrigin {
    /// The repository: its URL without credentials, or `file:` and the name of a folder.
    pub uri: String,
    /// The suite, as it was asked for.
    pub suite: String,
    /// The digest of the Release text that its key has signed.
    pub release_sha256: Sha256,
    /// The fingerprint of the OpenPGP certificate that signed it: upper-case hexadecimal digits.
    pub fingerprint: String,
}

/// What is said of an imported package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// Its architecture.
    pub architecture: Architecture,
    /// The package.
    pub deb: Artifact,
    /// Where it was found.
    pub origin: ImportOrigin,
    /// Who decided to take it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportStatement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Descriptor>,
    predicate_type: String,
    predicate: ImportPredicate,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportPredicate {
    package: String,
    version: DebianVersion,
    architecture: Architecture,
    origin: ImportOrigin,
    by: Actor,
    #[serde(with = "rfc3339")]
    at: Timestamp,
}

/// Writes the statement: the bytes that are signed.
#[must_use]
pub fn import_statement(import: &Import) -> Vec<u8> {
    to_json(&ImportStatement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: vec![Descriptor::of_artifact(&import.deb)],
        predicate_type: IMPORT_PREDICATE.to_owned(),
        predicate: ImportPredicate {
            package: import.package.clone(),
            version: import.version.clone(),
            architecture: import.architecture,
            origin: import.origin.clone(),
            by: import.by.clone(),
            at: import.at,
        },
    })
}

/// What a package's evidence says of it: how it was made, or that it was made elsewhere. There is no other way to get one than
/// [`trace`].
#[derive(Debug, Clone, PartialEq)]
pub enum Provenance {
    /// A build of the farm made its payload.
    Built(Box<Proof>),
    /// It came from another repository.
    Imported(Box<Import>),
}

impl Provenance {
    /// The package that the evidence is of.
    #[must_use]
    pub fn deb(&self) -> &Artifact {
        match self {
            Self::Built(proof) => proof.deb(),
            Self::Imported(import) => &import.deb,
        }
    }

    /// The proof of its build.
    ///
    /// # Errors
    ///
    /// [`EvidenceError::Imported`] where there was none.
    pub fn built(self) -> Result<Proof, EvidenceError> {
        match self {
            Self::Built(proof) => Ok(*proof),
            Self::Imported(import) => Err(EvidenceError::Imported {
                origin: import.origin.uri,
            }),
        }
    }
}

/// Verifies the evidence of a package, wherever it was made, against the keys that the caller trusts, as
/// [`verify`](super::verify()) does with a build's.
///
/// # Errors
///
/// [`EvidenceError`].
pub fn trace(evidence: &[u8], trusted: &[StatementKey]) -> Result<Provenance, EvidenceError> {
    let payloads = signed_payloads(evidence, trusted)?;
    if let [(payload, _)] = payloads.as_slice()
        && predicate_type(payload).as_deref() == Some(IMPORT_PREDICATE)
    {
        let (payload, _) = verified_payload(evidence, trusted)?;
        return Ok(Provenance::Imported(Box::new(read(&payload)?)));
    }
    prove(evidence, trusted).map(|proof| Provenance::Built(Box::new(proof)))
}

fn read(payload: &[u8]) -> Result<Import, EvidenceError> {
    let wrong = |reason: &str| EvidenceError::NotAStatement {
        reason: reason.to_owned(),
    };
    let statement: ImportStatement =
        serde_json::from_slice(payload).map_err(|error| wrong(&error.to_string()))?;
    let [subject] = statement.subject.as_slice() else {
        return Err(wrong("it is not about one package"));
    };
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != IMPORT_PREDICATE {
        return Err(wrong("it is of no import"));
    }
    let deb = subject.artifact();
    let deb = deb.ok_or_else(|| wrong("its package has no SHA-256 or no size"))?;
    let ImportPredicate {
        package,
        version,
        architecture,
        origin,
        by,
        at,
    } = statement.predicate;
    let name = format!("{package}_{}_{architecture}.deb", version.without_epoch());
    if deb.name != name {
        return Err(EvidenceError::Inconsistent {
            reason: "its package is not named after its version".to_owned(),
        });
    }
    Ok(Import {
        package,
        version,
        architecture,
        deb,
        origin,
        by,
        at,
    })
}

/// Whether the signer may sign this as an import: a statement of exactly this form.
///
/// # Errors
///
/// [`EvidenceError::NotAStatement`], [`EvidenceError::Inconsistent`].
pub fn check_import(payload: &[u8]) -> Result<(), EvidenceError> {
    read(payload).map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::super::signed::signed;
    use super::super::{statement, verify};
    use super::*;

    fn import() -> Import {
        Import {
            package: "wazo-plugind-hello-demo".to_owned(),
            version: DebianVersion::new("1:1.0").unwrap(),
            architecture: Architecture::All,
            deb: Artifact {
                name: "wazo-plugind-hello-demo_1.0_all.deb".to_owned(),
                sha256: Sha256::of(b"deb"),
                size: 3,
            },
            origin: ImportOrigin {
                uri: "https://apt.example.org/".to_owned(),
                suite: "stable".to_owned(),
                release_sha256: Sha256::of(b"release"),
                fingerprint: "AB".repeat(20),
            },
            by: Actor::new("alice").unwrap(),
            at: Timestamp::from_seconds(1_769_864_500),
        }
    }

    #[test]
    fn an_import_says_where_the_package_was_found() {
        let payload = import_statement(&import());
        assert!(check_import(&payload).is_ok());
        let text = String::from_utf8(payload.clone()).unwrap();
        insta::assert_snapshot!(text, @r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"wazo-plugind-hello-demo_1.0_all.deb","digest":{"sha256":"9cfa1468c93fc18652e34a000f0c6614b0fa18f6f4887477ad9b0d36ca6a7eaa"},"annotations":{"size":3}}],"predicateType":"plugfarm:predicate:import:v1","predicate":{"package":"wazo-plugind-hello-demo","version":"1:1.0","architecture":"all","origin":{"uri":"https://apt.example.org/","suite":"stable","releaseSha256":"a4d451ec23463726f72c43d64c710968f6b602cd653b4de8adee1b556240a829","fingerprint":"ABABABABABABABABABABABABABABABABABABABAB"},"by":"alice","at":"2026-01-31T13:01:40Z"}}"#);
        let (evidence, key) = signed(&payload);
        let traced = trace(&evidence, std::slice::from_ref(&key)).unwrap();
        assert_eq!(traced, Provenance::Imported(Box::new(import())));
        assert_eq!(traced.deb(), &import().deb);
        let error = traced.built().unwrap_err().to_string();
        assert_eq!(
            error,
            "the package was imported from https://apt.example.org/, and not built by the farm"
        );
        assert!(trace(&evidence, &[]).is_err());
        assert!(verify(&evidence, std::slice::from_ref(&key)).is_err());
        assert!(prove(&evidence, &[key]).is_err(), "no build made it");
    }

    #[test]
    fn what_was_built_is_not_imported() {
        let (evidence, key) = signed(&statement(&sample::build(), &sample::subjects()));
        let traced = trace(&evidence, std::slice::from_ref(&key)).unwrap();
        assert!(matches!(traced, Provenance::Built(_)));
        let both = [evidence, signed(&import_statement(&import())).0].concat();
        assert_eq!(trace(&both, &[key]), Err(EvidenceError::Ambiguous));
    }

    #[test]
    fn an_import_of_another_form_is_not_signed() {
        let text = String::from_utf8(import_statement(&import())).unwrap();
        for (from, to) in [
            ("import:v1", "import:v2"),
            ("demo_1.0_all", "demo_1.1_all"),
            ("\"annotations\":{\"size\":3}", "\"annotations\":{}"),
            (",\"by\":\"alice\"", ""),
            ("\"fingerprint\"", "\"finger\""),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert!(check_import(changed.as_bytes()).is_err(), "{to}");
        }
    }
}
