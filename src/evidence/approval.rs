//! The statement of somebody who approves that a package goes to the next channel: who, when, why, from where to where.

use serde::{Deserialize, Serialize};

use super::facts::Artifact;
use super::key::StatementKey;
use super::shape::{Descriptor, STATEMENT_TYPE, rfc3339};
use super::statement::to_json;
use super::verify::{EvidenceError, verified_payload};
use crate::model::{Actor, Channel, DebianVersion, Reason, Target, Timestamp};

/// The type of the predicate: its fields are those of [`Approval`].
pub const APPROVAL_PREDICATE: &str = "plugfarm:predicate:approval:v1";

/// The field of a package's paragraph in an index: the digests of the approvals that let it into that suite, with blanks
/// between them. The index is signed, so that a host knows by it which approvals there are.
pub const APPROVALS_FIELD: &str = "Plugfarm-Approvals";

/// What somebody approves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// The Debian release.
    pub target: Target,
    /// The channel that it comes from.
    pub from: Channel,
    /// The channel that it goes to.
    pub to: Channel,
    /// The share of hosts that are to upgrade to it at first, in percent; all, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phased: Option<u8>,
    /// Who approves.
    pub by: Actor,
    /// Why.
    pub reason: Reason,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// The generation of the repository that whoever approves has seen.
    pub generation: u64,
}

/// An approval whose signature was verified against a trusted key. There is no other way to get one than
/// [`verify_approval`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedApproval {
    approval: Approval,
    deb: Artifact,
    key: StatementKey,
}

impl VerifiedApproval {
    /// What was approved.
    #[must_use]
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// The very package.
    #[must_use]
    pub fn deb(&self) -> &Artifact {
        &self.deb
    }

    /// The key that verified it.
    #[must_use]
    pub fn key(&self) -> &StatementKey {
        &self.key
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApprovalStatement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Descriptor>,
    predicate_type: String,
    predicate: Approval,
}

/// Writes the statement of an approval of `deb`: the bytes that are signed.
#[must_use]
pub fn approval_statement(approval: &Approval, deb: &Artifact) -> Vec<u8> {
    to_json(&ApprovalStatement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: vec![Descriptor::of_artifact(deb)],
        predicate_type: APPROVAL_PREDICATE.to_owned(),
        predicate: approval.clone(),
    })
}

/// Verifies an approval against the keys that the caller trusts, as [`verify`](super::verify()) does with a build's evidence.
///
/// # Errors
///
/// [`EvidenceError`].
pub fn verify_approval(
    evidence: &[u8],
    trusted: &[StatementKey],
) -> Result<VerifiedApproval, EvidenceError> {
    let (payload, key) = verified_payload(evidence, trusted)?;
    let (approval, deb) = read_approval(&payload)?;
    Ok(VerifiedApproval { approval, deb, key })
}

/// Reads the payload of an approval, of which nothing is proven yet.
///
/// # Errors
///
/// [`EvidenceError::NotAStatement`].
fn read_approval(payload: &[u8]) -> Result<(Approval, Artifact), EvidenceError> {
    let wrong = |reason: String| EvidenceError::NotAStatement { reason };
    let statement: ApprovalStatement =
        serde_json::from_slice(payload).map_err(|error| wrong(error.to_string()))?;
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != APPROVAL_PREDICATE {
        return Err(wrong("it is no approval".to_owned()));
    }
    let [subject] = statement.subject.as_slice() else {
        return Err(wrong("it is not about one package".to_owned()));
    };
    let deb = subject.artifact();
    let approval = statement.predicate;
    if approval.phased.is_some_and(|percent| percent > 100) {
        return Err(wrong("it phases beyond 100 percent".to_owned()));
    }
    let deb = deb.ok_or_else(|| wrong("its subject has no SHA-256 or no size".to_owned()))?;
    Ok((approval, deb))
}

/// Whether the signer may sign this as an approval: a statement of exactly this form.
///
/// # Errors
///
/// [`EvidenceError::NotAStatement`].
pub fn check_approval(payload: &[u8]) -> Result<(), EvidenceError> {
    read_approval(payload).map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::super::signed::signed;
    use super::*;

    fn approval() -> Approval {
        Approval {
            package: "wazo-plugind-hello-demo".to_owned(),
            version: DebianVersion::new("1.0.0-0+deb12u1").unwrap(),
            target: Target::Bookworm,
            from: Channel::new("testing").unwrap(),
            to: Channel::stable(),
            phased: Some(10),
            by: Actor::new("alice").unwrap(),
            reason: Reason::new("ran for a week").unwrap(),
            at: Timestamp::from_seconds(1_769_864_500),
            generation: 7,
        }
    }

    #[test]
    fn an_approval_says_who_when_why_and_what() {
        let payload = approval_statement(&approval(), &sample::deb());
        let text = String::from_utf8(payload.clone()).unwrap();
        insta::assert_snapshot!(text, @r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"wazo-plugind-hello-demo_1.0.0-0+deb12u1_all.deb","digest":{"sha256":"60cb823e09ac21b09a473f1d0e3218f42fa3138c3bdb4764be52adc1a343a5de"},"annotations":{"size":1234}}],"predicateType":"plugfarm:predicate:approval:v1","predicate":{"package":"wazo-plugind-hello-demo","version":"1.0.0-0+deb12u1","target":"bookworm","from":"testing","to":"stable","phased":10,"by":"alice","reason":"ran for a week","at":"2026-01-31T13:01:40Z","generation":7}}"#);
        let (evidence, key) = signed(&payload);
        let read = verify_approval(&evidence, &[key]).unwrap();
        assert_eq!((read.approval(), read.deb()), (&approval(), &sample::deb()));
        assert!(verify_approval(&evidence, &[]).is_err());
    }

    #[test]
    fn the_statement_of_a_build_approves_nothing() {
        let build = super::super::statement(&sample::build(), &sample::subjects());
        let (evidence, key) = signed(&build);
        assert!(verify_approval(&evidence, std::slice::from_ref(&key)).is_err());
        let (evidence, _) = signed(&approval_statement(&approval(), &sample::deb()));
        assert!(super::super::verify(&evidence, &[key]).is_err());
    }

    #[test]
    fn an_approval_of_another_form_is_not_signed() {
        let payload = approval_statement(&approval(), &sample::deb());
        assert!(check_approval(&payload).is_ok());
        let text = String::from_utf8(payload).unwrap();
        for (from, to) in [
            ("\"phased\":10", "\"phased\":101"),
            ("\"by\":\"alice\"", "\"by\":\"al ice\""),
            ("ran for a week", "ran\\nfor a week"),
            ("approval:v1", "approval:v2"),
            ("\"sha256\"", "\"md5\""),
            (",\"reason\":\"ran for a week\"", ""),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert!(check_approval(changed.as_bytes()).is_err(), "{to}");
        }
    }
}
