//! Statements that are what they say, and those that are not.

use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{envelope, sample, statement};
use super::*;
use crate::model::{CommitId, StatementSignature};

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> StatementKey {
    StatementKey::from_raw(signing(seed).verifying_key().as_bytes()).unwrap()
}

fn sign(seed: u8, payload_type: &str, payload: &[u8]) -> StatementSignature {
    let signed = pre_authentication_encoding(payload_type, payload);
    StatementSignature {
        key_id: public(seed).id(),
        signature: signing(seed).sign(&signed).to_bytes().to_vec(),
    }
}

/// An envelope that key `seed` signed.
fn signed(seed: u8, payload: &[u8]) -> Vec<u8> {
    envelope(payload, &[sign(seed, PAYLOAD_TYPE, payload)])
}

fn payload() -> Vec<u8> {
    statement(&sample::build(), &sample::subjects())
}

/// The payload with the value at `pointer` replaced.
fn changed(pointer: &str, value: Value) -> Vec<u8> {
    let mut statement: Value = serde_json::from_slice(&payload()).unwrap();
    *statement.pointer_mut(pointer).unwrap() = value;
    statement.to_string().into_bytes()
}

fn refusal(evidence: &[u8]) -> String {
    verify(evidence, &[public(1)]).unwrap_err().to_string()
}

#[test]
fn a_signed_statement_says_what_was_built() {
    let statement = verify(&signed(1, &payload()), &[public(2), public(1)]).unwrap();
    let facts = sample::build();
    assert_eq!(statement.key(), &public(1));
    assert_eq!(statement.package(), "wazo-plugind-hello-demo");
    assert_eq!(statement.version(), &facts.version);
    assert_eq!(statement.plugin(), &facts.plugin);
    assert_eq!(statement.plugin_version(), &facts.plugin_version);
    assert_eq!(statement.target(), facts.target);
    assert_eq!(statement.architecture(), facts.architecture);
    assert_eq!(statement.content(), facts.content);
    assert_eq!(statement.commit(), facts.source.commit.as_ref());
    assert_eq!(statement.commit_time(), facts.source.commit_time);
    assert!(statement.pinned());
    assert_eq!(statement.source_url(), facts.source.url);
    assert_eq!(statement.requested_ref(), Some("v1"));
    assert_eq!(statement.resolved_ref(), Some("refs/tags/v1"));
    assert_eq!(statement.subdirectory(), Some("plugins/hello"));
    assert_eq!(statement.source_tar(), facts.source.tar);
    assert_eq!(statement.image(), facts.image.root_fs);
    assert_eq!(statement.engine(), &facts.sandbox.engine);
    assert_eq!(statement.builder_id(), "plugfarm:farm:acme:runc");
    assert_eq!(statement.build(), &facts.build);
    assert_eq!(statement.finished(), facts.finished);
    assert_eq!(statement.deb(), &sample::deb());
    assert_eq!(statement.subjects(), sample::subjects());
}

#[test]
fn a_folders_statement_has_no_commit_and_says_so() {
    let payload = statement(&sample::folder_build(), &sample::subjects());
    let statement = verify(&signed(1, &payload), &[public(1)]).unwrap();
    assert_eq!(statement.commit(), None);
    assert!(!statement.pinned());
    assert_eq!(statement.requested_ref(), None);
}

#[test]
fn a_key_id_is_no_reason_to_trust_or_to_distrust() {
    let mut borrowed = sign(2, PAYLOAD_TYPE, &payload());
    borrowed.key_id = public(1).id();
    insta::assert_snapshot!(refusal(&envelope(&payload(), &[borrowed])), @"none of the 1 trusted keys has signed this evidence: it was changed, or another farm made it");
    let mut nameless = sign(1, PAYLOAD_TYPE, &payload());
    nameless.key_id = "nonsense".to_owned();
    assert!(verify(&envelope(&payload(), &[nameless]), &[public(1)]).is_ok());
}

#[test]
fn nothing_is_trusted_where_no_key_is() {
    assert_eq!(
        verify(&signed(1, &payload()), &[]),
        Err(EvidenceError::NotTrusted { trusted: 0 })
    );
}

#[test]
fn one_trusted_signature_of_several_is_enough() {
    let signatures = [2, 1].map(|seed| sign(seed, PAYLOAD_TYPE, &payload()));
    assert!(verify(&envelope(&payload(), &signatures), &[public(1)]).is_ok());
    assert!(verify(&envelope(&payload(), &signatures), &[public(3)]).is_err());
}

#[test]
fn lines_that_nobody_trusted_signed_are_passed_over() {
    let other = changed("/predicate/runDetails/builder/id", json!("forged"));
    let lines = [signed(2, &other), b"\r\n".to_vec(), signed(1, &payload())].concat();
    let statement = verify(&lines, &[public(1)]).unwrap();
    assert_eq!(statement.builder_id(), "plugfarm:farm:acme:runc");
}

#[test]
fn two_signed_statements_must_agree() {
    let twice = signed(1, &payload()).repeat(2);
    assert!(verify(&twice, &[public(1)]).is_ok());
    let other = changed("/predicate/runDetails/builder/id", json!("other"));
    let both = [signed(1, &payload()), signed(1, &other)].concat();
    assert_eq!(verify(&both, &[public(1)]), Err(EvidenceError::Ambiguous));
}

#[test]
fn unknown_fields_are_ignored() {
    let mut statement: Value = serde_json::from_slice(&payload()).unwrap();
    statement["later"] = json!({"a": 1});
    statement["predicate"]["buildDefinition"]["internalParameters"]["later"] = json!([]);
    statement["subject"][0]["annotations"]["later"] = json!(null);
    let payload = statement.to_string().into_bytes();
    let mut envelope: Value = serde_json::from_slice(&signed(1, &payload)).unwrap();
    envelope["later"] = json!(1);
    assert!(verify(envelope.to_string().as_bytes(), &[public(1)]).is_ok());
}

#[test]
fn the_payload_type_is_part_of_what_is_signed() {
    let other = sign(1, "text/plain", &payload());
    let written = envelope(&payload(), std::slice::from_ref(&other));
    insta::assert_snapshot!(refusal(&written), @"none of the 1 trusted keys has signed this evidence: it was changed, or another farm made it");
    let written = String::from_utf8(written)
        .unwrap()
        .replace(PAYLOAD_TYPE, "text/plain");
    insta::assert_snapshot!(refusal(written.as_bytes()), @"line 1 of the evidence is no DSSE envelope: its payload type is `text/plain`, not `application/vnd.in-toto+json`");
}

#[test]
fn a_statement_that_is_none_of_ours_is_refused() {
    let said = |pointer: &str, value| refusal(&signed(1, &changed(pointer, value)));
    insta::assert_snapshot!(said("/_type", json!("https://in-toto.io/Statement/v0.1")), @"the signed statement cannot be read: its type is `https://in-toto.io/Statement/v0.1`, not `https://in-toto.io/Statement/v1`");
    insta::assert_snapshot!(said("/predicateType", json!("https://slsa.dev/verification_summary/v1")), @"the signed statement cannot be read: its predicate type is `https://slsa.dev/verification_summary/v1`, not `https://slsa.dev/provenance/v1`");
    insta::assert_snapshot!(said("/predicate/buildDefinition/buildType", json!("x\ny")), @r"the signed statement cannot be read: its build type is `x\ny`, not `plugfarm:build-type:wazo-plugin:v1`");
    insta::assert_snapshot!(said("/predicate/runDetails/metadata/startedOn", json!("yesterday")), @"the signed statement cannot be read: failed to parse four digit integer as year: invalid digit, expected 0-9 but got y at line 1 column 2672");
    insta::assert_snapshot!(refusal(&signed(1, b"[]")), @"the signed statement cannot be read: invalid length 0, expected struct Statement with 4 elements at line 1 column 2");
}

#[test]
fn a_statement_that_contradicts_itself_is_refused() {
    let said = |pointer: &str, value| refusal(&signed(1, &changed(pointer, value)));
    let internal = "/predicate/buildDefinition/internalParameters";
    insta::assert_snapshot!(said(&format!("{internal}/package"), json!("wazo-plugind-other-demo")), @"the signed statement contradicts itself: its package is not named after its plugin");
    insta::assert_snapshot!(said(&format!("{internal}/version"), json!("2.0")), @"the signed statement contradicts itself: `wazo-plugind-hello-demo_2.0_all.deb` is not its only package");
    insta::assert_snapshot!(said("/subject/0/name", json!("../x.deb")), @"the signed statement contradicts itself: its subject `../x.deb` is no file name");
    insta::assert_snapshot!(said("/subject/1/name", json!("other.deb")), @"the signed statement contradicts itself: `wazo-plugind-hello-demo_1.0.0-0+deb12u1_all.deb` is not its only package");
    insta::assert_snapshot!(said("/subject/1/name", json!(sample::deb().name)), @"the signed statement contradicts itself: its subject `wazo-plugind-hello-demo_1.0.0-0+deb12u1_all.deb` appears twice");
    insta::assert_snapshot!(said("/subject/0/digest", json!({"md5": "0"})), @"the signed statement contradicts itself: its subject `wazo-plugind-hello-demo_1.0.0-0+deb12u1_all.deb` has no SHA-256 or no size");
    insta::assert_snapshot!(said("/subject", json!([])), @"the evidence has 0 subjects, and must have 1 to 64");
    insta::assert_snapshot!(said("/predicate/runDetails/byproducts", json!([])), @"the signed statement contradicts itself: it says no SHA-256 of `content`");
    let repository = "/predicate/buildDefinition/resolvedDependencies/0";
    insta::assert_snapshot!(said(&format!("{repository}/digest"), json!({"sha1": "0"})), @"the signed statement contradicts itself: its repository has no commit");
    insta::assert_snapshot!(said(&format!("{repository}/name"), json!("source.tar")), @"the signed statement contradicts itself: it names `source.tar` twice");
}

#[test]
fn evidence_that_is_too_much_is_refused() {
    insta::assert_snapshot!(refusal(&vec![b' '; MAX_SIZE + 1]), @"the evidence has 4194305 bytes, more than the 4194304 that evidence may have");
    insta::assert_snapshot!(refusal(b"\n\n"), @"the evidence has 0 envelopes, and must have 1 to 16");
    insta::assert_snapshot!(refusal(&signed(1, &payload()).repeat(MAX_ENVELOPES + 1)), @"the evidence has 17 envelopes, and must have 1 to 16");
    let signatures = vec![sign(1, PAYLOAD_TYPE, &payload()); MAX_SIGNATURES + 1];
    insta::assert_snapshot!(refusal(&envelope(&payload(), &signatures)), @"the evidence has 17 signatures, and must have 1 to 16");
    insta::assert_snapshot!(refusal(&envelope(&payload(), &[])), @"the evidence has 0 signatures, and must have 1 to 16");
    insta::assert_snapshot!(refusal(b"{\"payload\": \"\"}"), @"line 1 of the evidence is no DSSE envelope: missing field `payloadType` at line 1 column 15");
    insta::assert_snapshot!(refusal(&b"[".repeat(100_000)), @"line 1 of the evidence is no DSSE envelope: invalid type: sequence, expected a string at line 1 column 1");
}

proptest! {
    #[test]
    fn a_changed_byte_is_never_accepted_as_another_statement(at: prop::sample::Index, byte: u8) {
        let mut evidence = signed(1, &payload());
        let at = at.index(evidence.len());
        evidence[at] = byte;
        // A change outside of what is signed (the key id, an unknown field) changes nothing that is read.
        if let Ok(statement) = verify(&evidence, &[public(1)]) {
            prop_assert_eq!(statement, verify(&signed(1, &payload()), &[public(1)]).unwrap());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(evidence: Vec<u8>, text in "[\\[\\]{}\",:a-z0-9\n]{0,200}") {
        prop_assert!(verify(&evidence, &[public(1)]).is_err());
        prop_assert!(verify(text.as_bytes(), &[public(1)]).is_err());
    }
}

#[test]
fn a_commit_of_either_hash_is_read() {
    let mut facts = sample::build();
    facts.source.commit = Some(CommitId::new(&"a".repeat(64)).unwrap());
    let payload = statement(&facts, &sample::subjects());
    let statement = verify(&signed(1, &payload), &[public(1)]).unwrap();
    assert_eq!(statement.commit(), facts.source.commit.as_ref());
}
