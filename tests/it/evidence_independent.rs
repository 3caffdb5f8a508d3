//! Evidence, checked by programs that share no code with the farm: OpenSSL verifies the signature over an encoding that
//! Python builds from the envelope, and dpkg reads the `.buildinfo`.

use std::path::Path;
use std::process::{Command, Output};

use ed25519_dalek::{Signer as _, SigningKey};
use plugfarm::evidence::{self, PAYLOAD_TYPE, StatementKey};
use plugfarm::model::StatementSignature;
use tempfile::TempDir;

use crate::facts;

/// Opens a DSSE envelope by the specification's text alone: writes what was signed, the signature and the statement.
const OPEN: &str = r#"
import base64, json, sys
envelope = json.loads(open("evidence.intoto.jsonl").readline())
payload = base64.b64decode(envelope["payload"])
kind = envelope["payloadType"].encode()
signed = b" ".join([b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload])
open("signed", "wb").write(signed)
open("signature", "wb").write(base64.b64decode(envelope["signatures"][0]["sig"]))
statement = json.loads(payload)
assert statement["_type"] == "https://in-toto.io/Statement/v1"
assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
definition, run = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
assert definition["buildType"] and definition["externalParameters"] and run["builder"]["id"]
print(statement["subject"][0]["digest"]["sha256"])
"#;

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"))
}

/// A folder with an evidence file and the key that it was signed with.
fn signed_evidence() -> TempDir {
    let folder = TempDir::new().unwrap();
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = StatementKey::from_raw(key.verifying_key().as_bytes()).unwrap();
    let payload = evidence::statement(&facts::build(), &[facts::deb()]);
    let signed = evidence::pre_authentication_encoding(PAYLOAD_TYPE, &payload);
    let signature = StatementSignature {
        key_id: public.id(),
        signature: key.sign(&signed).to_bytes().to_vec(),
    };
    let envelope = evidence::envelope(&payload, &[signature]);
    fs_err::write(folder.path().join("evidence.intoto.jsonl"), envelope).unwrap();
    fs_err::write(folder.path().join("key.pem"), public.to_pem()).unwrap();
    folder
}

fn openssl_verifies(folder: &Path) -> bool {
    let arguments = [
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key.pem",
        "-rawin",
        "-in",
        "signed",
        "-sigfile",
        "signature",
    ];
    run(folder, "openssl", &arguments).status.success()
}

#[test]
fn openssl_verifies_what_the_farm_signs() {
    let folder = signed_evidence();
    let opened = run(folder.path(), "python3", &["-c", OPEN]);
    assert!(opened.status.success(), "{opened:?}");
    let subject = String::from_utf8(opened.stdout).unwrap();
    assert_eq!(subject.trim(), facts::deb().sha256.to_string());
    assert!(openssl_verifies(folder.path()));

    let signed = folder.path().join("signed");
    let mut bytes = fs_err::read(&signed).unwrap();
    bytes.push(b' ');
    fs_err::write(&signed, bytes).unwrap();
    assert!(!openssl_verifies(folder.path()), "a changed statement");
}

#[test]
fn openssl_knows_the_key_by_the_same_id() {
    let folder = signed_evidence();
    let arguments = ["pkey", "-pubin", "-in", "key.pem", "-outform", "DER"];
    let der = run(folder.path(), "openssl", &arguments).stdout;
    let pem = fs_err::read_to_string(folder.path().join("key.pem")).unwrap();
    let key = StatementKey::from_pem(&pem).unwrap();
    assert_eq!(plugfarm::model::Sha256::of(&der).to_string(), key.id());
}

#[test]
fn dpkg_reads_the_buildinfo() {
    const READ: &str = r#"
        use Dpkg::Control; use Dpkg::Checksums; use Dpkg::Deps;
        my $control = Dpkg::Control->new(type => CTRL_FILE_BUILDINFO);
        $control->load("x.buildinfo") or die "no control data";
        my $sums = Dpkg::Checksums->new(); $sums->add_from_control($control);
        print join(",", $sums->get_files()), "\n";
        my $needs = deps_parse($control->{"Installed-Build-Depends"}) or die "no dependencies";
        print scalar($needs->get_deps()), "\n";
        print $control->{"Environment"} =~ /SOURCE_DATE_EPOCH="\d+"/ ? "dated\n" : "undated\n";
    "#;
    let folder = TempDir::new().unwrap();
    let text = evidence::buildinfo(&facts::build(), &facts::deb());
    fs_err::write(folder.path().join("x.buildinfo"), text).unwrap();
    let read = run(folder.path(), "perl", &["-e", READ]);
    assert!(read.status.success(), "{read:?}");
    insta::assert_snapshot!(String::from_utf8(read.stdout).unwrap(), @r"
    wazo-plugind-hello-demo_1.0.0-0+deb12u1_all.deb
    3
    dated
    ");
}
