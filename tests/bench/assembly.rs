//! Package assembly against `dpkg-deb` on the same tree, at equal compressor, level and threads, in turns.
//!
//! Run it with `cargo bench --profile dev --bench assembly`; one JSON object per case goes to standard output. `assemble`
//! starts from a payload that was read, `whole` from the tar that a build leaves behind. `dpkg-deb` starts from a folder
//! and computes neither md5sums nor digests, which the farm's own readings include.
#![allow(
    clippy::unwrap_used,
    reason = "a measurement may stop at the first surprise"
)]

use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plugfarm::deb::Spool;
use plugfarm::deb::control::description;
use plugfarm::deb::package::{Compression, Copyright, Method, PackageSpec, assemble, copyright};
use plugfarm::deb::payload::{PayloadLimits, read_output};
use plugfarm::deb::scripts::ScriptSet;
use plugfarm::model::{Architecture, DebianVersion, Timestamp};

/// How often each program runs in a case.
const ROUNDS: usize = 7;

struct Case {
    name: &'static str,
    megabytes: usize,
    method: Method,
    level: u32,
    threads: u32,
}

const CASES: &[Case] = &[
    Case {
        name: "200 MiB, as the farm does it",
        megabytes: 200,
        method: Method::Zstd,
        level: 9,
        threads: 2,
    },
    Case {
        name: "200 MiB, quick",
        megabytes: 200,
        method: Method::Zstd,
        level: 3,
        threads: 2,
    },
    Case {
        name: "200 MiB, quick, one thread",
        megabytes: 200,
        method: Method::Zstd,
        level: 3,
        threads: 1,
    },
    Case {
        name: "10 MiB, zstd's best",
        megabytes: 10,
        method: Method::Zstd,
        level: 19,
        threads: 2,
    },
    Case {
        name: "1 MiB, xz",
        megabytes: 1,
        method: Method::Xz,
        level: 6,
        threads: 1,
    },
];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = 0;
    for case in CASES {
        if made != case.megabytes {
            make_tree(folder.path(), case.megabytes);
            made = case.megabytes;
        }
        measure(case, folder.path());
    }
}

fn measure(case: &Case, folder: &Path) {
    let (mut theirs, mut ours, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    let mut sizes = (0, 0);
    for _ in 0..ROUNDS {
        theirs.push(dpkg_deb(case, folder));
        let (reading, assembling) = plugfarm(case, folder);
        ours.push(assembling);
        whole.push(reading + assembling);
        sizes = (size(folder, "ours.deb"), size(folder, "theirs.deb"));
    }
    let ratio = |of: &[Duration]| median(of).as_secs_f64() / median(&theirs).as_secs_f64();
    let line = serde_json::json!({
        "case": case.name,
        "samples": { "asked": ROUNDS, "done": theirs.len(), "met": theirs.len() == ROUNDS },
        "level": case.level,
        "threads": case.threads,
        "dpkg_deb_ms": milliseconds(&theirs),
        "assemble_ms": milliseconds(&ours),
        "whole_ms": milliseconds(&whole),
        "assemble_ratio": ratio(&ours),
        "whole_ratio": ratio(&whole),
        "bytes": { "plugfarm": sizes.0, "dpkg_deb": sizes.1 },
    });
    println!("{line}");
}

fn milliseconds(samples: &[Duration]) -> Vec<u128> {
    samples.iter().map(Duration::as_millis).collect()
}

fn median(samples: &[Duration]) -> Duration {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

fn size(folder: &Path, name: &str) -> u64 {
    folder.join(name).metadata().unwrap().len()
}

fn dpkg_deb(case: &Case, folder: &Path) -> Duration {
    let method = match case.method {
        Method::Zstd => "-Zzstd",
        Method::Xz => "-Zxz",
        Method::Gzip => "-Zgzip",
    };
    let mut command = Command::new("dpkg-deb");
    command
        .args(["--root-owner-group", method, &format!("-z{}", case.level)])
        .arg(format!("--threads-max={}", case.threads))
        .args(["--build", "out/tree", "theirs.deb"])
        .current_dir(folder)
        .stdout(Stdio::null());
    let start = Instant::now();
    assert!(command.status().unwrap().success());
    start.elapsed()
}

/// How long reading the build's tar takes, and how long writing the package takes.
fn plugfarm(case: &Case, folder: &Path) -> (Duration, Duration) {
    let start = Instant::now();
    let mut spool = Spool::new(tempfile::tempfile_in(folder).unwrap());
    let tar = BufReader::with_capacity(1 << 20, File::open(folder.join("out.tar")).unwrap());
    let payload = read_output(tar, "out", &mut spool, &PayloadLimits::default())
        .unwrap()
        .payload;
    let reading = start.elapsed();

    let start = Instant::now();
    let mut out = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(folder.join("ours.deb"))
        .unwrap();
    let compression = Compression {
        method: case.method,
        level: case.level,
        threads: NonZeroU32::new(case.threads).unwrap(),
    };
    assemble(&spec(), payload, &mut spool, compression, &mut out).unwrap();
    (reading, start.elapsed())
}

fn spec() -> PackageSpec {
    PackageSpec {
        package: "wazo-plugind-bench-demo".to_owned(),
        version: DebianVersion::new("1.0-0+deb12u1").unwrap(),
        architecture: Architecture::All,
        maintainer: "A Farm <farm@example.org>".to_owned(),
        depends: Vec::new(),
        section: "misc".to_owned(),
        homepage: None,
        fields: Vec::new(),
        description: description("a tree to measure with", "Nobody installs it."),
        scripts: ScriptSet::default(),
        conffiles: Vec::new(),
        changes: vec!["Measured.".to_owned()],
        copyright: copyright(&Copyright::default()),
        time: Timestamp::from_seconds(1_769_860_800),
    }
}

/// A tree of so many mebibytes: a third of it like source text, a third like compiled code, a third incompressible.
fn make_tree(folder: &Path, megabytes: usize) {
    let out = folder.join("out");
    if out.exists() {
        std::fs::remove_dir_all(&out).unwrap();
    }
    let mut random = Random(88_172_645_463_325_252);
    let mut written = 0;
    for number in 0.. {
        let length = 200 + (random.next() % 40) as usize * (random.next() % 5_000) as usize;
        let bytes = match number % 3 {
            0 => text(&mut random, length),
            1 => code(&mut random, length),
            _ => (0..length).map(|_| random.next() as u8).collect(),
        };
        let place = out.join(format!("tree/usr/share/bench/{}", number % 97));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join(format!("file-{number}")), &bytes).unwrap();
        written += bytes.len();
        if written >= megabytes << 20 {
            break;
        }
    }
    let mut tar = Command::new("tar");
    assert!(
        tar.arg("-C")
            .arg(folder)
            .arg("-cf")
            .arg(folder.join("out.tar"))
            .arg("out")
            .status()
            .unwrap()
            .success()
    );
    let control = out.join("tree/DEBIAN");
    std::fs::create_dir(&control).unwrap();
    let paragraph = "Package: wazo-plugind-bench-demo\nVersion: 1.0-0+deb12u1\nArchitecture: all\n\
                     Maintainer: A Farm <farm@example.org>\nDescription: a tree to measure with\n";
    std::fs::write(control.join("control"), paragraph).unwrap();
}

fn text(random: &mut Random, length: usize) -> Vec<u8> {
    const WORDS: &[&str] = &[
        "def ", "return ", "self.", "import ", "plugin", "dialplan", "(", ")", ":\n    ", "\n",
        "=", "config", "'",
    ];
    let mut bytes = Vec::new();
    while bytes.len() < length {
        bytes.extend(WORDS[random.next() as usize % WORDS.len()].bytes());
    }
    bytes
}

fn code(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length)
        .map(|place| {
            if place % 4 == 0 {
                random.next() as u8
            } else {
                (place / 64) as u8 & 15
            }
        })
        .collect()
}

/// Marsaglia's xorshift: the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
