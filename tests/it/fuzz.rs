//! What strangers write, and what becomes of it when it is cut, spliced and bent: the manifest and the tree of a build.
//!
//! The corpora are the fixture plugins and `tests/corpus`. Each run bends them in the same way; `scripts/test --soak` does it
//! far longer. A file that broke something belongs into the corpus.

use std::io::Cursor;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;

use plugfarm::deb::Spool;
use plugfarm::deb::package::Compression;
use plugfarm::deb::payload::{Entry, Payload, PayloadLimits, read_output};
use plugfarm::model::{Finding, Severity};
use plugfarm::plugin::{CheckOptions, Checked, Tree, TreeLimits, check};

use crate::deb_fixture::Plugin;

/// What bent manifests are spliced with: where YAML, Debian's control files and shells change their meaning.
const TOKENS: &[&[u8]] = &[
    b"\n",
    b"\r",
    b"\t",
    b"\0",
    b": ",
    b"- ",
    b"? ",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!str ",
    b"---\n",
    b"...",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b"'",
    b"|\n",
    b">-\n",
    b"#",
    b"%YAML 1.1\n",
    b"\\n",
    b"\\x00",
    b"yes",
    b"010",
    b"1:2",
    b".inf",
    b"~",
    b"$(id)",
    b"(>= 1)",
    b"\xe2\x80\xae",
    b"\xff",
    b"../",
    b"/etc/",
    b"name",
    b"version",
    b"depends",
    b"999999999999999999999",
];

/// How often each corpus is bent.
fn rounds(few: usize) -> usize {
    let many = std::env::var_os("PLUGFARM_SOAK").is_some();
    few * if many { 100 } else { 1 }
}

/// Marsaglia's xorshift: the same bytes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    fn of<'a, T>(&mut self, choice: &'a [T]) -> &'a T {
        &choice[self.below(choice.len())]
    }

    /// One of the corpus, changed in a few places.
    fn bend(&mut self, corpus: &[Vec<u8>], tokens: &[&[u8]]) -> Vec<u8> {
        let mut bytes = self.of(corpus).clone();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(40)).min(bytes.len());
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => drop(bytes.splice(at..end, self.of(tokens).iter().copied())),
                2 => drop(bytes.splice(at..at, self.of(tokens).iter().copied())),
                3 => {
                    let other = self.of(corpus);
                    let from = self.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend(&other[from..]);
                }
                _ => bytes[at..end]
                    .iter_mut()
                    .for_each(|byte| *byte ^= 1 << self.below(8)),
            }
        }
        bytes
    }

    /// One of the corpus, with other bytes in a few places, and whole blocks of another: what follows stays where it is.
    fn overwrite(&mut self, corpus: &[Vec<u8>], tokens: &[&[u8]]) -> Vec<u8> {
        let mut bytes = self.of(corpus).clone();
        for _ in 0..=self.below(3) {
            let block = self.below(bytes.len() / 512) * 512;
            let at = block + self.below(512);
            if self.below(8) == 0 {
                let other = self.of(corpus);
                let from = self.below(other.len() / 512) * 512;
                bytes.splice(block..block + 512, other[from..].iter().copied());
            } else {
                let token = self.of(tokens);
                let end = (at + token.len()).min(bytes.len());
                bytes.splice(at..end, token.iter().copied());
            }
        }
        bytes
    }
}

fn manifests() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let fixtures = fs_err::read_dir(root.join("plugins")).unwrap();
    let fixtures = fixtures.map(|entry| entry.unwrap().path().join("wazo/plugin.yml"));
    let hostile = fs_err::read_dir(root.join("corpus/manifests")).unwrap();
    let mut paths: Vec<_> = fixtures
        .chain(hostile.map(|entry| entry.unwrap().path()))
        .collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
        .iter()
        .map(|path| fs_err::read(path).unwrap())
        .collect()
}

/// Checks a plugin that has nothing but this manifest, and the rules that it needs.
fn checked(manifest: &[u8]) -> Checked {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, mode, bytes) in [
        ("wazo/plugin.yml", 0o644, manifest),
        ("wazo/rules", 0o755, b"#!/bin/sh\nexit 0\n"),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, path, bytes).unwrap();
    }
    let tar = builder.into_inner().unwrap();
    let tree = Tree::read(tar.as_slice(), TreeLimits::default()).unwrap();
    check(&tree, &CheckOptions::default())
}

/// What every answer to every manifest has to be.
fn judge(manifest: &[u8], checked: &Checked) {
    let text = String::from_utf8_lossy(manifest);
    let refused = checked
        .findings
        .iter()
        .any(|finding| finding.severity == Severity::Refuse);
    assert_eq!(checked.plugin.is_none(), refused, "{text:?}");
    let lines = manifest
        .iter()
        .filter(|byte| matches!(byte, b'\n' | b'\r'))
        .count() as u64
        + 1;
    for Finding {
        message,
        fix,
        line,
        file,
        ..
    } in &checked.findings
    {
        let clean = |words: &str| {
            !words.is_empty() && words.len() < 2_000 && !words.contains(char::is_control)
        };
        assert!(
            clean(message) && clean(fix),
            "{text:?}: {message:?} {fix:?}"
        );
        if file.as_deref() == Some("wazo/plugin.yml") {
            assert!(
                line.is_none_or(|line| (1..=lines).contains(&line)),
                "{text:?}: line {line:?}"
            );
        }
    }
    let Some(plugin) = &checked.plugin else {
        return;
    };
    let manifest = &plugin.manifest;
    let package = manifest.id.package();
    assert!(
        package.bytes().all(|byte| byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || b"+-.".contains(&byte))
    );
    let depends = manifest
        .debian_depends
        .iter()
        .chain(&manifest.build_depends)
        .map(ToString::to_string);
    let texts = [
        &manifest.description,
        &manifest.author,
        &manifest.display_name,
        &manifest.license,
    ];
    let mut fields = texts.into_iter().flatten().cloned().chain(depends);
    assert!(
        fields.all(|field| !field.contains(char::is_control)),
        "{text:?}"
    );
}

#[test]
fn a_bent_manifest_is_read_or_refused_with_clean_words() {
    let corpus = manifests();
    assert!(corpus.len() > 50);
    let mut random = Random(88_172_645_463_325_252);
    let mut accepted = 0;
    for manifest in &corpus {
        judge(manifest, &checked(manifest));
    }
    for _ in 0..rounds(4_000) {
        let manifest = random.bend(&corpus, TOKENS);
        let checked = checked(&manifest);
        judge(&manifest, &checked);
        accepted += usize::from(checked.plugin.is_some());
    }
    assert!(
        accepted > 100,
        "only {accepted} were bent so little that they pass"
    );
}

/// Trees as builds leave them behind: each fixture's own files as its payload.
fn outputs() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugins");
    let mut folders: Vec<_> = fs_err::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let tar = |folder: &std::path::PathBuf| {
        let mut builder = tar::Builder::new(Vec::new());
        builder.follow_symlinks(false);
        builder.append_dir("out/tree", folder).unwrap();
        builder
            .append_dir_all("out/tree/usr/share/fixture", folder)
            .unwrap();
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        builder
            .append_link(&mut link, "out/tree/usr/share/link", "fixture/wazo/rules")
            .unwrap();
        link.set_entry_type(tar::EntryType::Link);
        builder
            .append_link(
                &mut link,
                "out/tree/usr/share/hard",
                "out/tree/usr/share/fixture/wazo/rules",
            )
            .unwrap();
        builder.into_inner().unwrap()
    };
    folders.iter().map(tar).collect()
}

/// Makes the checksums of a bent archive right again, or hardly anything would get past them.
fn mend(tar: &mut [u8]) {
    for block in tar.chunks_exact_mut(512) {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        let named = |part: &[u8]| matches!(part, b"ustar\0" | b"ustar ");
        if named(&block[257..263]) {
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
    }
}

#[test]
fn a_bent_tree_is_refused_or_becomes_a_package_that_dpkg_reads() {
    const LIMITS: PayloadLimits = PayloadLimits {
        bytes: 1 << 20,
        file_bytes: 1 << 19,
        entries: 200,
        path_bytes: 300,
        names_bytes: 20_000,
        depth: 12,
        note_bytes: 4_096,
    };
    let corpus = outputs();
    let tokens: Vec<&[u8]> = vec![
        b"../",
        b"/",
        b"\0",
        b"out/tree/",
        b"out/facts",
        b"DEBIAN/postinst",
        b"./",
        b"0000000",
        b"7777777",
        b"\x80\0\0\0\x7f\xff\xff\xff",
        b"1",
        b"2",
        b"5",
        b"x",
        b"g",
        b"L",
        b"K",
        b"S",
        b"30 path=../../etc/passwd\n",
        b"20 size=99999999999\n",
        b"\n",
        b"\xff",
    ];
    let mut random = Random(2_463_534_242);
    let mut read = 0;
    for _ in 0..rounds(3_000) {
        let mut tar = random.overwrite(&corpus, &tokens);
        mend(&mut tar);
        let mut spool = Spool::new(Cursor::new(Vec::new()));
        let Ok(output) = read_output(tar.as_slice(), "out", &mut spool, &LIMITS) else {
            continue;
        };
        within(&output.payload, &LIMITS);
        if read % 40 == 0 {
            dpkg_reads(output.payload, spool);
        }
        read += 1;
    }
    assert!(read > 50, "only {read} were bent so little that they pass");
}

fn within(payload: &Payload, limits: &PayloadLimits) {
    assert!(payload.bytes() <= limits.bytes && payload.entries().len() as u64 <= limits.entries);
    for (path, entry) in payload.entries() {
        let parts = || path.split('/');
        assert!(
            parts().all(|part| !matches!(part, "" | "." | "..")),
            "{path:?}"
        );
        assert!(!path.contains(char::is_control), "{path:?}");
        assert!(
            path.len() as u64 <= limits.path_bytes && parts().count() as u64 <= limits.depth + 1,
            "{path:?}"
        );
        let (Entry::Directory { mode } | Entry::File(plugfarm::deb::payload::File { mode, .. })) =
            entry
        else {
            continue;
        };
        assert_eq!(mode & !0o755, 0, "{path:?} has mode {mode:o}");
    }
}

fn dpkg_reads(payload: Payload, mut spool: Spool<Cursor<Vec<u8>>>) {
    let names = payload.entries().len();
    let folder = tempfile::tempdir().unwrap();
    let deb = folder.path().join("bent.deb");
    let compression = Compression::for_payload(0, NonZeroU32::MIN);
    let (_, bytes) = Plugin::new("1.0").assemble_payload(payload, &mut spool, compression);
    fs_err::write(&deb, bytes).unwrap();
    let listed = Command::new("dpkg-deb")
        .arg("--contents")
        .arg(&deb)
        .output()
        .unwrap();
    assert!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let listed = String::from_utf8_lossy(&listed.stdout).lines().count();
    assert!(listed > names, "{listed} entries listed of {names}");
}
