//! What is imported only after it was looked at: what the key does not lead to, what it has signed and is hostile, and what
//! servers answer, are refused.

use std::path::Path;

use plugfarm::model::Sha256;
use serde_json::{Value, json};

use crate::channels_lab::{Farm, code};
use crate::foreign_lab::{Foreigner, Served};
use crate::repo_import::{PLUGIN, import};
use crate::repo_lab::files;

/// What becomes of an import from `base`.
fn refused(farm: &Farm, other: &Foreigner, base: &Path) -> (i32, String, String) {
    let ran = import(farm, other, base.to_str().unwrap(), &[]);
    let (exit, code) = code(&ran);
    let message = ran.json()["message"].as_str().unwrap().to_owned();
    assert!(!farm.farm.repository().join("dists").exists(), "{message}");
    (exit, code, message)
}

#[test]
fn what_the_key_does_not_lead_to_is_refused() {
    let (other, farm) = (Foreigner::new(), Farm::new(""));
    let base = other.reprepro(&[other.pack(PLUGIN, "1.0", "good")]);
    let folder = base.join("dists/stable");
    let signed = fs_err::read_to_string(folder.join("InRelease")).unwrap();

    let stranger = Foreigner::new();
    let (_, code, message) = refused(&farm, &stranger, &base);
    assert_eq!(code, "evidence-invalid");
    assert!(
        message.contains("is not signed by the named key"),
        "{message}"
    );
    fs_err::write(
        folder.join("InRelease"),
        signed.replace("Origin: other", "Origin: forged"),
    )
    .unwrap();
    assert_eq!(refused(&farm, &other, &base).1, "evidence-invalid");
    // Without InRelease it is the detached signature that counts.
    fs_err::remove_file(folder.join("InRelease")).unwrap();
    let release = fs_err::read_to_string(folder.join("Release")).unwrap();
    fs_err::write(folder.join("Release"), format!("{release}\n")).unwrap();
    assert_eq!(refused(&farm, &other, &base).1, "evidence-invalid");
    fs_err::write(folder.join("Release"), &release).unwrap();

    // Another package in the place of the right one, of the same size.
    let pool = base.join("pool");
    let deb = pool.join(&files(&pool)[0]);
    let good = fs_err::read(&deb).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    fs_err::write(&deb, &bad).unwrap();
    let (_, code, message) = refused(&farm, &other, &base);
    assert_eq!(code, "evidence-invalid");
    assert!(
        message.contains("is not what the signed Release leads to"),
        "{message}"
    );
    fs_err::write(&deb, [&good[..], b"x"].concat()).unwrap();
    let (_, code, message) = refused(&farm, &other, &base);
    assert_eq!(code, "source-invalid", "{message}");
    fs_err::write(&deb, &good).unwrap();
    import(&farm, &other, base.to_str().unwrap(), &[]).succeeds();
    farm.is_sound();
}

#[test]
fn what_the_key_has_signed_is_hostile_all_the_same() {
    let (other, farm) = (Foreigner::new(), Farm::new(""));
    let base = other.reprepro(&[other.pack(PLUGIN, "1.0", "good")]);
    let folder = base.join("dists/stable");
    let index = folder.join("main/binary-amd64");
    let packages = fs_err::read_to_string(index.join("Packages")).unwrap();
    // An index of these bytes alone, as the Release lists it.
    let publish = |name: &str, bytes: &[u8], size: Option<u64>| {
        let size = size.unwrap_or(bytes.len() as u64);
        let digest = Sha256::of(bytes);
        let release = format!(
            "Origin: other\nSuite: stable\nCodename: stable\nComponents: main\nDate: Sat, 31 Jan 2026 12:00:00 UTC\n\
             SHA256:\n {digest} {size} main/binary-amd64/{name}\n"
        );
        fs_err::write(folder.join("Release"), release).unwrap();
        for form in ["Packages", "Packages.gz", "Packages.xz"] {
            fs_err::remove_file(index.join(form)).ok();
        }
        fs_err::write(index.join(name), bytes).unwrap();
        other.sign(&base, "stable");
    };
    let filename = packages
        .lines()
        .find(|line| line.starts_with("Filename"))
        .unwrap();
    for bad in ["../../../../etc/passwd", "/etc/passwd"] {
        let text = packages.replace(filename, &format!("Filename: {bad}"));
        publish("Packages", text.as_bytes(), None);
        let (_, code, message) = refused(&farm, &other, &base);
        assert_eq!(code, "source-invalid");
        assert!(
            message.ends_with("has the Filename of no package"),
            "{message}"
        );
    }
    // Zeros without end, in a few kilobytes.
    let bomb = std::process::Command::new("sh")
        .args(["-c", "head -c 300M /dev/zero | xz -0 -T2"])
        .output()
        .unwrap();
    publish("Packages.xz", &bomb.stdout, None);
    let (_, code, message) = refused(&farm, &other, &base);
    assert_eq!(code, "source-invalid");
    assert!(
        message.contains("has more than 268435456 bytes"),
        "{message}"
    );
    publish("Packages", packages.as_bytes(), Some(1 << 40));
    assert_eq!(
        refused(&farm, &other, &base).1,
        "source-invalid",
        "a giant index"
    );
    publish("Packages.gz", b"no gzip", None);
    assert_eq!(refused(&farm, &other, &base).1, "source-invalid");
    // A package under another one's name.
    let text = packages.replace(PLUGIN, "wazo-plugind-victim-demo");
    let text = text.replace("victim-demo_1.0_all.deb", "old-demo_1.0_all.deb");
    let text = text.replace("/wazo-plugind-victim-demo/", &format!("/{PLUGIN}/"));
    publish("Packages", text.as_bytes(), None);
    let (_, code, message) = refused(&farm, &other, &base);
    assert_eq!(code, "evidence-invalid");
    assert!(
        message.contains("is listed as wazo-plugind-victim-demo"),
        "{message}"
    );
    // The farm's own package is no plugin.
    let text = packages.replace(
        &format!("Package: {PLUGIN}"),
        "Package: plugfarm-local-keyring",
    );
    publish("Packages", text.as_bytes(), None);
    let none = import(&farm, &other, base.to_str().unwrap(), &[])
        .succeeds()
        .json();
    assert_eq!(none["left_out"], json!(["plugfarm-local-keyring"]));
    assert_eq!(none["published"], Value::Null);
    publish("Packages", packages.as_bytes(), None);
    import(&farm, &other, base.to_str().unwrap(), &[]).succeeds();
}

#[test]
fn a_server_is_no_reason_to_ask_another_one() {
    let (other, farm) = (Foreigner::new(), Farm::new(""));
    let base = other.reprepro(&[other.pack(PLUGIN, "1.0", "good")]);
    let served = Served::folder(&base);
    let elsewhere = served.url.replace("127.0.0.1", "localhost");
    let redirecting = Served::redirecting(&elsewhere);
    let ran = import(&farm, &other, &redirecting.url, &[]);
    assert_eq!(code(&ran), (3, "source-unreachable".to_owned()));
    let message = ran.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("sends on to another server"), "{message}");
    for bad in [
        "ftp://example.org/",
        "http://me:secret@example.org/",
        "/nowhere",
    ] {
        let ran = import(&farm, &other, bad, &[]);
        assert_eq!(code(&ran), (2, "usage".to_owned()), "{bad}");
        assert!(!ran.stdout.contains("secret"));
    }
    let gone = import(&farm, &other, &served.url, &["--component", "contrib"]);
    assert_eq!(code(&gone), (3, "source-unreachable".to_owned()));
    assert!(
        gone.json()["message"]
            .as_str()
            .unwrap()
            .contains("its components are: main")
    );
}
