//! Reads a statement again before it is signed: an in-toto Statement v1, about something, and nothing else.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::journal::SignedPackage;
use crate::evidence::{
    APPROVAL_PREDICATE, EvidenceError, IMPORT_PREDICATE, KEYRING_PREDICATE, ROLLBACK_PREDICATE,
    check_approval, check_import, check_rollback,
};
use crate::model::Sha256;

/// The most bytes that a statement may have.
const MAX_STATEMENT: usize = 4 << 20;

/// The only payload type that is signed (DSSE, in-toto).
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The only statement type that is signed.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: BTreeMap<String, serde_json::Value>,
    /// Whatever else there is. Also keeps serde from taking an array for the object.
    #[serde(flatten)]
    _rest: BTreeMap<String, serde_json::Value>,
}

/// What the signer needs to know of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckedStatement {
    /// The digests of what it is about.
    pub(super) subjects: Vec<Sha256>,
    /// The packages among that.
    pub(super) packages: Vec<SignedPackage>,
    /// What is in the package, if it is the farm's keyring package: the digests of the two files of public keys.
    pub(super) keyring: Option<Keyring>,
}

/// The digests of the public keys in a keyring package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Keyring {
    pub(super) archive_sha256: Sha256,
    pub(super) statement_sha256: Sha256,
}

#[derive(Deserialize)]
struct Subject {
    name: Option<String>,
    digest: BTreeMap<String, String>,
    #[serde(flatten)]
    _rest: BTreeMap<String, serde_json::Value>,
}

/// Checks a payload; fails with the reason.
pub(super) fn check(payload_type: &str, payload: &[u8]) -> Result<CheckedStatement, String> {
    if payload_type != PAYLOAD_TYPE {
        return Err(format!(
            "it signs `{PAYLOAD_TYPE}` only, not `{}`",
            payload_type.escape_debug()
        ));
    }
    if payload.len() > MAX_STATEMENT {
        return Err(format!("a statement has at most {MAX_STATEMENT} bytes"));
    }
    let statement: Statement = serde_json::from_slice(payload)
        .map_err(|error| format!("the payload is no in-toto statement: {error}"))?;
    if statement.kind != STATEMENT_TYPE {
        return Err(format!("the statement is not of `{STATEMENT_TYPE}`"));
    }
    if statement.predicate_type.is_empty() || statement.predicate.is_empty() {
        return Err("the statement has no predicate".to_owned());
    }
    if statement.subject.is_empty() {
        return Err("the statement is about nothing: it has no subject".to_owned());
    }
    check_form(&statement.predicate_type, payload).map_err(|error| error.to_string())?;
    // Who approves of a package has not made it.
    let made = statement.predicate_type != APPROVAL_PREDICATE;
    let (mut subjects, mut packages) = (Vec::new(), Vec::new());
    for subject in statement.subject {
        let sha256 = digest(&subject)?;
        subjects.push(sha256);
        if let Some(name) = subject.name.filter(|name| made && name.ends_with(".deb")) {
            packages.push(SignedPackage { name, sha256 });
        }
    }
    let keyring = (statement.predicate_type == KEYRING_PREDICATE).then_some(statement.predicate);
    let keyring = keyring.map(|predicate| serde_json::from_value(json!(predicate)));
    let keyring = keyring.transpose();
    Ok(CheckedStatement {
        subjects,
        packages,
        keyring: keyring.map_err(|error| format!("the keyring's statement is wrong: {error}"))?,
    })
}

/// What is said of a package after it was built has one form.
fn check_form(predicate: &str, payload: &[u8]) -> Result<(), EvidenceError> {
    match predicate {
        APPROVAL_PREDICATE => check_approval(payload),
        ROLLBACK_PREDICATE => check_rollback(payload),
        IMPORT_PREDICATE => check_import(payload),
        _ => Ok(()),
    }
}

fn digest(subject: &Subject) -> Result<Sha256, String> {
    let digest = subject.digest.get("sha256");
    digest
        .and_then(|digest| digest.parse().ok())
        .ok_or_else(|| "a subject of the statement has no SHA-256 digest".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"_type":"https://in-toto.io/Statement/v1",
        "subject":[{"name":"a.deb","digest":{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}],
        "predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{}}}"#;

    fn said(payload: &str) -> String {
        check(PAYLOAD_TYPE, payload.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_statement_passes_with_its_subjects() {
        let checked = check(PAYLOAD_TYPE, GOOD.as_bytes()).unwrap();
        assert_eq!(checked.subjects, [Sha256::of(b"abc")]);
        let package = SignedPackage {
            name: "a.deb".to_owned(),
            sha256: Sha256::of(b"abc"),
        };
        assert_eq!(checked.packages, [package]);
        assert_eq!(checked.keyring, None);
    }

    #[test]
    fn an_approval_has_its_form_and_makes_no_package() {
        let approval = GOOD
            .replace("https://slsa.dev/provenance/v1", APPROVAL_PREDICATE)
            .replace("\"sha256\":\"ba78", "\"sha256\": \"ba78");
        insta::assert_snapshot!(said(&approval), @"the signed statement cannot be read: missing field `package` at line 3 column 91");
        let whole = approval
            .replace("\"digest\"", "\"annotations\":{\"size\":3},\"digest\"")
            .replace("\"buildDefinition\":{}", "\"package\":\"wazo-plugind-a-b\",\"version\":\"1\",\"target\":\"bookworm\",\"from\":\"testing\",\"to\":\"stable\",\"by\":\"alice\",\"reason\":\"good\",\"at\":\"2026-01-31T12:00:00Z\",\"generation\":1");
        let checked = check(PAYLOAD_TYPE, whole.as_bytes()).unwrap();
        assert_eq!((checked.subjects.len(), checked.packages), (1, Vec::new()));
    }

    #[test]
    fn what_is_no_statement_is_refused() {
        insta::assert_snapshot!(check("text/plain", GOOD.as_bytes()).unwrap_err(), @"it signs `application/vnd.in-toto+json` only, not `text/plain`");
        insta::assert_snapshot!(said("Origin: plugfarm-acme\n"), @"the payload is no in-toto statement: expected value at line 1 column 1");
        insta::assert_snapshot!(said("[]"), @"the payload is no in-toto statement: invalid type: sequence, expected struct Statement at line 1 column 0");
        insta::assert_snapshot!(said(&GOOD.replace("[{", "[[\"a\",{").replace("}}]", "}}]]")), @"the payload is no in-toto statement: invalid type: sequence, expected struct Subject at line 2 column 19");
        insta::assert_snapshot!(said(&GOOD.replace("Statement/v1", "Statement/v0.1")), @"the statement is not of `https://in-toto.io/Statement/v1`");
        insta::assert_snapshot!(said(&GOOD.replace("sha256", "sha1")), @"a subject of the statement has no SHA-256 digest");
        insta::assert_snapshot!(said(&GOOD.replace("ba78", "BA78")), @"a subject of the statement has no SHA-256 digest");
        insta::assert_snapshot!(said(&GOOD.replace("\"buildDefinition\":{}", "")), @"the statement has no predicate");
        insta::assert_snapshot!(said(&GOOD.replace("\"predicateType\"", "\"subject\":[],\"predicateType\"")), @"the payload is no in-toto statement: duplicate field `subject` at line 3 column 17");
        insta::assert_snapshot!(said(&"[".repeat(100_000)), @"the payload is no in-toto statement: invalid type: sequence, expected struct Statement at line 1 column 0");
        insta::assert_snapshot!(said(&" ".repeat(MAX_STATEMENT + 1)), @"a statement has at most 4194304 bytes");
    }
}
