//! What is written reads back, and the same inputs give the same bytes.

use std::io::Cursor;
use std::num::NonZeroU32;

use super::*;
use crate::deb::control::description;
use crate::deb::payload::Payload;
use crate::deb::read::{Installed, InstalledKind, ReadLimits, Summary, read_files};
use crate::deb::spool::Spool;

type TestSpool = Spool<Cursor<Vec<u8>>>;
type Change<'a> = dyn Fn(&mut PackageSpec, &mut Payload, &mut TestSpool) + 'a;

fn spool() -> TestSpool {
    Spool::new(Cursor::new(Vec::new()))
}

fn threads(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

fn spec() -> PackageSpec {
    PackageSpec {
        package: "wazo-plugind-hello-demo".to_owned(),
        version: DebianVersion::new("1.0-0+deb12u1").unwrap(),
        architecture: Architecture::All,
        maintainer: "A Farm <farm@example.org>".to_owned(),
        depends: vec!["a (>= 1)".to_owned(), "b | c".to_owned()],
        section: PLUGIN_SECTION.to_owned(),
        homepage: Some("https://example.org/".to_owned()),
        fields: vec![("Wazo-Plugin".to_owned(), "demo/hello".to_owned())],
        description: description("says hello", "It says hello."),
        scripts: ScriptSet {
            postinst: Some("#!/bin/sh\nset -e\n".to_owned()),
            ..ScriptSet::default()
        },
        conffiles: vec!["/etc/hello.conf".to_owned()],
        changes: vec!["Built from commit 0123.".to_owned()],
        copyright: copyright(&Copyright::default()),
        time: Timestamp::from_seconds(1_769_860_800),
    }
}

fn payload(spool: &mut TestSpool) -> Payload {
    let mut payload = Payload::default();
    payload
        .insert_file("etc/hello.conf", 0o640, b"hello\n", spool)
        .unwrap();
    payload
        .insert_file("usr/bin/hello", 0o755, &[b'x'; 3000], spool)
        .unwrap();
    payload
}

fn assembled(spec: &PackageSpec, compression: Compression) -> (Assembled, Vec<u8>) {
    let mut spool = spool();
    let payload = payload(&mut spool);
    let mut out = Cursor::new(Vec::new());
    let done = assemble(spec, payload, &mut spool, compression, &mut out).unwrap();
    (done, out.into_inner())
}

fn read(bytes: &[u8]) -> (Summary, Vec<Installed>) {
    read_files(bytes, &ReadLimits::default()).unwrap()
}

fn zstd() -> Compression {
    Compression {
        method: Method::Zstd,
        level: 3,
        threads: threads(1),
    }
}

#[test]
fn every_compression_gives_the_same_package() {
    let (_, reference) = assembled(&spec(), zstd());
    for method in [Method::Zstd, Method::Xz, Method::Gzip] {
        let compression = Compression {
            method,
            level: 6,
            threads: threads(2),
        };
        let (done, bytes) = assembled(&spec(), compression);
        assert_eq!(read(&bytes), read(&reference), "{method:?}");
        assert_eq!(done.sha256, crate::model::Sha256::of(&bytes));
        assert_eq!(done.size, bytes.len() as u64);
    }
}

#[test]
fn the_number_of_threads_does_not_change_the_bytes() {
    // At level 1 zstd gives each thread 2 MiB, so that there is work for more than one.
    let large: Vec<u8> = (0_u32..2_500_000)
        .flat_map(|n| (n / 7 * 7919).to_le_bytes())
        .collect();
    let package = |count| {
        let mut spool = spool();
        let mut payload = payload(&mut spool);
        payload
            .insert_file("usr/share/large", 0o644, &large, &mut spool)
            .unwrap();
        let compression = Compression {
            level: 1,
            threads: threads(count),
            ..zstd()
        };
        let mut out = Cursor::new(Vec::new());
        assemble(&spec(), payload, &mut spool, compression, &mut out).unwrap()
    };
    assert_eq!(package(1), package(2));
    assert_eq!(package(1), package(7));
}

#[test]
fn small_payloads_get_what_every_tool_reads() {
    assert_eq!(
        Compression::for_payload(1000, threads(2)).method,
        Method::Xz
    );
    assert_eq!(
        Compression::for_payload(100 << 20, threads(2)).method,
        Method::Zstd
    );
}

#[test]
fn a_package_says_what_its_specification_says() {
    let (summary, _) = read(&assembled(&spec(), zstd()).1);
    insta::assert_snapshot!(summary.control, @r"
    Package: wazo-plugind-hello-demo
    Version: 1.0-0+deb12u1
    Architecture: all
    Maintainer: A Farm <farm@example.org>
    Installed-Size: 12
    Depends: a (>= 1), b | c
    Section: wazo-plugind-plugin
    Priority: optional
    Homepage: https://example.org/
    Wazo-Plugin: demo/hello
    Description: says hello
     It says hello.
    ");
    let text = |name: &str| String::from_utf8(summary.control_files[name].clone()).unwrap();
    assert_eq!(text("conffiles"), "/etc/hello.conf\n");
    assert_eq!(text("postinst"), "#!/bin/sh\nset -e\n");
    let sums = text("md5sums");
    let names: Vec<_> = sums
        .lines()
        .map(|line| line.split_once("  ").unwrap().1)
        .collect();
    let doc = "usr/share/doc/wazo-plugind-hello-demo";
    let expected = [
        "usr/bin/hello".to_owned(),
        format!("{doc}/changelog.Debian.gz"),
        format!("{doc}/copyright"),
    ];
    assert_eq!(names, expected);
}

#[test]
fn everything_belongs_to_root_and_has_the_time_of_the_commit() {
    let (_, files) = read(&assembled(&spec(), zstd()).1);
    assert!(
        files
            .iter()
            .all(|file| (file.uid, file.gid, file.mtime) == (0, 0, 1_769_860_800))
    );
    let find = |path: &str| files.iter().find(|file| file.path == path).unwrap();
    assert_eq!(find("etc/hello.conf").mode, 0o640);
    assert_eq!(find("usr/bin/hello").mode, 0o755);
    assert_eq!(find("").kind, InstalledKind::Directory);
}

#[test]
fn the_content_digest_ignores_the_version_and_nothing_else() {
    let digest = |change: &Change<'_>| {
        let mut spool = spool();
        let mut payload = payload(&mut spool);
        let mut spec = spec();
        change(&mut spec, &mut payload, &mut spool);
        content_digest(&spec, &payload).unwrap()
    };
    let same = digest(&|_, _, _| {});
    let version = DebianVersion::new("2.0-0+deb13u7").unwrap();
    assert_eq!(same, digest(&|spec, _, _| spec.version = version.clone()));
    let changes: &[&Change<'_>] = &[
        &|spec, _, _| spec.depends.clear(),
        &|spec, _, _| spec.conffiles.clear(),
        &|spec, _, _| spec.scripts.prerm = Some("#!/bin/sh\n".to_owned()),
        &|spec, _, _| spec.architecture = Architecture::Amd64,
        &|spec, _, _| spec.copyright.push('x'),
        &|_, payload, spool| payload.insert_file("usr/x", 0o644, b"", spool).unwrap(),
    ];
    for (index, change) in changes.iter().enumerate() {
        assert_ne!(same, digest(change), "{index}");
    }
}

#[test]
fn a_conffile_must_be_a_file_of_the_package() {
    let mut spec = spec();
    spec.conffiles.push("/etc/other".to_owned());
    let mut spool = spool();
    let payload = payload(&mut spool);
    let outcome = assemble(
        &spec,
        payload,
        &mut spool,
        zstd(),
        &mut Cursor::new(Vec::new()),
    );
    assert!(matches!(outcome, Err(AssembleError::Conffile { path }) if path == "/etc/other"));
}

#[test]
fn regular_files_under_etc_are_conffiles_unless_the_plugin_says_otherwise() {
    let mut spool = spool();
    let mut payload = payload(&mut spool);
    payload
        .insert_file("etc/edited.conf", 0o644, b"", &mut spool)
        .unwrap();
    let not = BTreeSet::from(["/etc/edited.conf".to_owned()]);
    assert_eq!(conffiles(&payload, &not), ["/etc/hello.conf"]);
}

fn elf(class: u8, order: u8, machine: [u8; 2]) -> Vec<u8> {
    let mut bytes = b"\x7fELF".to_vec();
    bytes.extend([class, order]);
    bytes.resize(18, 0);
    bytes.extend(machine);
    bytes.resize(64, 0);
    bytes
}

#[test]
fn the_architecture_follows_the_payload() {
    let with = |path: &str, bytes: &[u8]| {
        let mut spool = spool();
        let mut payload = Payload::default();
        payload.insert_file(path, 0o755, bytes, &mut spool).unwrap();
        let foreign = foreign_machines(&payload).next().map(|(_, what)| what);
        (architecture(&payload), foreign)
    };
    let all = (Architecture::All, None);
    let amd64 = (Architecture::Amd64, None);
    assert_eq!(with("usr/bin/a", b"#!/bin/sh\n"), all);
    assert_eq!(with("usr/bin/a", b"\x7fELF"), all);
    assert_eq!(with("usr/bin/a", &elf(2, 1, [62, 0])), amd64);
    assert_eq!(with("usr/lib/x86_64-linux-gnu/a", b""), amd64);
    assert_eq!(with("usr/local/lib/x86_64-linux-gnu/a", b""), amd64);
    assert_eq!(
        with("usr/bin/a", &elf(1, 1, [3, 0])).1.as_deref(),
        Some("ELF machine 3")
    );
    assert_eq!(
        with("usr/bin/a", &elf(2, 1, [183, 0])).1.as_deref(),
        Some("ELF machine 183")
    );
    assert_eq!(
        with("usr/bin/a", &elf(1, 2, [0, 8])).1.as_deref(),
        Some("ELF machine 8")
    );
    let firmware = with("usr/share/x/phone.rom", &elf(1, 1, [40, 0]));
    assert_eq!(firmware.0, Architecture::All, "data runs nowhere");
    let arm = with("usr/lib/aarch64-linux-gnu/a", b"");
    assert_eq!(arm.1.as_deref(), Some("aarch64-linux-gnu"));
}

#[test]
fn a_package_that_is_packed_again_has_another_version_and_the_same_payload() {
    for method in [Method::Zstd, Method::Xz, Method::Gzip] {
        let (_, old) = assembled(&spec(), Compression { method, ..zstd() });
        let version = DebianVersion::new("2.0-0+deb12u1+really1.0").unwrap();
        let again = |deb: &[u8]| {
            let mut out = Cursor::new(Vec::new());
            let repacked = repack(deb, &version, spec().time, &mut out).unwrap();
            (repacked, out.into_inner())
        };
        let (repacked, new) = again(&old);
        assert_eq!(
            again(&old),
            (repacked.clone(), new.clone()),
            "the same bytes"
        );
        assert_eq!(
            again(&new),
            (repacked.clone(), new.clone()),
            "twice is once"
        );
        assert_eq!(repacked.sha256, crate::model::Sha256::of(&new));
        assert_eq!(repacked.size, new.len() as u64);
        let ((before, files), (after, again)) = (read(&old), read(&new));
        assert_eq!(files, again);
        assert_eq!(after.control.get("Version"), Some(version.as_str()));
        assert_eq!(after.control, repacked.control);
        let others = |summary: &Summary| {
            let fields = summary
                .control
                .fields()
                .filter(|(name, _)| *name != "Version");
            let fields: Vec<_> = fields.map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
            let mut files = summary.control_files.clone();
            files.remove("control");
            (fields, files)
        };
        assert_eq!(others(&before), others(&after));
    }
}

#[test]
fn what_is_no_package_is_not_packed_again() {
    let (_, old) = assembled(&spec(), zstd());
    let version = DebianVersion::new("2").unwrap();
    for end in [0, 8, 100, old.len() / 2, old.len() - 1] {
        let refused = repack(
            &old[..end],
            &version,
            spec().time,
            &mut Cursor::new(Vec::new()),
        );
        assert!(refused.is_err(), "{end}");
    }
}
