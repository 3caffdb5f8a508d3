//! The statement about a package that brings an older one back: the same payload under a higher version, which no build made.
//!
//! Its evidence is two lines: this statement, and the statement of the build that it goes back to. Who reads both walks from
//! the package's bytes to the commit.

use serde::{Deserialize, Serialize};

use super::facts::{Artifact, stem};
use super::key::StatementKey;
use super::shape::{Descriptor, STATEMENT_TYPE, rfc3339};
use super::statement::to_json;
use super::verified::VerifiedStatement;
use super::verify::{EvidenceError, signed_payloads};
use crate::model::{Actor, DebianVersion, Reason, Sha256, Timestamp};

/// The type of the predicate: its fields are those of [`Rollback`].
pub const ROLLBACK_PREDICATE: &str = "plugfarm:predicate:rollback:v1";

/// What is said of a package that brings an older one back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// The package's version.
    pub version: DebianVersion,
    /// The package.
    pub deb: Artifact,
    /// The version whose place it takes.
    pub replaces: DebianVersion,
    /// The package that it brings back.
    pub original: Artifact,
    /// The digest of the member `data.tar`, the payload as dpkg unpacks it: the same bytes in both packages.
    pub data: Sha256,
    /// Who decided it.
    pub by: Actor,
    /// Why.
    pub reason: Reason,
    /// When.
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RollbackStatement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Descriptor>,
    predicate_type: String,
    predicate: RollbackPredicate,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RollbackPredicate {
    version: DebianVersion,
    replaces: DebianVersion,
    original: Descriptor,
    data_sha256: Sha256,
    by: Actor,
    reason: Reason,
    #[serde(with = "rfc3339")]
    at: Timestamp,
}

/// Writes the statement: the bytes that are signed.
#[must_use]
pub fn rollback_statement(rollback: &Rollback) -> Vec<u8> {
    to_json(&RollbackStatement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: vec![Descriptor::of_artifact(&rollback.deb)],
        predicate_type: ROLLBACK_PREDICATE.to_owned(),
        predicate: RollbackPredicate {
            version: rollback.version.clone(),
            replaces: rollback.replaces.clone(),
            original: Descriptor::of_artifact(&rollback.original),
            data_sha256: rollback.data,
            by: rollback.by.clone(),
            reason: rollback.reason.clone(),
            at: rollback.at,
        },
    })
}

/// What a package's evidence proves. There is no other way to get one than [`prove`].
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    statement: VerifiedStatement,
    rollback: Option<Rollback>,
}

impl Proof {
    /// The statement of the build that made the payload.
    #[must_use]
    pub fn statement(&self) -> &VerifiedStatement {
        &self.statement
    }

    /// Likewise, without the rest.
    #[must_use]
    pub fn into_statement(self) -> VerifiedStatement {
        self.statement
    }

    /// How the package brings that payload back, if it is not the one that was built.
    #[must_use]
    pub fn rollback(&self) -> Option<&Rollback> {
        self.rollback.as_ref()
    }

    /// The package that the evidence is of.
    #[must_use]
    pub fn deb(&self) -> &Artifact {
        match &self.rollback {
            Some(rollback) => &rollback.deb,
            None => self.statement.deb(),
        }
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &DebianVersion {
        match &self.rollback {
            Some(rollback) => &rollback.version,
            None => self.statement.version(),
        }
    }

    /// The files beside the package that belong to its evidence.
    pub fn companions(&self) -> impl Iterator<Item = &Artifact> {
        let built = self.rollback.is_none().then(|| self.statement.subjects());
        let deb = self.deb();
        built.into_iter().flatten().filter(move |one| *one != deb)
    }
}

/// Verifies the evidence of a package, built or brought back, against the keys that the caller trusts, as
/// [`verify`](super::verify()) does with a build's.
///
/// # Errors
///
/// [`EvidenceError`].
pub fn prove(evidence: &[u8], trusted: &[StatementKey]) -> Result<Proof, EvidenceError> {
    let payloads = signed_payloads(evidence, trusted)?;
    let (rollback, build) = match <[_; 2]>::try_from(payloads) {
        Ok([one, other]) if is_rollback(&one.0) => (one.0, other),
        Ok([one, other]) if is_rollback(&other.0) => (other.0, one),
        Ok(_) => return Err(EvidenceError::Ambiguous),
        Err(payloads) => {
            let statement = super::verify::only(payloads, trusted)?;
            return Ok(Proof {
                statement: VerifiedStatement::read(&statement.0, statement.1)?,
                rollback: None,
            });
        }
    };
    let statement = VerifiedStatement::read(&build.0, build.1)?;
    let rollback = read(&rollback)?;
    check(&rollback, &statement)?;
    Ok(Proof {
        statement,
        rollback: Some(rollback),
    })
}

fn is_rollback(payload: &[u8]) -> bool {
    predicate_type(payload).as_deref() == Some(ROLLBACK_PREDICATE)
}

/// What kind of statement a payload is.
pub(super) fn predicate_type(payload: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind {
        predicate_type: String,
    }
    let kind: Option<Kind> = serde_json::from_slice(payload).ok();
    kind.map(|kind| kind.predicate_type)
}

fn read(payload: &[u8]) -> Result<Rollback, EvidenceError> {
    let wrong = |reason: &str| EvidenceError::NotAStatement {
        reason: reason.to_owned(),
    };
    let statement: RollbackStatement =
        serde_json::from_slice(payload).map_err(|error| wrong(&error.to_string()))?;
    let [subject] = statement.subject.as_slice() else {
        return Err(wrong("it is not about one package"));
    };
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != ROLLBACK_PREDICATE {
        return Err(wrong("it is of no rollback"));
    }
    let nameless = || wrong("a package has no SHA-256 or no size");
    let predicate = statement.predicate;
    Ok(Rollback {
        version: predicate.version,
        deb: subject.artifact().ok_or_else(nameless)?,
        replaces: predicate.replaces,
        original: predicate.original.artifact().ok_or_else(nameless)?,
        data: predicate.data_sha256,
        by: predicate.by,
        reason: predicate.reason,
        at: predicate.at,
    })
}

/// Whether both statements are about the same thing.
fn check(rollback: &Rollback, statement: &VerifiedStatement) -> Result<(), EvidenceError> {
    let inconsistent = |reason: &str| EvidenceError::Inconsistent {
        reason: reason.to_owned(),
    };
    let stem = stem(
        statement.plugin(),
        &rollback.version,
        statement.architecture(),
    );
    if rollback.original != *statement.deb() {
        return Err(inconsistent(
            "it brings back another package than the build made",
        ));
    }
    if rollback.deb.name != format!("{stem}.deb") {
        return Err(inconsistent("its package is not named after its version"));
    }
    if rollback.replaces >= rollback.version {
        return Err(inconsistent(
            "its version is not above the one that it replaces",
        ));
    }
    Ok(())
}

/// Whether the signer may sign this as a rollback: a statement of exactly this form.
///
/// # Errors
///
/// [`EvidenceError::NotAStatement`].
pub fn check_rollback(payload: &[u8]) -> Result<(), EvidenceError> {
    read(payload).map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::super::signed::signed;
    use super::super::{statement, verify};
    use super::*;

    fn rollback() -> Rollback {
        let version = "2.0.0-0+deb12u1+really1.0.0";
        Rollback {
            version: DebianVersion::new(version).unwrap(),
            deb: Artifact {
                name: format!("wazo-plugind-hello-demo_{version}_all.deb"),
                sha256: Sha256::of(b"repacked"),
                size: 1300,
            },
            replaces: DebianVersion::new("2.0.0-0+deb12u1").unwrap(),
            original: sample::deb(),
            data: Sha256::of(b"data"),
            by: Actor::new("alice").unwrap(),
            reason: Reason::new("calls drop").unwrap(),
            at: Timestamp::from_seconds(1_769_864_500),
        }
    }

    fn build() -> Vec<u8> {
        statement(&sample::build(), &sample::subjects())
    }

    /// The evidence of `rollback`, with `build` behind it.
    fn evidence(rollback: &Rollback, build: &[u8]) -> (Vec<u8>, StatementKey) {
        let (first, key) = signed(&rollback_statement(rollback));
        ([first, signed(build).0].concat(), key)
    }

    #[test]
    fn a_package_that_was_brought_back_leads_to_its_build() {
        let (evidence, key) = evidence(&rollback(), &build());
        let proof = prove(&evidence, std::slice::from_ref(&key)).unwrap();
        assert_eq!(proof.rollback(), Some(&rollback()));
        assert_eq!(
            (proof.deb(), proof.version()),
            (&rollback().deb, &rollback().version)
        );
        assert_eq!(proof.statement().deb(), &sample::deb());
        assert_eq!(proof.companions().count(), 0);
        assert_eq!(verify(&evidence, &[key]), Err(EvidenceError::Ambiguous));
        assert!(prove(&evidence, &[]).is_err());
    }

    #[test]
    fn a_built_package_proves_itself() {
        let (evidence, key) = signed(&build());
        let proof = prove(&evidence, &[key]).unwrap();
        assert_eq!((proof.rollback(), proof.deb()), (None, &sample::deb()));
        assert_eq!(proof.companions().count(), 1);
    }

    #[test]
    fn statements_that_do_not_belong_together_prove_nothing() {
        let said = |change: fn(&mut Rollback)| {
            let mut changed = rollback();
            change(&mut changed);
            let (evidence, key) = evidence(&changed, &build());
            prove(&evidence, &[key]).unwrap_err().to_string()
        };
        insta::assert_snapshot!(said(|r| r.original.sha256 = Sha256::of(b"x")), @"the signed statement contradicts itself: it brings back another package than the build made");
        insta::assert_snapshot!(said(|r| r.deb.name = "x.deb".to_owned()), @"the signed statement contradicts itself: its package is not named after its version");
        insta::assert_snapshot!(said(|r| r.replaces = r.version.clone()), @"the signed statement contradicts itself: its version is not above the one that it replaces");
        let (first, key) = signed(&rollback_statement(&rollback()));
        assert!(
            prove(&first, std::slice::from_ref(&key)).is_err(),
            "the build is missing"
        );
        let twice = evidence(&rollback(), &rollback_statement(&rollback())).0;
        assert!(prove(&twice, std::slice::from_ref(&key)).is_err());
        let facts = sample::folder_build();
        let two = [
            signed(&build()).0,
            signed(&statement(&facts, &sample::subjects())).0,
        ]
        .concat();
        assert_eq!(prove(&two, &[key]), Err(EvidenceError::Ambiguous));
    }
}
