//! What fails, and how the farm says it: every failing, silent and hostile fixture.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use serde_json::Value;

use crate::farm::{Ran, TestFarm, docker};

/// Limits under which every resource hog ends in seconds.
const LIMITS: &str = "limits: {memory: 128MiB, processes: 64, disk: 64MiB, inodes: 2000, log: 256KiB, \
                      total_time: 90s, silence_time: 15s}";

/// A fixture and how it fails: stage, code, what the message names, what a line of the log says (if any tells).
type Failing = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// What fails before a container starts.
const CHECKS: &[Failing] = &[
    (
        "helloworld-legacy",
        "check",
        "check-refused",
        "package.yml",
        "",
    ),
    ("postrm-missing", "check", "check-refused", "wazo/rules", ""),
    (
        "subdirectory",
        "check",
        "check-refused",
        "plugins/inner",
        "",
    ),
];

/// What fails by itself.
const RULES: &[Failing] = &[
    (
        "failing-build",
        "build",
        "rules-exit",
        "status 7",
        "fixture: no compiler for this",
    ),
    (
        "failing-package",
        "package",
        "rules-exit",
        "status 1",
        "cp: cannot stat 'no-such-file'",
    ),
];

/// What is not allowed into a package, whoever asks.
const OUTPUT: &[Failing] = &[
    (
        "absolute-symlink",
        "inspect",
        "output-unsafe",
        "etc/wazo-fixtures/leak",
        "",
    ),
    (
        "debian-folder",
        "inspect",
        "output-unsafe",
        "DEBIAN/postinst",
        "",
    ),
    (
        "device",
        "inspect",
        "output-unsafe",
        "var/lib/wazo-fixtures/null",
        "",
    ),
    (
        "escaping-symlink",
        "inspect",
        "output-unsafe",
        "etc/wazo-fixtures/link",
        "",
    ),
    (
        "fifo",
        "inspect",
        "output-unsafe",
        "var/lib/wazo-fixtures/pipe",
        "",
    ),
    (
        "reserved-path",
        "inspect",
        "output-unsafe",
        "fixtures/reserved-path/wazo/rules",
        "",
    ),
    (
        "setuid",
        "inspect",
        "output-unsafe",
        "usr/bin/fixture-setuid",
        "",
    ),
];

/// What takes more than it may.
const RESOURCES: &[Failing] = &[
    (
        "disk-hog",
        "build",
        "disk",
        "64.0 MiB",
        "File size limit exceeded",
    ),
    (
        "fork-storm",
        "build",
        "processes",
        "more than 64 processes",
        "Resource temporarily unavailable",
    ),
    ("inode-hog", "build", "inodes", "2000 files", ""),
    ("log-flood", "build", "log-limit", "256.0 KiB", "xxxxxxxx"),
    ("memory-hog", "build", "oom", "128.0 MiB", ""),
    ("silence", "build", "timeout-silent", "15 s", ""),
];

/// What exits with 0 and yet did not do its work: what the message names, what a line of the log says, and the codes
/// that let it pass.
const HELD: &[(&str, &str, &str, &[&str])] = &[
    ("empty-payload", "payload-empty", "", &["payload-empty"]),
    ("new-toplevel", "wazo_fixture", "", &["payload-top-level"]),
    (
        "silent-download",
        "usr/bin/fixture-tool",
        "",
        &["payload-empty-executable"],
    ),
    (
        "silent-glob",
        "dist/fixture_silent_glob-1.0.0",
        "tar: dist/fixture-silent-glob-*.tar.gz: Cannot open",
        &["payload-archive-lost", "payload-log-failure"],
    ),
];

#[test]
fn what_the_checks_refuse_never_starts() {
    each_fails(CHECKS);
}

#[test]
fn rules_that_fail_are_told_by_their_own_words() {
    each_fails(RULES);
}

#[test]
fn what_no_package_may_hold_is_refused_by_name() {
    each_fails(OUTPUT);
}

#[test]
fn what_takes_too_much_is_stopped_and_told_the_limit() {
    each_fails(RESOURCES);
}

fn each_fails(fixtures: &[Failing]) {
    let farm = TestFarm::with_config(LIMITS);
    for (name, stage, code, offender, line) in fixtures {
        let ran = build(&farm, &farm.plugin(name), &["--publish"]);
        let report = fails(&farm, name, &ran, line);
        assert_eq!(
            (&report["stage"], &report["code"]),
            (&Value::from(*stage), &Value::from(*code)),
            "{name}: {report:#}"
        );
        says(&report, name, offender);
    }
}

#[test]
fn what_looks_wrong_is_held_until_it_is_allowed_by_name() {
    let farm = TestFarm::new();
    for (name, offender, line, codes) in HELD {
        let plugin = farm.plugin(name);
        let report = fails(&farm, name, &build(&farm, &plugin, &["--publish"]), line);
        assert_eq!(report["stage"], "inspect", "{name}");
        assert_eq!(report["code"], "payload-held", "{name}");
        says(&report, name, offender);
        let hint = report["hint"].as_str().unwrap();
        for code in *codes {
            assert!(hint.contains(&format!("--allow {code}")), "{name}: {hint}");
        }

        let allow: Vec<_> = codes.iter().flat_map(|code| ["--allow", code]).collect();
        for missing in 0..codes.len() {
            let mut fewer = allow.clone();
            fewer.drain(2 * missing..2 * missing + 2);
            assert_eq!(
                build(&farm, &plugin, &fewer).code,
                1,
                "{name} with {fewer:?}"
            );
        }
        let report = build(&farm, &plugin, &allow).succeeds().json();
        assert_eq!(
            allowed(&report),
            *codes,
            "{name}: the evidence records what was allowed"
        );
    }
}

#[test]
fn what_is_refused_cannot_be_allowed() {
    let farm = TestFarm::new();
    for (name, code) in [
        ("debian-folder", "payload-control-folder"),
        ("reserved-path", "payload-plugind-folder"),
        ("postrm-missing", "rules-postrm-missing"),
    ] {
        let plugin = farm.plugin(name);
        let allowed = build(&farm, &plugin, &["--allow", code]);
        assert_eq!(allowed.code, 2, "{name}: {}", allowed.stderr);
        let ran = build(&farm, &plugin, &[]);
        let report = fails(&farm, name, &ran, "");
        assert!(
            !report["hint"].as_str().unwrap().contains("--allow"),
            "{report:#}"
        );
    }
}

#[test]
fn a_person_reads_whose_fault_it_is_and_what_to_do() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("failing-build");
    let ran = farm.run(&["build", plugin.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    for words in [
        "build failed [rules-exit] `wazo/rules build` exited with status 7",
        "fixture: no compiler for this",
        "whose fault: the plugin's",
        "what to do:",
        "whole log:",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
}

fn build(farm: &TestFarm, plugin: &Path, more: &[&str]) -> Ran {
    farm.run(&[&["build", plugin.to_str().unwrap(), "--json"], more].concat())
}

/// What holds for every failure of a plugin; returns the report.
fn fails(farm: &TestFarm, name: &str, ran: &Ran, line: &str) -> Value {
    let report = ran.json();
    assert_eq!(
        (ran.code, &report["outcome"]),
        (1, &Value::from("failed")),
        "{name}: {report:#}"
    );
    assert_eq!(report["blame"], "partner", "{name}: {report:#}");
    assert!(
        !report["hint"].as_str().unwrap().is_empty(),
        "{name}: {report:#}"
    );
    assert_eq!(report["artifacts"], Value::Array(Vec::new()), "{name}");
    nothing_is_published(farm);
    assert_eq!(containers(farm), [""; 0], "{name}");

    let log = Path::new(report["log"].as_str().unwrap());
    let kept = fs::read_to_string(log).unwrap();
    let lines = report["lines"].as_array().unwrap();
    for shown in lines {
        let number = usize::try_from(shown["number"].as_u64().unwrap()).unwrap();
        assert_eq!(
            kept.lines().nth(number - 1),
            shown["text"].as_str(),
            "{name}"
        );
    }
    let tells = |shown: &Value| shown["text"].as_str().unwrap().contains(line);
    assert!(
        line.is_empty() || lines.iter().any(tells),
        "{name}: {report:#}"
    );
    let beside = fs::read_dir(log.parent().unwrap()).unwrap().count();
    assert_eq!(
        beside, 1,
        "{name}: of a failed attempt only the log is kept"
    );
    report
}

fn says(report: &Value, name: &str, words: &str) {
    let message = report["message"].as_str().unwrap();
    assert!(message.contains(words), "{name}: {message}");
}

/// What the signed statement of a build says was allowed.
fn allowed(report: &Value) -> Vec<String> {
    let paths = report["artifacts"].as_array().unwrap().iter();
    let mut paths = paths.map(|artifact| artifact["path"].as_str().unwrap());
    let statement = paths.find(|path| path.ends_with(".intoto.jsonl")).unwrap();
    let envelope: Value = serde_json::from_str(&fs::read_to_string(statement).unwrap()).unwrap();
    let payload = STANDARD
        .decode(envelope["payload"].as_str().unwrap())
        .unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    let allow = &statement["predicate"]["buildDefinition"]["externalParameters"]["allow"];
    let codes = allow.as_array().unwrap_or_else(|| panic!("{statement:#}"));
    codes
        .iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn nothing_is_published(farm: &TestFarm) {
    let shown = farm.run(&["repo", "show", "--json"]).succeeds().json();
    assert_eq!(shown["suites"], Value::Array(Vec::new()));
}

/// The containers of this farm, whatever their state.
pub(crate) fn containers(farm: &TestFarm) -> Vec<String> {
    let instance = fs::read_to_string(farm.data().join("instance")).unwrap();
    let filter = format!("--filter=label=farm.instance={}", instance.trim());
    let listed = docker(&["ps", "--all", "--quiet", &filter])
        .succeeds()
        .stdout;
    listed.lines().map(str::to_owned).collect()
}
