//! The farm's keys: made once, kept private, and good for the verifiers of every Debian that hosts run.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plugfarm::model::{
    FarmName, IndexTail, ReleaseToSign, Sha256, SignedRelease, Signer, SigningError, Timestamp,
};
use plugfarm::sign::{
    JournalKind, KeyError, Keys, SignedPackage, verify_detached, verify_in_release,
};

use crate::repo_lab::clock;

const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

fn noon() -> Timestamp {
    Timestamp::from_seconds(1_769_860_800)
}

fn farm() -> FarmName {
    FarmName::new("acme").unwrap()
}

fn open(folder: &Path) -> Result<Keys, KeyError> {
    Keys::open_or_create(folder, &farm(), noon)
}

fn release(date: Timestamp) -> String {
    format!(
        "Origin: plugfarm-acme\nLabel: plugfarm-acme\nSuite: bookworm\nCodename: bookworm\nDate: {}\n\
         Architectures: all amd64\nComponents: main\nSHA256:\n {} 0 main/binary-amd64/Packages\n",
        date.release_date(),
        Sha256::of(b""),
    )
}

fn statement() -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"a.deb","digest":{{"sha256":"{}"}}}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{{"buildDefinition":{{}}}}}}"#,
        Sha256::of(b"abc")
    )
}

/// Signs a Release whose index is empty.
fn sign(keys: &Keys, release: &[u8]) -> Result<SignedRelease, SigningError> {
    let index = IndexTail {
        path: "main/binary-amd64/Packages",
        from: 0,
        text: b"",
        keep: 0,
    };
    keys.sign_release(&ReleaseToSign {
        release,
        generation: 1,
        indices: vec![index],
    })
}

/// Runs a tool that must be there, and gives its output with its error output.
fn run(command: &mut Command) -> (bool, String) {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().mode() & 0o777;
            format!("{mode:o} {}", entry.file_name().to_str().unwrap())
        })
        .collect();
    names.sort();
    names
}

#[test]
fn keys_are_made_once_and_are_private() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data/keys");
    let first = open(&folder).unwrap().public().clone();
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o7777, 0o700);
    insta::assert_snapshot!(names(&folder).join("\n"), @"
    600 archive.secret.asc
    600 lock
    600 statement.secret.pem
    644 archive.public.gpg
    644 statement.public.pem
    755 revocation
    ");
    let revocation = names(&folder.join("revocation"));
    assert_eq!(
        revocation,
        [format!("600 {}.asc", first.archive_fingerprint)]
    );
    assert_eq!(open(&folder).unwrap().public(), &first);
}

#[test]
fn many_processes_that_come_first_agree_on_one_key() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    let found: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| open(&folder).unwrap().public().clone()))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(found.iter().all(|public| *public == found[0]));
    assert_eq!(names(&folder.join("revocation")).len(), 1);
}

#[test]
fn a_creation_that_was_interrupted_is_completed_with_the_same_key() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    let first = open(&folder).unwrap().public().clone();
    // What is on disk after a kill between the secret key and the rest.
    fs::remove_file(folder.join("archive.public.gpg")).unwrap();
    fs::remove_file(folder.join("statement.public.pem")).unwrap();
    fs::remove_dir_all(folder.join("revocation")).unwrap();
    fs::write(folder.join("statement.secret.pem.new"), "half").unwrap();
    assert_eq!(open(&folder).unwrap().public(), &first);
    assert_eq!(names(&folder.join("revocation")).len(), 1);
}

#[test]
fn the_revocation_certificate_may_be_moved_away() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    open(&folder).unwrap();
    fs::remove_dir_all(folder.join("revocation")).unwrap();
    open(&folder).unwrap();
    assert!(!folder.join("revocation").exists());
}

#[test]
fn a_lost_secret_key_is_never_replaced_silently() {
    for lost in ["archive.secret.asc", "statement.secret.pem"] {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("keys");
        open(&folder).unwrap();
        fs::remove_file(folder.join(lost)).unwrap();
        let error = open(&folder).unwrap_err();
        assert!(matches!(error, KeyError::SecretMissing { .. }), "{error}");
        assert!(error.to_string().contains("restore the secret file"));
    }
}

#[test]
fn keys_that_others_can_reach_are_refused_with_the_fix() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    open(&folder).unwrap();
    for (name, wrong, right) in [
        ("", 0o755, 0o700),
        ("", 0o710, 0o700),
        ("archive.secret.asc", 0o640, 0o600),
        ("statement.secret.pem", 0o604, 0o600),
    ] {
        let path = if name.is_empty() {
            folder.clone()
        } else {
            folder.join(name)
        };
        fs::set_permissions(&path, Permissions::from_mode(wrong)).unwrap();
        let error = open(&folder).unwrap_err().to_string();
        let fix = format!("chmod {right:04o} {}", path.display());
        assert!(error.ends_with(&fix), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(right)).unwrap();
        open(&folder).unwrap();
    }
}

#[test]
fn a_link_in_the_place_of_a_key_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    open(&folder).unwrap();
    let secret = folder.join("archive.secret.asc");
    let elsewhere = home.path().join("elsewhere");
    fs::rename(&secret, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &secret).unwrap();
    assert!(matches!(open(&folder), Err(KeyError::WrongKind { .. })));

    let link = home.path().join("link");
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    assert!(matches!(open(&link), Err(KeyError::WrongKind { .. })));
}

#[test]
fn a_damaged_key_file_is_named() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    open(&folder).unwrap();
    fs::write(folder.join("archive.secret.asc"), "damaged").unwrap();
    let error = open(&folder).unwrap_err().to_string();
    assert!(
        error.contains("archive.secret.asc is not usable as an archive key"),
        "{error}"
    );
}

#[test]
fn nothing_secret_is_printed() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    let keys = open(&folder).unwrap();
    let printed = format!("{keys:?}");
    for secret in ["archive.secret.asc", "statement.secret.pem"] {
        let text = fs::read_to_string(folder.join(secret)).unwrap();
        let body = text
            .lines()
            .filter(|line| line.len() > 20 && !line.contains(['-', ':']));
        for line in body {
            assert!(!printed.contains(line.trim()), "{line}");
        }
    }
    assert!(printed.contains(&format!(
        "ArchiveKey({})",
        keys.public().archive_fingerprint
    )));
}

/// A folder with a keyring and a signed Release, for the verifiers of Debian.
fn signed(folder: &Path) -> (Keys, PathBuf) {
    let keys = Keys::open_or_create(&folder.join("keys"), &farm(), clock).unwrap();
    let now = clock();
    let text = release(now);
    let signed = sign(&keys, text.as_bytes()).unwrap();
    let out = folder.join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("Release"), text).unwrap();
    fs::write(out.join("InRelease"), signed.in_release).unwrap();
    fs::write(out.join("Release.gpg"), signed.release_gpg).unwrap();
    fs::write(out.join("keyring.gpg"), &keys.public().archive_keyring).unwrap();
    fs::write(out.join("keyring.asc"), &keys.public().archive_armored).unwrap();
    (keys, out)
}

#[test]
fn bookworms_gpgv_accepts_what_was_signed_and_refuses_what_was_changed() {
    let home = tempfile::tempdir().unwrap();
    let (_, out) = signed(home.path());
    let gpgv = |files: &[&str]| {
        run(Command::new("gpgv")
            .current_dir(&out)
            .args(["--keyring", "./keyring.gpg"])
            .args(files))
    };
    let (good, said) = gpgv(&["InRelease"]);
    assert!(good && said.contains("Good signature"), "{said}");
    assert!(said.contains("using EDDSA key"), "{said}");
    let (good, said) = gpgv(&["Release.gpg", "Release"]);
    assert!(good && said.contains("Good signature"), "{said}");

    for file in ["InRelease", "Release"] {
        let text = fs::read_to_string(out.join(file)).unwrap();
        fs::write(
            out.join(file),
            text.replace("Suite: bookworm", "Suite: trixie"),
        )
        .unwrap();
    }
    assert!(!gpgv(&["InRelease"]).0);
    assert!(!gpgv(&["Release.gpg", "Release"]).0);
}

#[test]
fn openssl_verifies_the_statement_signature() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(&home.path().join("keys")).unwrap();
    let payload = statement();
    let signed = keys
        .sign_statement(PAYLOAD_TYPE, payload.as_bytes())
        .unwrap();
    let [signed] = signed.as_slice() else {
        panic!("one key, one signature: {signed:?}");
    };
    assert_eq!(signed.key_id, keys.public().statement_key_id);
    let encoding = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} {payload}",
        PAYLOAD_TYPE.len(),
        payload.len()
    );
    fs::write(home.path().join("encoding"), encoding).unwrap();
    fs::write(home.path().join("signature"), &signed.signature).unwrap();
    let openssl = || {
        run(Command::new("openssl")
            .current_dir(home.path())
            .args(["pkeyutl", "-verify", "-pubin", "-rawin"])
            .args(["-inkey", "keys/statement.public.pem"])
            .args(["-in", "encoding", "-sigfile", "signature"]))
    };
    let (good, said) = openssl();
    assert!(good, "{said}");
    fs::write(home.path().join("encoding"), payload).unwrap();
    assert!(!openssl().0);

    let (good, said) = run(Command::new("openssl").current_dir(home.path()).args([
        "pkey",
        "-in",
        "keys/statement.secret.pem",
        "-pubout",
    ]));
    assert!(good);
    assert_eq!(said, keys.public().statement_pem);
}

#[test]
fn our_own_verifier_covers_the_text_and_looks_ahead() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(&home.path().join("keys")).unwrap();
    let text = release(noon());
    let signed = sign(&keys, text.as_bytes()).unwrap();
    let keyring = &keys.public().archive_keyring;
    for days in [0, 30, 90, 365, 3650] {
        let at = Timestamp::from_seconds(noon().seconds() + days * 24 * 3600);
        let covered = verify_in_release(&signed.in_release, keyring, at).unwrap();
        assert_eq!(covered.trim_ascii_end(), text.trim_end().as_bytes());
        verify_detached(text.as_bytes(), &signed.release_gpg, keyring, at).unwrap();
    }
    let before = Timestamp::from_seconds(noon().seconds() - 24 * 3600);
    assert!(verify_in_release(&signed.in_release, keyring, before).is_err());

    let stranger = open(&home.path().join("other")).unwrap();
    let other = &stranger.public().archive_keyring;
    assert!(verify_in_release(&signed.in_release, other, noon()).is_err());
    assert!(verify_in_release(text.as_bytes(), keyring, noon()).is_err());
    assert!(verify_in_release(&signed.in_release, b"", noon()).is_err());
    let changed = String::from_utf8(signed.in_release)
        .unwrap()
        .replace("Suite: b", "Suite: c");
    assert!(verify_in_release(changed.as_bytes(), keyring, noon()).is_err());
}

#[test]
fn every_signature_has_its_line_in_the_journal_and_a_refusal_has_none() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(&home.path().join("keys")).unwrap();
    let text = release(noon());
    sign(&keys, text.as_bytes()).unwrap();
    keys.sign_statement(PAYLOAD_TYPE, statement().as_bytes())
        .unwrap();
    assert!(sign(&keys, b"Origin: debian\n").is_err());
    assert!(keys.sign_statement("text/plain", b"hello").is_err());
    let journal = keys.journal().unwrap();
    assert_eq!(journal.len(), 2);
    assert_eq!(journal[0].sha256, Sha256::of(text.as_bytes()));
    assert_eq!(
        journal[1].kind,
        JournalKind::Statement {
            subjects: vec![Sha256::of(b"abc")],
            packages: vec![SignedPackage {
                name: "a.deb".to_owned(),
                sha256: Sha256::of(b"abc"),
            }],
            keys: Vec::new(),
        }
    );
}

#[test]
fn no_signature_leaves_a_signer_that_cannot_write_its_journal() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    let keys = open(&folder).unwrap();
    fs::create_dir(folder.join("journal.jsonl")).unwrap();
    let error = sign(&keys, release(noon()).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("could not sign"), "{error}");
    assert!(
        keys.sign_statement(PAYLOAD_TYPE, statement().as_bytes())
            .is_err()
    );
}
