//! An archive key that GnuPG made becomes the farm's, or is refused in words of its own; and its revocation, by GnuPG.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plugfarm::model::{IndexTail, ReleaseToSign, Sha256, Signer as _};
use plugfarm::sign::{ImportError, Keys, Passphrase};
use sequoia_openpgp::Profile;
use sequoia_openpgp::cert::CertBuilder;
use sequoia_openpgp::serialize::MarshalInto as _;

use crate::farm::TestFarm;
use crate::repo_lab::{Lab, Package, clock, open};

/// A home of GnuPG's.
struct Gnupg(tempfile::TempDir);

impl Gnupg {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A home with one key; `passphrase` may be empty.
    fn with_key(algorithm: &str, usage: &str, passphrase: &str) -> Self {
        let home = Self::new();
        home.generate(algorithm, usage, passphrase);
        home
    }

    fn generate(&self, algorithm: &str, usage: &str, passphrase: &str) {
        self.gpg(
            passphrase,
            &["--quick-generate-key", "acme", algorithm, usage, "0"],
        );
    }

    fn gpg(&self, passphrase: &str, arguments: &[&str]) -> Vec<u8> {
        self.run(Command::new("gpg"), passphrase, arguments)
    }

    fn run(&self, mut gpg: Command, passphrase: &str, arguments: &[&str]) -> Vec<u8> {
        gpg.arg("--homedir").arg(self.0.path());
        gpg.args(["--batch", "--yes", "--quiet", "--pinentry-mode=loopback"]);
        gpg.args(["--passphrase", passphrase]).args(arguments);
        let output = gpg.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn import(export: &[u8]) -> Result<String, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), |_| {}).0.import(export, None)
}

fn said(export: &[u8]) -> String {
    import(export).unwrap_err().to_string()
}

/// Signs a Release in `folder`, for the verifiers.
fn sign(keys: &Keys, folder: &Path) {
    let now = clock();
    let release = format!(
        "Origin: plugfarm-local\nLabel: plugfarm-local\nSuite: bookworm\nCodename: bookworm\nDate: {}\nSHA256:\n {} 0 main/binary-all/Packages\n",
        now.release_date(),
        Sha256::of(b"")
    );
    let indices = vec![IndexTail {
        path: "main/binary-all/Packages",
        from: 0,
        text: b"",
        keep: 0,
    }];
    let release = release.as_bytes();
    let signed = keys
        .sign_release(&ReleaseToSign {
            release,
            generation: 1,
            indices,
        })
        .unwrap();
    for (name, bytes) in [
        ("Release", release),
        ("InRelease", &signed.in_release),
        ("Release.gpg", &signed.release_gpg),
    ] {
        fs_err::write(folder.join(name), bytes).unwrap();
    }
}

/// What gpgv and sqv say of what is signed in `folder`, with the keyring in `keyring`.
fn verified(folder: &Path, keyring: &Path) -> (bool, bool) {
    let run = |command: &mut Command| {
        let output = command.current_dir(folder).stdin(Stdio::null()).output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), text)
    };
    let mut gpgv = Command::new("gpgv");
    let mut sqv = Command::new("sqv");
    gpgv.args(["--status-fd", "1", "--keyring"]).arg(keyring);
    sqv.arg("--keyring").arg(keyring);
    (
        run(gpgv.arg("InRelease")).1.contains("[GNUPG:] GOODSIG"),
        run(sqv.args(["Release.gpg", "Release"])).0,
    )
}

#[test]
fn a_key_of_gnupgs_signs_for_hosts_that_have_it() {
    for (algorithm, passphrase, armor) in [
        ("ed25519", "", "--armor"),
        ("ed25519", "a secret", "--no-armor"),
        ("rsa4096", "", "--no-armor"),
    ] {
        let gnupg = Gnupg::with_key(algorithm, "sign,cert", passphrase);
        let export = gnupg.gpg(passphrase, &["--export-secret-keys", armor]);
        let keyring = gnupg.path("keyring.gpg");
        fs_err::write(&keyring, gnupg.gpg("", &["--export"])).unwrap();
        let file = gnupg.path("passphrase");
        fs_err::write(&file, passphrase).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs_err::set_permissions(&file, mode).unwrap();
        let given = (!passphrase.is_empty()).then(|| Passphrase::read(&file).unwrap());

        let farm = tempfile::tempdir().unwrap();
        let (keys, _) = open(farm.path(), |_| {});
        let unused = keys.public().archive_fingerprint.clone();
        let fingerprint = keys.import(&export, given.as_ref()).unwrap();
        let (keys, _) = open(farm.path(), |_| {});
        assert_eq!(keys.public().archive_fingerprint, fingerprint);
        assert_eq!(keys.public().next_fingerprint, None);
        sign(&keys, gnupg.0.path());
        assert_eq!(
            verified(gnupg.0.path(), &keyring),
            (true, true),
            "{algorithm}"
        );
        let revocation = |key: &str| farm.path().join(format!("keys/revocation/{key}.asc"));
        assert!(revocation(&fingerprint).is_file());
        assert!(!revocation(&unused).exists());
        // Once more is nothing new.
        assert_eq!(keys.import(&export, given.as_ref()).unwrap(), fingerprint);
    }
}

#[test]
fn once_something_is_published_an_imported_key_is_the_next_one() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let gnupg = Gnupg::with_key("ed25519", "sign,cert", "");
    let export = gnupg.gpg("", &["--export-secret-keys"]);
    let fingerprint = lab.keys.import(&export, None).unwrap();
    let (keys, _) = open(lab.folder.path(), |_| {});
    let old = lab.keys.public().archive_fingerprint.clone();
    assert_eq!(keys.public().archive_fingerprints(), [old, fingerprint]);
    let other = Gnupg::with_key("ed25519", "sign,cert", "").gpg("", &["--export-secret-keys"]);
    insta::assert_snapshot!(keys.import(&other, None).unwrap_err(), @"it is too early: two archive keys sign already; the old one has to retire first");
}

#[test]
fn what_apt_would_not_trust_is_refused_in_its_own_words() {
    insta::assert_snapshot!(said(b""), @"it holds no OpenPGP key: it is empty");
    assert!(
        said(b"a text").starts_with("it holds no OpenPGP key: "),
        "{}",
        said(b"a text")
    );
    let secret = ["--export-secret-keys"];

    let good = Gnupg::with_key("ed25519", "sign,cert", "a secret");
    insta::assert_snapshot!(said(&good.gpg("", &["--export"])), @"it holds the public half alone; export the secret one: gpg --export-secret-keys FINGERPRINT");
    let export = good.gpg("a secret", &secret);
    insta::assert_snapshot!(said(&export), @"it is protected by a passphrase; name the file that holds it with --passphrase-file");
    good.generate("ed25519", "sign,cert", "a secret");
    insta::assert_snapshot!(said(&good.gpg("a secret", &secret)), @"it holds 2 keys; export the one: gpg --export-secret-keys FINGERPRINT");

    for algorithm in ["dsa2048", "nistp256"] {
        let words = said(&Gnupg::with_key(algorithm, "sign,cert", "").gpg("", &secret));
        assert!(
            words.contains("which not every apt accepts"),
            "{algorithm}: {words}"
        );
    }
    let short = Gnupg::with_key("rsa1024", "sign,cert", "").gpg("", &secret);
    insta::assert_snapshot!(said(&short), @"it is too weak for apt of Debian 13, or will be within a year: an RSA key needs 2048 bits, and has 1024");
    let certifies = Gnupg::with_key("ed25519", "cert", "").gpg("", &secret);
    assert!(
        said(&certifies).starts_with("its primary key may not sign"),
        "{}",
        said(&certifies)
    );

    let (version_6, _) = CertBuilder::new()
        .set_profile(Profile::RFC9580)
        .unwrap()
        .add_userid("acme")
        .generate()
        .unwrap();
    insta::assert_snapshot!(said(&version_6.as_tsk().to_vec().unwrap()), @"it is an OpenPGP key of version 6, which apt of Debian 12 does not know; make one of version 4");
}

#[test]
fn a_key_that_is_over_is_refused() {
    let expired = Gnupg::new();
    let mut past = Command::new("faketime");
    past.args(["-f", "-10d", "gpg"]);
    let arguments = ["--quick-generate-key", "acme", "ed25519", "sign,cert", "1d"];
    expired.run(past, "", &arguments);
    let words = said(&expired.gpg("", &["--export-secret-keys"]));
    assert!(words.starts_with("it has expired on "), "{words}");

    let part = Gnupg::with_key("ed25519", "sign,cert", "");
    let listed = String::from_utf8(part.gpg("", &["--with-colons", "--list-keys"])).unwrap();
    let line = listed
        .lines()
        .find(|line| line.starts_with("fpr:"))
        .unwrap();
    let fingerprint = line.split(':').nth(9).unwrap();
    part.gpg("", &["--quick-add-key", fingerprint, "ed25519", "sign"]);
    let words = said(&part.gpg("", &["--export-secret-subkeys"]));
    assert!(
        words.starts_with("the secret half of the primary key is not in it"),
        "{words}"
    );

    let weak = Gnupg::new();
    let arguments = [
        "--cert-digest-algo",
        "SHA1",
        "--quick-generate-key",
        "acme",
        "rsa2048",
        "sign,cert",
        "0",
    ];
    weak.gpg("", &arguments);
    let words = said(&weak.gpg("", &["--export-secret-keys"]));
    assert!(words.starts_with("it is too weak"), "{words}");
}

#[test]
fn the_revocation_ends_all_trust_in_the_key() {
    let farm = tempfile::tempdir().unwrap();
    let (keys, _) = open(farm.path(), |_| {});
    sign(&keys, farm.path());
    let gnupg = Gnupg::new();
    let public = farm.path().join("keys/archive.public.gpg");
    gnupg.gpg("", &["--import", public.to_str().unwrap()]);
    let keyring = farm.path().join("keyring.gpg");
    fs_err::write(&keyring, gnupg.gpg("", &["--export"])).unwrap();
    assert_eq!(verified(farm.path(), &keyring), (true, true));

    let name = format!("keys/revocation/{}.asc", keys.public().archive_fingerprint);
    let revocation = farm.path().join(name);
    gnupg.gpg("", &["--import", revocation.to_str().unwrap()]);
    fs_err::write(&keyring, gnupg.gpg("", &["--export"])).unwrap();
    assert_eq!(verified(farm.path(), &keyring), (false, false));
    let revoked = fs_err::read(&keyring).unwrap();
    assert!(matches!(import(&revoked), Err(ImportError::Public)));
}

#[test]
fn an_operator_imports_a_key() {
    let farm = TestFarm::new();
    let gnupg = Gnupg::with_key("ed25519", "sign,cert", "");
    let file = gnupg.path("key.asc");
    fs_err::write(&file, gnupg.gpg("", &["--armor", "--export"])).unwrap();
    let arguments = ["key", "import", file.to_str().unwrap()];
    let refused = farm.run(&arguments);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("cannot be the archive key"),
        "{}",
        refused.stderr
    );
    fs_err::write(&file, gnupg.gpg("", &["--armor", "--export-secret-keys"])).unwrap();
    farm.run(&arguments).succeeds();
    let shown = farm.run(&["key", "show", "--json"]).succeeds().json();
    let listed = gnupg.gpg("", &["--with-colons", "--list-keys"]);
    let fingerprint = shown["archive_fingerprint"].as_str().unwrap();
    assert!(String::from_utf8(listed).unwrap().contains(fingerprint));
}
