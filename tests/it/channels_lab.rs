//! A farm with channels, driven through the real program, whose packages no build made.

use std::path::PathBuf;

use plugfarm::model::{FarmName, Target};
use plugfarm::sign::Keys;

use crate::farm::{Host, Ran, TestFarm};
use crate::repo_lab::{Package, clock, make};

pub(crate) const PACKAGE: &str = "wazo-plugind-hello-demo";

/// A farm whose packages no build made: its channels are what this is about.
pub(crate) struct Farm {
    pub(crate) farm: TestFarm,
    keys: Keys,
}

impl Farm {
    pub(crate) fn new(settings: &str) -> Self {
        let farm = TestFarm::with_repository(settings);
        fs_err::create_dir_all(farm.data()).unwrap();
        let folder = farm.data().join("keys");
        let keys = Keys::open_or_create(&folder, &FarmName::local(), clock).unwrap();
        Self { farm, keys }
    }

    pub(crate) fn two_channels() -> Self {
        Self::new(", channels: [testing, stable]")
    }

    pub(crate) fn make(&self, package: &Package) -> PathBuf {
        make(&self.farm.data().join("out"), package, &self.keys)
    }

    pub(crate) fn publish(&self, package: &Package, more: &[&str]) -> PathBuf {
        let deb = self.make(package);
        let arguments = [&["publish", deb.to_str().unwrap()], more].concat();
        self.farm.run(&arguments).succeeds();
        deb
    }

    /// Runs a command as somebody, with a reason.
    pub(crate) fn decide(&self, arguments: &[&str]) -> Ran {
        let more = ["--by", "alice", "--reason", "because", "--json"];
        self.farm.run(&[arguments, &more].concat())
    }

    /// Runs a command as somebody, and kills it at its `n`th rename; gives whether that killed it.
    pub(crate) fn killed_at(&self, n: usize, arguments: &[&str]) -> bool {
        let inject = format!("inject=renameat:signal=KILL:when={n}");
        let options = ["-o/dev/null", "-e", "trace=renameat", "-e", &inject];
        let arguments = [arguments, &["--by", "alice"]].concat();
        let mut strace = self.farm.traced(&options, &arguments);
        !strace.output().unwrap().status.success()
    }

    /// What a suite has, as `package version`.
    pub(crate) fn has(&self, suite: &str) -> Vec<String> {
        let shown = self.farm.run(&["repo", "show", "--json"]).succeeds().json();
        let suites = shown["suites"].as_array().unwrap().clone();
        let found = suites.into_iter().find(|one| one["suite"] == suite);
        let Some(found) = found else {
            return Vec::new();
        };
        let packages = found["packages"].as_array().unwrap().iter();
        packages
            .filter(|one| one["package"] == PACKAGE)
            .map(|one| one["version"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn is_sound(&self) {
        let checked = self.farm.run(&["repo", "check", "--json"]).json();
        assert_eq!(checked["problems"], serde_json::json!([]));
    }
}

pub(crate) fn hello(version: &str, target: Target) -> Package {
    // Another version is another commit.
    let commit = version.bytes().fold(0, |sum, byte| sum + u32::from(byte)) % 16;
    Package::new("hello", version).with(|package| {
        package.target = target;
        package.commit = char::from_digit(commit, 16).unwrap();
    })
}

pub(crate) fn packaged(version: &str, target: Target) -> String {
    format!("{version}-0+deb{}u1", target.release())
}

pub(crate) fn code(ran: &Ran) -> (i32, String) {
    (ran.code, ran.json()["code"].as_str().unwrap().to_owned())
}

pub(crate) fn candidate(host: &Host) -> String {
    let policy = host.run(&format!("apt-cache policy {PACKAGE}")).succeeds();
    let line = policy
        .stdout
        .lines()
        .find(|line| line.contains("Candidate:"));
    line.map_or(String::new(), |line| {
        line.replace("Candidate:", "").trim().to_owned()
    })
}

pub(crate) fn installed(host: &Host) -> String {
    let query = format!("dpkg-query --show --showformat '${{Version}}' {PACKAGE}");
    host.run(&query).succeeds().stdout
}

/// The host sees what the farm has published by now.
pub(crate) fn follow(host: &Host, farm: &Farm) {
    host.serve(&farm.farm);
    host.run("apt-get update --error-on=any").succeeds();
}

pub(crate) fn upgrade(host: &Host, farm: &Farm) {
    follow(host, farm);
    host.run("apt-get upgrade --yes").succeeds();
    host.is_healthy();
}
