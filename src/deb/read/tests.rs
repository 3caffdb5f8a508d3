//! Odd archives are refused, bombs are cut short, and no bytes make the reader panic.

use std::io::Write;

use proptest::prelude::*;

use super::*;

/// An ar archive of `members`.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, data) in members {
        bytes.extend(
            format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                0,
                0,
                0,
                "100644",
                data.len()
            )
            .bytes(),
        );
        bytes.extend(*data);
        if data.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

fn tarball(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, data) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        builder.append_data(&mut header, name, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

const CONTROL: &[u8] = b"Package: a\nVersion: 1\n";

fn package() -> Vec<u8> {
    archive(&[
        ("debian-binary", b"2.0\n"),
        (
            "control.tar",
            &tarball(&[("./control", CONTROL), ("./conffiles", b"/etc/a\n")]),
        ),
        ("data.tar", &tarball(&[("./etc/a", b"text")])),
    ])
}

fn summary(bytes: &[u8]) -> Result<Summary, ReadError> {
    read_summary(bytes, &ReadLimits::default())
}

fn message(bytes: &[u8]) -> String {
    match read_files(bytes, &ReadLimits::default()) {
        Err(error) => error.to_string(),
        Ok(read) => panic!("{read:?}"),
    }
}

#[test]
fn a_package_tells_what_it_is_and_holds() {
    let (summary, files) = read_files(package().as_slice(), &ReadLimits::default()).unwrap();
    assert_eq!(summary.control.get("Version"), Some("1"));
    assert_eq!(summary.control_files["conffiles"], b"/etc/a\n");
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].path, "etc/a");
    assert_eq!(files[0].kind, InstalledKind::File(Sha256::of(b"text")));
}

#[test]
fn the_parts_must_be_there_and_in_their_order() {
    let version: (&str, &[u8]) = ("debian-binary", b"2.0\n");
    let control = tarball(&[("./control", CONTROL)]);
    let control: (&str, &[u8]) = ("control.tar", &control);
    let data = tarball(&[]);
    let data: (&str, &[u8]) = ("data.tar", &data);
    let extra: (&str, &[u8]) = ("_gpgorigin", b"x");
    let odd: (&str, &[u8]) = ("extra", b"x");
    assert!(summary(&archive(&[version, control, data])).is_ok());
    assert!(summary(&archive(&[version, extra, control, extra, data, extra])).is_ok());
    for members in [
        &[][..],
        &[version],
        &[version, control],
        &[control, version, data],
        &[version, data, control],
        &[version, control, data, odd],
        &[version, odd, control, data],
        &[version, control, control, data],
        &[("debian-binary", b"3.0\n"), control, data],
        &[version, ("control.tar.bz2", control.1), data],
        &[version, ("control.tarball", control.1), data],
    ] {
        let names: Vec<_> = members.iter().map(|(name, _)| name).collect();
        assert!(
            matches!(summary(&archive(members)), Err(ReadError::Parts { .. })),
            "{names:?}"
        );
    }
}

#[test]
fn odd_archives_are_refused() {
    for (from, to) in [
        ("!<arch>", "!<thin>"),
        ("debian-binary   ", "#1/20           "),
        ("debian-binary   ", "//              "),
        ("debian-binary   ", "debian binary   "),
        ("100644  4         ", "100644  -4        "),
        ("100644  4         ", "100644  +4        "),
        ("100644  4         ", "100644            "),
        ("4         `\n", "4         x\n"),
    ] {
        let bytes = package();
        let place = bytes
            .windows(from.len())
            .position(|window| window == from.as_bytes())
            .unwrap();
        let mut bytes = bytes;
        bytes.splice(place..place + from.len(), to.bytes());
        assert!(
            matches!(summary(&bytes), Err(ReadError::Archive { .. })),
            "{to:?}"
        );
    }
    let whole = package();
    for length in [0, 7, 8, 30, 68, 71, 100, 500, whole.len() - 600] {
        assert!(summary(&whole[..length]).is_err(), "{length}");
    }
}

#[test]
fn control_files_are_plain_files() {
    let with = |files: &[(&str, &[u8])]| {
        let control = tarball(files);
        message(&archive(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &control),
            ("data.tar", &tarball(&[])),
        ]))
    };
    assert!(with(&[]).contains("has no `control`"));
    assert!(with(&[("control", CONTROL), ("./control", CONTROL)]).contains("comes twice"));
    assert!(with(&[("control", CONTROL), ("a/b", b"")]).contains("no plain file"));
    assert!(with(&[("control", b"\xff")]).contains("not UTF-8"));
    assert!(with(&[("control", b"no field")]).contains("control paragraph"));
}

#[test]
fn a_bomb_is_cut_short() {
    let limits = ReadLimits {
        control_bytes: 64 << 10,
        data_bytes: 64 << 10,
        entries: 10,
    };
    let zeros = tarball(&[("./zeros", &vec![0; 1 << 20])]);
    let packed: [(&str, Vec<u8>); 3] = [
        (".zst", zstd::encode_all(zeros.as_slice(), 1).unwrap()),
        (".xz", {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(&zeros).unwrap();
            encoder.finish().unwrap()
        }),
        (".gz", {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&zeros).unwrap();
            encoder.finish().unwrap()
        }),
    ];
    for (ending, bytes) in packed {
        assert!(bytes.len() < 20_000, "{ending}");
        let (control, data) = (format!("control.tar{ending}"), format!("data.tar{ending}"));
        let bomb = archive(&[("debian-binary", b"2.0\n"), (&control, &bytes)]);
        let error = read_summary(bomb.as_slice(), &limits)
            .unwrap_err()
            .to_string();
        assert!(error.contains("larger than allowed"), "{ending}: {error}");
        let plain = tarball(&[("./control", CONTROL)]);
        let bomb = archive(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &plain),
            (&data, &bytes),
        ]);
        let error = read_files(bomb.as_slice(), &limits)
            .unwrap_err()
            .to_string();
        assert!(error.contains("larger than allowed"), "{ending}: {error}");
    }
}

#[test]
fn too_many_entries_are_refused() {
    let names: Vec<String> = (0..11).map(|n| format!("./{n}")).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), b"".as_slice()))
        .collect();
    let control = tarball(&[("./control", CONTROL)]);
    let bytes = archive(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &control),
        ("data.tar", &tarball(&files)),
    ]);
    let limits = ReadLimits {
        entries: 10,
        ..ReadLimits::default()
    };
    let error = read_files(bytes.as_slice(), &limits)
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than 10 entries"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever happens to a valid package, reading it ends, with its parts or with an error.
    #[test]
    fn no_change_to_a_package_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        compressed in any::<bool>(),
    ) {
        let mut bytes = if compressed {
            let control = zstd::encode_all(tarball(&[("./control", CONTROL)]).as_slice(), 1).unwrap();
            let data = zstd::encode_all(tarball(&[("./a", b"x")]).as_slice(), 1).unwrap();
            archive(&[("debian-binary", b"2.0\n"), ("control.tar.zst", &control), ("data.tar.zst", &data)])
        } else {
            package()
        };
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(cut.index(bytes.len()).max(bytes.len() / 2));
        let limits = ReadLimits { control_bytes: 1 << 16, data_bytes: 1 << 16, entries: 10 };
        if let Ok((_, files)) = read_files(bytes.as_slice(), &limits) {
            prop_assert!(files.len() <= 10);
        }
    }
}
