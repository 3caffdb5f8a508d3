//! What the library writes, next to what Debian's own tools write and think of it; and what Docker's archives hold.

use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use plugfarm::deb::Spool;
use plugfarm::deb::package::{Compression, Method};
use plugfarm::deb::payload::{BuildOutput, Entry, PayloadError, PayloadLimits, Rule, read_output};
use plugfarm::deb::read::{ReadLimits, read_files};

use crate::deb_fixture::{COMMIT_TIME, PACKAGE, Plugin, first_host_image};

fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn dpkg_deb(arguments: &[&str], folder: &Path) -> Vec<u8> {
    let mut command = Command::new("dpkg-deb");
    command
        .args(arguments)
        .current_dir(folder)
        .env("SOURCE_DATE_EPOCH", COMMIT_TIME.to_string());
    run(&mut command).stdout
}

/// A plugin with everything that makes a tar interesting.
fn rich() -> Plugin {
    let long = format!(
        "usr/share/hello/{}/{}",
        "folder ".repeat(12).trim(),
        "é".repeat(70)
    );
    Plugin::new("1.0-0+deb12u1")
        .file("etc/hello/a b.conf", 0o640, "a\n")
        .file("usr/bin/hello", 0o755, "#!/bin/sh\n")
        .file(
            "usr/bin-x",
            0o644,
            "sorts between a folder and what is in it",
        )
        .file("usr/share/hello/empty", 0o644, "")
        .file("usr/share/hello/日本語", 0o644, &"x".repeat(5000))
        .file(&long, 0o644, "long")
}

fn compressions() -> impl Iterator<Item = (Compression, &'static str)> {
    let threads = NonZeroU32::new(2).unwrap();
    let method = move |method, level, option| {
        (
            Compression {
                method,
                level,
                threads,
            },
            option,
        )
    };
    [
        method(Method::Zstd, 19, "-Zzstd"),
        method(Method::Xz, 6, "-Zxz"),
        method(Method::Gzip, 9, "-Zgzip"),
    ]
    .into_iter()
}

#[test]
fn the_tars_are_to_the_byte_those_of_dpkg_deb() {
    for (compression, option) in compressions() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::write(folder.join("ours.deb"), rich().assemble(compression).1).unwrap();
        dpkg_deb(&["--raw-extract", "ours.deb", "tree"], folder);
        dpkg_deb(
            &[
                "--root-owner-group",
                option,
                "--build",
                "tree",
                "theirs.deb",
            ],
            folder,
        );
        for tar in ["--ctrl-tarfile", "--fsys-tarfile"] {
            let (ours, theirs) = (
                dpkg_deb(&[tar, "ours.deb"], folder),
                dpkg_deb(&[tar, "theirs.deb"], folder),
            );
            assert!(ours == theirs, "{option} {tar}");
        }
        let theirs = std::fs::read(folder.join("theirs.deb")).unwrap();
        let ours = std::fs::read(folder.join("ours.deb")).unwrap();
        let limits = ReadLimits::default();
        assert_eq!(
            read_files(ours.as_slice(), &limits).unwrap(),
            read_files(theirs.as_slice(), &limits).unwrap()
        );
    }
}

#[test]
fn two_assemblies_give_the_same_bytes() {
    for (compression, option) in compressions() {
        let threads = NonZeroU32::new(1).unwrap();
        let again = Compression {
            threads,
            ..compression
        };
        assert_eq!(
            rich().assemble(compression),
            rich().assemble(again),
            "{option}"
        );
    }
}

#[test]
fn lintian_finds_no_error_in_a_plain_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = Plugin::new("1.0-0+deb12u1").file(
        "etc/asterisk/extensions_extra.d/hello.conf",
        0o644,
        "[xivo-extrafeatures]\nexten = 1,1,Playback(hello)\n",
    );
    let path = folder.path().join("hello.deb");
    std::fs::write(&path, plugin.package()).unwrap();
    let mut lintian = Command::new("lintian");
    lintian
        .args(["--allow-root", "--profile", "debian", "--fail-on", "error"])
        .arg(&path);
    run(&mut lintian);
}

#[test]
fn dpkg_verifies_what_it_installed() {
    let package = rich().package();
    crate::deb_fixture::on_a_host(
        &[("one", package)],
        r#"
dpkg -i one.deb
[ -z "$(dpkg --verify $package)" ] || fail "$(dpkg --verify $package)"
echo x >> /usr/bin/hello
dpkg --verify $package | grep -q /usr/bin/hello || fail 'the sums are not used'
[ "$(stat -c %a '/etc/hello/a b.conf')" = 640 ] || fail 'a private file is not private'
"#,
    );
}

/// Has `script` make `/work/out` in a container, and reads what the engine says is there.
fn built_by(script: &str) -> Result<BuildOutput, PayloadError> {
    let image = first_host_image();
    let create = [
        "create",
        "--network",
        "none",
        "--label",
        "plugfarm.test=deb",
        &image,
    ];
    let script = format!("set -e; mkdir -p /work/out/tree; cd /work/out/tree; {script}");
    let id = run(Command::new("docker")
        .args(create)
        .args(["sh", "-c", &script]))
    .stdout;
    let id = String::from_utf8(id).unwrap().trim().to_owned();
    run(Command::new("docker").args(["start", "--attach", &id]));
    let mut copy = Command::new("docker");
    let mut copy = copy
        .args(["cp", &format!("{id}:/work/out"), "-"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut spool = Spool::new(tempfile::tempfile().unwrap());
    let read = read_output(
        copy.stdout.take().unwrap(),
        "out",
        &mut spool,
        &PayloadLimits::default(),
    );
    // The copy breaks off when the reader has refused; that is no failure here.
    copy.wait().unwrap();
    run(Command::new("docker").args(["rm", "--force", &id]));
    read
}

#[test]
fn what_an_engine_returns_is_a_payload() {
    let long = "d".repeat(120);
    let output = built_by(&format!(
        "umask 000; mkdir -p usr/bin etc/{long}; echo hi > etc/{long}/é; echo a > usr/bin/a; ln usr/bin/a usr/bin/b; \
         ln -s /usr/bin/a usr/bin/c; chown 1000:1000 usr/bin/a; chmod 750 usr/bin/a; echo 'archive x.whl' > ../facts"
    ))
    .unwrap();
    let payload = &output.payload;
    assert_eq!(
        output.notes.facts.as_deref(),
        Some(b"archive x.whl\n".as_slice())
    );
    assert_eq!(payload.file(&format!("etc/{long}/é")).unwrap().mode, 0o644);
    assert_eq!(payload.file("usr/bin/a"), payload.file("usr/bin/b"));
    assert_eq!(payload.file("usr/bin/a").unwrap().mode, 0o750);
    let target = "a".to_owned();
    assert_eq!(payload.entries()["usr/bin/c"], Entry::Symlink { target });
}

#[test]
fn what_an_engine_returns_of_a_hostile_tree_is_refused() {
    for (script, entry, rule) in [
        ("mkfifo f", "f", Rule::Kind),
        ("mknod c c 1 3", "c", Rule::Kind),
        ("cp /bin/true s; chmod 4755 s", "s", Rule::SpecialBits),
        ("mkdir t; chmod 1777 t", "t", Rule::SpecialBits),
        ("touch -- -rf", "-rf", Rule::LeadingDash),
        (
            "touch \"$(printf 'a\\nb')\"",
            "a\\nb",
            Rule::ControlCharacter,
        ),
        (
            "touch \"$(printf 'a\\377')\"",
            "out/tree/a\u{fffd}",
            Rule::NotUtf8,
        ),
        ("ln -s ../../../../etc/passwd p", "p", Rule::LinkEscapes),
        ("ln -s /work/out/tree/x p", "p", Rule::LinkIntoBuild),
        ("ln -s /proc/self/fd/0 p", "p", Rule::LinkIntoBuild),
        ("touch ../surprise", "out/surprise", Rule::Unexpected),
        (
            "cd ..; rmdir tree; ln -s /etc tree",
            "out/tree",
            Rule::Unexpected,
        ),
        ("ln -s /etc ../facts", "out/facts", Rule::Kind),
    ] {
        match built_by(script) {
            Err(PayloadError::Refused {
                entry: named,
                rule: broken,
            }) => {
                assert_eq!((named.as_str(), broken), (entry, rule), "{script}");
            }
            other => panic!("{script}: {other:?}"),
        }
    }
}

#[test]
fn a_sparse_file_is_refused_before_it_fills_the_disk() {
    match built_by("truncate -s 3G big") {
        Err(error @ PayloadError::TooLarge { .. }) => {
            assert!(
                error.to_string().starts_with("`big` is over the limit"),
                "{error}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_with_capabilities_is_refused() {
    // setcap is no part of a small image: the attribute is written as it is (VFS_CAP_REVISION_2, cap_net_raw).
    let script = "cp /bin/true s; perl -e 'my ($f, $n, $v) = (\"s\", \"security.capability\", \
                  pack(\"V5\", 0x02000001, 1 << 13, 0, 0, 0)); syscall(188, $f, $n, $v, 20, 0) == 0 or die \"setxattr: $!\"'";
    match built_by(script) {
        Err(PayloadError::Unsafe { reason }) => {
            assert!(reason.contains("capabilities"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_package_of_dpkg_deb_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("ours.deb"), rich().package()).unwrap();
    dpkg_deb(&["--raw-extract", "ours.deb", "tree"], folder);
    for compressor in ["-Znone", "-Zgzip", "-Zxz", "-Zzstd"] {
        dpkg_deb(&[compressor, "--build", "tree", "theirs.deb"], folder);
        let bytes = std::fs::read(folder.join("theirs.deb")).unwrap();
        let (summary, files) = read_files(bytes.as_slice(), &ReadLimits::default()).unwrap();
        assert_eq!(
            summary.control.get("Package"),
            Some(PACKAGE),
            "{compressor}"
        );
        assert!(
            files
                .iter()
                .any(|file| file.path == "usr/share/hello/日本語"),
            "{compressor}"
        );
    }
}
