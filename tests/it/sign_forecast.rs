//! What hosts will say of a signature, told in advance, and held against the programs that they say it with.

use std::process::{Command, Output, Stdio};

use plugfarm::sign::{HostVerifier, forecast};

use crate::repo_lab::clock;

/// A key of GnuPG's, and a text that it signed; `parameters` as in GnuPG's batch mode.
struct Signed {
    home: tempfile::TempDir,
    keyring: Vec<u8>,
    in_release: Vec<u8>,
}

impl Signed {
    fn new(algorithm: &str, expiry: &str, options: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let gpg = |arguments: &[&str]| {
            let output = Command::new("gpg")
                .arg("--homedir")
                .arg(home.path())
                .args(["--batch", "--yes", "--quiet", "--pinentry-mode=loopback"])
                .args(["--passphrase", ""])
                .args(arguments)
                .current_dir(home.path())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            output.stdout
        };
        gpg(&["--quick-generate-key", "acme", algorithm, "sign", expiry]);
        fs_err::write(home.path().join("Release"), "Suite: bookworm\n").unwrap();
        for (name, form) in [
            ("InRelease", "--clearsign"),
            ("Release.gpg", "--detach-sign"),
        ] {
            gpg(&[options, &["--output", name, form, "Release"]].concat());
        }
        let keyring = gpg(&["--export"]);
        fs_err::write(home.path().join("keyring.gpg"), &keyring).unwrap();
        let in_release = fs_err::read(home.path().join("InRelease")).unwrap();
        Self {
            home,
            keyring,
            in_release,
        }
    }

    /// What the two verifiers say, as `gpgv 0 30 90 365` and `sqv 0 30 90 365`: a dot for each day that they accept on.
    fn told(&self) -> String {
        let all = forecast(&self.in_release, &self.keyring, clock()).unwrap();
        let line = |verifier| {
            let own = all.iter().filter(|one| one.verifier == verifier);
            own.map(|one| if one.problem.is_none() { '.' } else { 'X' })
                .collect::<String>()
        };
        format!(
            "gpgv {} sqv {}",
            line(HostVerifier::Gpgv),
            line(HostVerifier::Sqv)
        )
    }

    /// What a verifier says in so many days: it must be what was told.
    fn really(&self, program: &[&str], days: u32) -> Output {
        let moment = format!("+{days}d");
        Command::new("faketime")
            .args(["-f", &moment])
            .args(program)
            .current_dir(self.home.path())
            .output()
            .unwrap()
    }

    /// As apt asks it: an expired key's signature is told apart by its status line, not by the exit code.
    fn gpgv(&self, days: u32) -> bool {
        let status = ["gpgv", "--status-fd", "1", "--keyring", "./keyring.gpg"];
        let output = self.really(&[&status[..], &["InRelease"]].concat(), days);
        String::from_utf8_lossy(&output.stdout).contains("[GNUPG:] GOODSIG")
    }

    fn sqv(&self, days: u32) -> bool {
        let arguments = ["sqv", "--keyring", "keyring.gpg", "Release.gpg", "Release"];
        self.really(&arguments, days).status.success()
    }
}

#[test]
fn a_key_that_expires_is_told_in_advance() {
    let signed = Signed::new("ed25519", "60d", &[]);
    assert_eq!(signed.told(), "gpgv ..XX sqv ....");
    assert!(signed.gpgv(30), "gpgv accepts");
    assert!(!signed.gpgv(90), "gpgv refuses");
    assert!(signed.sqv(90), "sqv accepts what was signed in time");
}

#[test]
fn a_good_key_is_good_for_a_year() {
    for algorithm in ["ed25519", "rsa4096"] {
        let signed = Signed::new(algorithm, "0", &["--digest-algo", "SHA512"]);
        assert_eq!(signed.told(), "gpgv .... sqv ....");
        assert!(signed.gpgv(365) && signed.sqv(365));
    }
}

#[test]
fn a_weak_digest_is_refused_today() {
    let signed = Signed::new("rsa2048", "0", &["--digest-algo", "SHA1"]);
    assert_eq!(signed.told(), "gpgv XXXX sqv XXXX");
    assert!(!signed.sqv(0));
}

#[test]
fn an_expired_signature_is_told_in_advance() {
    let signed = Signed::new("ed25519", "0", &["--default-sig-expire", "60d"]);
    assert_eq!(signed.told(), "gpgv ..XX sqv ..XX");
    assert!(!signed.gpgv(90) && !signed.sqv(90));
}
