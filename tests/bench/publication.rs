//! Adding one package to a repository of N with reprepro, aptly and apt-ftparchive.
//!
//! Run it with `cargo bench --profile dev --bench publication -- 1000 10000`; one JSON object per N goes to standard output.
//! Each program gets the same packages and signs with the same key, with the indices that it makes by default: reprepro gz;
//! aptly gz, bz2 and by-hash; apt-ftparchive, with its cache, what a person adds, gz and xz.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "a measurement may stop at the first surprise, and tells less than the stories do"
)]

mod samples;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use samples::{Rounds, Samples};
use serde_json::{Map, Value, json};

/// How often one more package is added.
const ROUNDS: usize = 7;

/// How many packages a program is told of at once.
const BATCH: usize = 1_000;

fn main() {
    let mut sizes: Vec<usize> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000];
    }
    for size in sizes {
        println!("{}", measure(size));
    }
}

type Add = fn(&Workshop, &[PathBuf]);

fn measure(size: usize) -> Value {
    let workshop = Workshop::new();
    let debs: Vec<_> = (0..size + ROUNDS)
        .map(|number| workshop.deb(number))
        .collect();
    let (first, more) = debs.split_at(size);
    let peers: [(&str, Add); 3] = [
        ("reprepro", reprepro),
        ("aptly", aptly),
        ("apt_ftparchive", apt_ftparchive),
    ];
    let mut results = Map::new();
    for (name, add) in peers {
        let start = Instant::now();
        add(&workshop, first);
        let load = start.elapsed();
        let (mut rounds, mut samples) = (Rounds::new(ROUNDS), Samples::default());
        while let Some(round) = rounds.next() {
            samples.push_time(time(|| add(&workshop, &more[round - 1..round])));
        }
        let result = json!({
            "load_s": load.as_secs_f64(),
            "add_one_ms": samples.json(),
            "samples": rounds.json(),
        });
        results.insert(name.to_owned(), result);
    }
    json!({ "packages": size, "programs": results })
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// A folder with packages, a key, and the repositories of every program.
struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        let workshop = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["gnupg", "debs", "reprepro/conf", "archive/pool"] {
            std::fs::create_dir_all(workshop.path(name)).unwrap();
        }
        let generate =
            "--batch --passphrase= --quick-generate-key bench@example.org ed25519 sign never";
        workshop.run("chmod", &["700", "gnupg"]);
        workshop.run("gpg", &generate.split(' ').collect::<Vec<_>>());
        let distributions = "Codename: bench\nComponents: main\nArchitectures: amd64\nSignWith: bench@example.org\n";
        std::fs::write(workshop.path("reprepro/conf/distributions"), distributions).unwrap();
        let config = json!({ "rootDir": workshop.path("aptly"), "architectures": ["amd64"] });
        std::fs::write(workshop.path("aptly.conf"), config.to_string()).unwrap();
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a program, which must succeed; gives what it said.
    fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("GNUPGHOME", self.path("gnupg"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
        output.stdout
    }

    /// A small package, whose paragraph in the index has some 790 bytes, as those of Debian have on average.
    fn deb(&self, number: usize) -> PathBuf {
        let words = [
            "call", "queue", "phone", "record", "route", "dial", "meeting", "agent",
        ];
        let word =
            |place: usize| words[(number / 8usize.pow(place as u32 % 5) + place) % words.len()];
        let text: Vec<_> = (0..32).map(word).collect();
        let (name, maker) = (
            format!("wazo-plugind-{}-{}{number}", word(0), word(1)),
            word(2),
        );
        let control = format!(
            "Package: {name}\nVersion: 1.{}.{}-0+deb12u1\nArchitecture: all\nMaintainer: {maker} <{maker}{}@example.org>\n\
             Installed-Size: {}\nDepends: wazo-plugind, python3-{}, wazo-{}\nSection: wazo-plugind-plugin\n\
             Priority: optional\nHomepage: https://git.example.org/{maker}/{name}\nDescription: {} for {}\n {}\n {}\n",
            number % 9,
            number % 31,
            number % 100,
            10 + number % 4_000,
            word(3),
            word(4),
            word(0),
            word(1),
            text[..16].join(" "),
            text[16..].join(" ")
        );
        let content = format!("usr/share/doc/{name}/README");
        let members = [
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar.gz", tar("control", control.as_bytes())),
            ("data.tar.gz", tar(&content, name.as_bytes())),
        ];
        let mut bytes = b"!<arch>\n".to_vec();
        for (member, content) in members {
            let size = content.len();
            bytes.extend(
                format!(
                    "{member:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
                    0, 0, 0, 100_644
                )
                .bytes(),
            );
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        }
        let path = self.path(&format!("debs/{name}_{number}_all.deb"));
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// A compressed archive of one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive
        .append_data(&mut header, format!("./{name}"), content)
        .unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

fn words(debs: &[PathBuf]) -> Vec<&str> {
    debs.iter().map(|deb| deb.to_str().unwrap()).collect()
}

fn reprepro(workshop: &Workshop, debs: &[PathBuf]) {
    for batch in debs.chunks(BATCH) {
        let mut arguments = vec!["--silent", "-b", "reprepro", "includedeb", "bench"];
        arguments.extend(words(batch));
        workshop.run("reprepro", &arguments);
    }
}

fn aptly(workshop: &Workshop, debs: &[PathBuf]) {
    let aptly = |arguments: &[&str]| {
        workshop.run("aptly", &[&["-config=aptly.conf"][..], arguments].concat());
    };
    let fresh = !workshop.path("aptly").exists();
    if fresh {
        aptly(&["repo", "create", "bench"]);
    }
    for batch in debs.chunks(BATCH) {
        aptly(&[&["repo", "add", "bench"][..], &words(batch)].concat());
    }
    if fresh {
        let publish = "publish repo -batch -skip-contents -distribution=bench bench";
        aptly(&publish.split(' ').collect::<Vec<_>>());
    } else {
        aptly(&["publish", "update", "-batch", "-skip-contents", "bench"]);
    }
}

fn apt_ftparchive(workshop: &Workshop, debs: &[PathBuf]) {
    let pool = workshop.path("archive/pool");
    for deb in debs {
        let name = deb.file_name().unwrap();
        std::fs::hard_link(deb, Path::new(&pool).join(name)).unwrap();
    }
    let script = "cd archive
        apt-ftparchive --db cache.db packages pool >Packages
        gzip -9nkf Packages
        xz -6kf Packages
        rm -f Release InRelease
        apt-ftparchive release . >../Release
        mv ../Release Release
        gpg --batch --yes --clearsign --output InRelease Release";
    workshop.run("sh", &["-e", "-c", script]);
}
