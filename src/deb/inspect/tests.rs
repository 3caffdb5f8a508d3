//! Each check with a payload that it finds something in, and the payloads that real plugins rightly have.

use std::collections::BTreeSet;
use std::io::Cursor;

use super::*;
use crate::deb::payload::PayloadLimits;
use crate::deb::spool::Spool;
use crate::model::Severity;

fn payload(files: &[(&str, u32, &[u8])]) -> Payload {
    let mut spool = Spool::new(Cursor::new(Vec::new()));
    let mut payload = Payload::default();
    for (path, mode, bytes) in files {
        payload.insert_file(path, *mode, bytes, &mut spool).unwrap();
    }
    payload
}

fn judged(payload: &Payload, facts: &str, log: &[&str]) -> Vec<Finding> {
    let log: Vec<LogLine> = (1..)
        .zip(log)
        .map(|(number, text)| LogLine {
            number,
            text: (*text).to_owned(),
        })
        .collect();
    inspect(&Inspection {
        payload,
        target: Target::Trixie,
        facts: &Facts::parse(facts.as_bytes()),
        log: &log,
    })
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings
        .iter()
        .map(|finding| finding.code.as_str())
        .collect()
}

/// The codes for a payload of one file at `path`.
fn at(path: &str) -> Vec<String> {
    let findings = judged(&payload(&[(path, 0o644, b"x")]), "", &[]);
    findings.into_iter().map(|finding| finding.code).collect()
}

const MODULE: &str = "usr/local/lib/python3.13/dist-packages/plugin/__init__.py";

#[test]
fn what_real_plugins_ship_is_fine() {
    for path in [
        MODULE,
        "usr/lib/python3/dist-packages/plugin/plugin.py",
        "etc/asterisk/extensions_extra.d/hello.conf",
        "usr/lib/systemd/system/x.service",
        "usr/share/wazo-ui/x.html",
        "var/lib/wazo/x",
        "opt/x/lib/python3.11/site-packages/x.py",
        "srv/x",
        "usr/local/bin/tests",
    ] {
        assert_eq!(at(path), [""; 0], "{path}");
    }
}

#[test]
fn places_are_judged() {
    for (path, code) in [
        ("DEBIAN/postinst", "payload-control-folder"),
        (
            "usr/lib/wazo-plugind/plugins/demo/hello/x",
            "payload-plugind-folder",
        ),
        ("var/lib/dpkg/status", "payload-package-database"),
        ("dev/null", "payload-kernel-folder"),
        ("proc/x", "payload-kernel-folder"),
        ("wazo_agid", "payload-top-level"),
        ("work/out/x", "payload-top-level"),
        ("var/run/x", "payload-volatile-folder"),
        ("run/x", "payload-volatile-folder"),
        ("root/.ssh/authorized_keys", "payload-personal-folder"),
        ("home/x/y", "payload-personal-folder"),
        ("tmp/results/package_success", "payload-temporary-folder"),
        ("lib/systemd/system/x.service", "payload-merged-usr"),
        ("bin/x", "payload-merged-usr"),
        ("etc/apt/sources.list.d/x.list", "payload-apt-configuration"),
    ] {
        assert_eq!(at(path), [code], "{path}");
    }
}

#[test]
fn pythons_places_are_judged() {
    for (path, code) in [
        (
            "usr/local/lib/python3.11/dist-packages/x.py",
            "payload-python-version",
        ),
        (
            "usr/lib/python2.7/dist-packages/x.py",
            "payload-python-version",
        ),
        (
            "usr/lib/python3.13/site-packages/x.py",
            "payload-python-unseen",
        ),
        (
            "usr/local/lib/python3.13/dist-packages/tests/x.py",
            "payload-python-pollution",
        ),
        (
            "usr/lib/python3/dist-packages/x/__pycache__/x.cpython-313.pyc",
            "payload-python-cache",
        ),
    ] {
        assert_eq!(at(path), [code], "{path}");
    }
}

#[test]
fn a_payload_with_nothing_in_it_is_held() {
    let findings = judged(&payload(&[]), "", &[]);
    assert_eq!(codes(&findings), ["payload-empty"]);
    assert_eq!(findings[0].severity, Severity::Hold);
}

#[test]
fn an_archive_that_was_built_and_not_shipped_is_held() {
    let facts = "archive dist/toy_my_plugin-1.2.3.linux-x86_64.tar.gz\nother x\n";
    let without = payload(&[("etc/x.yml", 0o644, b"x")]);
    let findings = judged(&without, facts, &[]);
    assert_eq!(codes(&findings), ["payload-archive-lost"]);
    assert!(
        findings[0].message.contains("toy_my_plugin-1.2.3"),
        "{}",
        findings[0].message
    );
    assert_eq!(judged(&payload(&[(MODULE, 0o644, b"")]), facts, &[]), []);
}

#[test]
fn a_failed_uninstall_of_the_old_layout_is_reported() {
    let fine = payload(&[("etc/x", 0o644, b"x")]);
    assert_eq!(
        codes(&judged(&fine, "uninstall 2\n", &[])),
        ["payload-uninstall-failed"]
    );
    for facts in ["uninstall 0\n", "uninstall x\n", ""] {
        assert_eq!(judged(&fine, facts, &[]), [], "{facts}");
    }
}

#[test]
fn an_empty_executable_is_held() {
    let found = judged(
        &payload(&[("usr/bin/x", 0o755, b""), ("usr/share/x", 0o644, b"")]),
        "",
        &[],
    );
    assert_eq!(codes(&found), ["payload-empty-executable"]);
    assert!(
        found[0].message.ends_with(": usr/bin/x"),
        "{}",
        found[0].message
    );
}

#[test]
fn what_only_fakeroot_knew_is_not_shipped_in_silence() {
    let fine = payload(&[("etc/x", 0o644, b"")]);
    let found = judged(&fine, "device dev null\nowner asterisk:root etc/x\n", &[]);
    assert_eq!(codes(&found), ["payload-device", "payload-owner-lost"]);
    assert!(found[0].message.ends_with(": dev null"), "{found:?}");
    assert!(
        found[1].message.ends_with(": etc/x (asterisk:root)"),
        "{found:?}"
    );
    assert_eq!(found[0].severity, Severity::Refuse);
    assert_eq!(judged(&fine, "owner\nowner x\ndevices x\n", &[]), []);
}

#[test]
fn another_machines_programs_are_refused_where_a_host_would_run_them() {
    let mut elf = b"\x7fELF\x01\x01".to_vec();
    elf.resize(52, 0);
    for (path, code) in [
        ("usr/bin/x", "payload-foreign-machine"),
        ("usr/local/sbin/x", "payload-foreign-machine"),
        ("usr/lib/x/y.so", "payload-foreign-machine"),
        ("usr/libexec/x", "payload-foreign-machine"),
        ("opt/vendor/bin/x", "payload-foreign-machine"),
        (
            "opt/vendor/venv/python3.13/site-packages/x.so",
            "payload-foreign-machine",
        ),
        ("usr/lib/firmware/x", "payload-foreign-data"),
        ("usr/share/x/phone.bin", "payload-foreign-data"),
        (
            "var/lib/wazo-provd/plugins/x/var/tftpboot/phone.rom",
            "payload-foreign-data",
        ),
        ("opt/vendor/firmware/x", "payload-foreign-data"),
        ("srv/tftp/lib/x", "payload-foreign-data"),
    ] {
        let found = judged(&payload(&[(path, 0o755, &elf)]), "", &[]);
        assert_eq!(codes(&found), [code], "{path}");
    }
}

#[test]
fn names_that_look_the_same_are_flagged() {
    let collide = |a: &str, b: &str| {
        let files: [(&str, u32, &[u8]); 2] = [(a, 0o644, b"x"), (b, 0o644, b"x")];
        codes(&judged(&payload(&files), "", &[])) == ["payload-name-collision"]
    };
    assert!(collide("etc/Config", "etc/config"));
    assert!(collide("etc/config", "etc/сonfig"), "a Cyrillic letter");
    assert!(
        collide("etc/caf\u{e9}", "etc/cafe\u{301}"),
        "composed and decomposed"
    );
    assert!(!collide("etc/a/x", "etc/b/x"));
    assert_eq!(at("etc/x\u{202e}gpj.conf"), ["payload-deceptive-name"]);
    assert_eq!(at("usr/share/👨‍👩‍👧"), [""; 0]);
}

#[test]
fn a_command_that_failed_under_exit_0_is_held() {
    let fine = payload(&[(MODULE, 0o644, b"")]);
    for line in [
        "tar: dist/toy-my-plugin-*.tar.gz: Cannot open: No such file or directory",
        "cp: cannot stat 'etc': No such file or directory",
        "cp: -r not specified; omitting directory 'etc'",
        "install: cannot create regular file '/work/x': Permission denied",
        "wget: unable to resolve host address 'github.com'",
        "curl: (6) Could not resolve host: github.com",
        "fatal: unable to access 'https://github.com/x/y/': Could not resolve host",
        "make: *** [Makefile:3: all] Error 1",
        "wazo/rules: 12: npm: not found",
        "wazo/rules: line 12: npm: command not found",
        "Traceback (most recent call last):",
    ] {
        let found = judged(&fine, "", &["building", line]);
        assert_eq!(codes(&found), ["payload-log-failure"], "{line}");
        assert!(
            found[0].message.contains("line 2: "),
            "{}",
            found[0].message
        );
    }
    for line in [
        "copying cp: cannot.py",
        "tar: Removing leading `/' from member names",
        "warning: no previously-included files found",
        "checking for npm... not found",
        "curl: try 'curl --help'",
    ] {
        assert_eq!(judged(&fine, "", &[line]), [], "{line}");
    }
}

#[test]
fn what_everybody_could_write_to_is_reported() {
    use tar::EntryType::{Directory, Regular};
    let mut bytes = Vec::new();
    for (path, kind, mode) in [
        ("out/tree/", Directory, 0o755),
        ("out/tree/etc/", Directory, 0o755),
        ("out/tree/etc/x.conf", Regular, 0o666),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_path(path).unwrap();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(0);
        header.set_cksum();
        bytes.extend(header.as_bytes());
    }
    bytes.resize(bytes.len() + 1024, 0);
    let mut spool = Spool::new(Cursor::new(Vec::new()));
    let limits = PayloadLimits::default();
    let output =
        crate::deb::payload::read_output(bytes.as_slice(), "out", &mut spool, &limits).unwrap();
    assert_eq!(
        codes(&judged(&output.payload, "", &[])),
        ["payload-world-writable"]
    );
}

#[test]
fn a_finding_names_the_first_entries_and_counts_the_rest() {
    let names: Vec<String> = (10..20).map(|n| format!("bin/{n}")).collect();
    let files: Vec<(&str, u32, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), 0o644, b"x".as_slice()))
        .collect();
    let found = judged(&payload(&files), "", &[]);
    assert!(
        found[0]
            .message
            .ends_with("bin/10, bin/11, bin/12, bin/13, bin/14 and 5 more"),
        "{}",
        found[0].message
    );
}

#[test]
fn every_check_has_its_own_code_and_the_reports_order_is_theirs() {
    let codes: BTreeSet<_> = Check::ALL.iter().map(|check| check.code()).collect();
    assert_eq!(codes.len(), Check::ALL.len());
    assert!(Check::ALL.is_sorted());
    assert!(
        Check::ALL
            .iter()
            .all(|check| check.about().ends_with('.') && check.code().starts_with("payload-"))
    );
}
