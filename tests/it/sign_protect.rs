//! Secret keys that are encrypted where they lie: what a backup or a stolen disk gives nobody.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plugfarm::model::{FarmName, Signer as _, Timestamp};
use plugfarm::sign::{KeyError, Keys, Passphrase, PublicKeys, are_protected};

use crate::farm::TestFarm;
use crate::sign_crash::{FOLDER, run_and_kill};

const SECRETS: [&str; 2] = ["archive.secret.asc", "statement.secret.pem"];

/// The file of a passphrase, beside the folder of the keys.
fn passphrase(home: &Path, text: &str) -> PathBuf {
    let path = home.join(text);
    fs_err::write(&path, format!("{text}\n")).unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn open(home: &Path, passphrase: Option<&Path>) -> Result<Keys, KeyError> {
    let clock = || Timestamp::from_seconds(1_769_860_800);
    Keys::open_with(&home.join("keys"), &FarmName::local(), passphrase, clock)
}

fn signs(keys: &Keys) {
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"a","digest":{{"sha256":"{}"}}}}],"predicateType":"x","predicate":{{"x":1}}}}"#,
        "a".repeat(64)
    );
    keys.sign_statement("application/vnd.in-toto+json", statement.as_bytes())
        .unwrap();
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?} {output:?}");
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn keys_that_are_made_with_a_passphrase_open_with_it_alone() {
    let home = tempfile::tempdir().unwrap();
    let right = passphrase(home.path(), "right");
    let keys = open(home.path(), Some(&right)).unwrap();
    signs(&keys);
    assert_eq!(
        are_protected(&home.path().join("keys")).unwrap(),
        Some(true)
    );
    let again = open(home.path(), Some(&right)).unwrap();
    assert_eq!(again.public(), keys.public());
    assert_eq!(
        PublicKeys::read(&home.path().join("keys"))
            .unwrap()
            .as_ref(),
        Some(keys.public()),
        "who only reads needs no passphrase"
    );

    let without = open(home.path(), None).unwrap_err();
    assert!(matches!(without, KeyError::Protected { .. }), "{without}");
    assert!(without.to_string().contains("PLUGFARM_PASSPHRASE_FILE"));
    let wrong = open(home.path(), Some(&passphrase(home.path(), "wrong"))).unwrap_err();
    assert!(matches!(wrong, KeyError::WrongPassphrase { .. }), "{wrong}");
}

#[test]
fn gnupg_and_openssl_read_what_is_encrypted() {
    let home = tempfile::tempdir().unwrap();
    let right = passphrase(home.path(), "right");
    let keys = open(home.path(), Some(&right)).unwrap();
    let secret = |name: &str| home.path().join("keys").join(name);
    let gnupg = home.path().join("gnupg");
    fs_err::create_dir(&gnupg).unwrap();
    fs_err::set_permissions(&gnupg, std::fs::Permissions::from_mode(0o700)).unwrap();
    let gpg = |arguments: &[&str], file: &Path| {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(&gnupg);
        command.args(["--batch", "--pinentry-mode=loopback", "--passphrase-file"]);
        run(command.arg(&right).args(arguments).arg(file))
    };
    gpg(&["--import"], &secret(SECRETS[0]));
    let text = home.path().join("text");
    fs_err::write(&text, "a text\n").unwrap();
    gpg(&["--clearsign"], &text);
    let mut gpgv = Command::new("gpgv");
    gpgv.arg("--keyring").arg(secret("archive.public.gpg"));
    run(gpgv.arg(text.with_extension("asc")));

    let mut openssl = Command::new("openssl");
    openssl.args(["pkey", "-pubout", "-passin"]);
    openssl.arg(format!("file:{}", right.display()));
    let public = run(openssl.arg("-in").arg(secret(SECRETS[1])));
    assert_eq!(public, keys.public().statement_pem);
}

#[test]
fn a_passphrase_is_set_changed_and_removed() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (
        passphrase(home.path(), "one"),
        passphrase(home.path(), "two"),
    );
    let first = open(home.path(), None).unwrap();
    let plain = SECRETS.map(|name| fs_err::read(home.path().join("keys").join(name)).unwrap());
    let protect = |from: Option<&Path>, to: Option<&Path>| {
        let passphrase = to.map(|path| Passphrase::read(path).unwrap());
        let keys = open(home.path(), from).unwrap();
        keys.protect(passphrase.as_ref()).unwrap();
        let keys = open(home.path(), to).unwrap();
        assert_eq!(keys.public(), first.public());
        signs(&keys);
        let kept = are_protected(&home.path().join("keys")).unwrap();
        assert_eq!(kept, Some(to.is_some()));
    };
    protect(None, Some(&one));
    protect(Some(&one), Some(&two));
    assert!(open(home.path(), Some(&one)).is_err());
    signs(&first);
    protect(Some(&two), None);
    let now = SECRETS.map(|name| fs_err::read(home.path().join("keys").join(name)).unwrap());
    assert_eq!(plain[1], now[1]);
    assert_eq!(first.journal().unwrap().len(), 7);
}

#[test]
#[ignore = "no story, but the changer of the next: it runs it as a process of its own"]
fn changer() {
    let home = PathBuf::from(std::env::var(FOLDER).unwrap());
    let keys = open(&home, Some(&home.join("one"))).unwrap();
    let two = Passphrase::read(&home.join("two")).unwrap();
    keys.protect(Some(&two)).unwrap();
}

#[test]
fn a_change_that_is_killed_at_any_step_leaves_one_passphrase_for_all_keys() {
    let farm = tempfile::tempdir().unwrap();
    let one = passphrase(farm.path(), "one");
    passphrase(farm.path(), "two");
    let before = open(farm.path(), Some(&one)).unwrap().public().clone();
    for (call, least) in [("rename", 5), ("fsync", 8), ("unlink", 1)] {
        let (mut kills, mut changed) = (0, 0);
        loop {
            let copy = tempfile::tempdir().unwrap();
            let home = copy.path().join("farm");
            let copied = Command::new("cp")
                .arg("--archive")
                .args([farm.path(), &home])
                .status();
            assert!(copied.unwrap().success());
            if !run_and_kill("sign_protect::changer", &home, call, kills + 1) {
                break;
            }
            kills += 1;
            let keys = match open(&home, Some(&home.join("one"))) {
                Ok(keys) => keys,
                Err(KeyError::WrongPassphrase { .. }) => {
                    changed += 1;
                    open(&home, Some(&home.join("two"))).unwrap()
                }
                Err(other) => panic!("{call} {kills}: {other}"),
            };
            assert_eq!(keys.public(), &before, "{call} {kills}");
            signs(&keys);
            let left = home.join("keys/change");
            assert!(!left.exists(), "{call} {kills}");
        }
        assert!(kills >= least, "every {call} was hit: {kills}");
        assert!(changed > 0, "one came after the decision: {call}");
    }
}

#[test]
fn an_operator_protects_the_keys_of_a_farm() {
    let farm = TestFarm::new();
    let shown = farm.run(&["key", "show"]).succeeds();
    assert!(
        shown
            .stdout
            .contains("the secret keys are not encrypted on disk; name a file"),
        "{}",
        shown.stdout
    );
    let missing = farm.run(&["key", "protect"]);
    assert_eq!(missing.code, 2, "{}", missing.stderr);

    let folder = tempfile::tempdir().unwrap();
    let file = passphrase(folder.path(), "secret");
    farm.configure(&format!(
        "signer: {{passphrase_file: '{}'}}",
        file.display()
    ));
    farm.run(&["key", "protect"]).succeeds();
    let shown = farm.run(&["key", "show", "--json"]).succeeds().json();
    assert_eq!(shown["protected"], true);
    assert_eq!(shown["warnings"].as_array().unwrap().len(), 0);
    farm.run(&["repo", "refresh"]).succeeds();

    // The one who changes it says where the new one is.
    let mut other = fs_err::File::create(folder.path().join("other")).unwrap();
    other.write_all(b"other").unwrap();
    let path = folder.path().join("other");
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let arguments = ["key", "protect", "--new", path.to_str().unwrap()];
    let said = farm.run(&arguments).succeeds().stdout;
    assert!(
        said.contains("from now on `signer.passphrase_file` must be"),
        "{said}"
    );
    let refused = farm.run(&["repo", "refresh"]);
    assert_eq!(refused.code, 3);
    assert!(
        refused.stderr.contains("the passphrase does not open"),
        "{}",
        refused.stderr
    );
    let mut refresh = farm.command(&["repo", "refresh"]);
    let output = refresh
        .env("PLUGFARM_PASSPHRASE_FILE", &path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
