//! The most memory that building a large plugin takes, against `dpkg-deb` on the same tree, at equal compressor, level
//! and threads.
//!
//! Run it with `cargo bench --profile dev --bench memory`; one JSON object goes to standard output. All values are the
//! peak resident size of the largest process, in KiB, as GNU time's `%M` says it; the container's processes belong to
//! the engine and do not count. `small` is a build of helloworld. `dpkg_deb` is nearly all its compressor, so that
//! `beyond_compressor` is what the farm needs for everything else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "a measurement may stop at the first surprise, and tells less than the stories do"
)]

#[path = "../it/farm.rs"]
mod farm;
mod peak;
mod samples;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use farm::{Ran, TestFarm, commit};
use samples::{Rounds, Samples};

/// How often each command runs.
const ROUNDS: usize = 3;

/// The level that the farm compresses a payload of this size with.
const LEVEL: &str = "-z9";

/// Makes 200 MiB, half of it incompressible, half of it text.
const RULES: &str = r#"#!/bin/sh
set -e
case "$1" in
    package)
        folder=$pkgdir/usr/share/plugfarm-bench
        mkdir -p "$folder"
        for i in 0 1 2 3 4 5 6 7 8 9; do
            head -c 10485760 /dev/urandom >"$folder/random-$i"
            seq "${i}000000" "${i}999999" >"$folder/numbers"
            cat "$folder/numbers" "$folder/numbers" | head -c 10485760 >"$folder/text-$i"
        done
        rm "$folder/numbers"
        ;;
esac
"#;

fn main() {
    let farm = TestFarm::new();
    let small_plugin = farm.plugin("helloworld");
    let large_plugin = farm.plugin("make-rules");
    fs::write(large_plugin.join("wazo/rules"), RULES).unwrap();
    commit(&large_plugin, 1_700_000_001);
    let folder = tempfile::tempdir().unwrap();
    let (mut small, mut large, mut dpkg_deb) =
        (Samples::default(), Samples::default(), Samples::default());

    let mut rounds = Rounds::new(ROUNDS);
    while rounds.next().is_some() {
        build(&farm, &small_plugin, folder.path(), &mut small);
        let deb = build(&farm, &large_plugin, folder.path(), &mut large);
        pack(&deb, folder.path(), &mut dpkg_deb);
    }

    let line = json!({
        "bench": "memory",
        "unit": "KiB",
        "payload_mib": 200,
        "samples": rounds.json(),
        "small": small.json(),
        "large": large.json(),
        "dpkg_deb": dpkg_deb.json(),
        "beyond_compressor": large.median() - dpkg_deb.median(),
        "ratio": large.median() / dpkg_deb.median(),
    });
    println!("{line}");
}

/// Builds `plugin`, and returns where the package is.
fn build(farm: &TestFarm, plugin: &Path, folder: &Path, samples: &mut Samples) -> PathBuf {
    let out = folder.join("built");
    let arguments = ["build", plugin.to_str().unwrap(), "--json", "--out"];
    let command = farm.command(&[&arguments[..], &[out.to_str().unwrap()]].concat());
    let report = measured(&command, folder, samples).json();
    let artifacts = report["artifacts"].as_array().unwrap();
    PathBuf::from(artifacts[0]["path"].as_str().unwrap())
}

/// Lets `dpkg-deb` unpack the package and write it again.
fn pack(deb: &Path, folder: &Path, samples: &mut Samples) {
    let tree = folder.join("tree");
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--raw-extract").arg(deb).arg(&tree);
    assert!(unpack.status().unwrap().success());
    let threads = std::thread::available_parallelism().unwrap();
    let mut command = Command::new("dpkg-deb");
    command
        .args(["--root-owner-group", "-Zzstd", LEVEL])
        .arg(format!("--threads-max={threads}"))
        .arg("--build")
        .arg(&tree)
        .arg(folder.join("again.deb"));
    measured(&command, folder, samples);
    fs::remove_dir_all(tree).unwrap();
}

fn measured(command: &Command, folder: &Path, samples: &mut Samples) -> Ran {
    let (output, kib) = peak::peak(command, folder);
    samples.push(kib);
    Ran::from(output).succeeds()
}
