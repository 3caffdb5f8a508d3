//! The life of every friendly fixture on a host: one publication holds them all, and one clean host per target installs,
//! upgrades, removes, reinstalls and purges them with real apt.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::Value;

use crate::farm::{Host, TestFarm, commit};

/// A fixture, what `build` needs to know of it, and what holds on the host while it is installed.
struct Fixture {
    name: &'static str,
    arguments: &'static [&'static str],
    manifest: &'static str,
    holds: &'static str,
}

const fn fixture(name: &'static str, holds: &'static str) -> Fixture {
    Fixture {
        name,
        arguments: &[],
        manifest: "wazo/plugin.yml",
        holds,
    }
}

/// Whether the host's Python finds a module.
macro_rules! module {
    ($name:literal) => {
        concat!(
            "cd / && PYTHONDONTWRITEBYTECODE=1 python3 -c 'import ",
            $name,
            "'"
        )
    };
}

const FIXTURES: &[Fixture] = &[
    fixture(
        "asterisk-files",
        "test -s /etc/asterisk/extensions_extra.d/fixture-asterisk.conf &&
         test -s /etc/asterisk/queues.d/50-fixture.conf &&
         test -x /var/lib/asterisk/agi-bin/fixture.sh &&
         test $(stat -c %s /usr/share/asterisk/sounds/fr/fixture.sln) = 320",
    ),
    fixture(
        "bash-rules",
        "test -s /etc/wazo-fixtures/one.conf && test -s /etc/wazo-fixtures/two.conf",
    ),
    fixture(
        "build-depends",
        "grep tig /usr/share/wazo-fixtures/tig-version && ! command -v tig",
    ),
    fixture(
        "configuration",
        "test -s /etc/wazo-calld/conf.d/50-fixture.yml &&
         test -s /etc/wazo-webhookd/conf.d/50-fixture.yml &&
         grep true /etc/wazo-fixtures/state.yml &&
         ! grep false /etc/wazo-fixtures/state.yml",
    ),
    // What its processes would have written after their steps is not there.
    fixture(
        "daemon",
        "test -s /etc/wazo-fixtures/daemon.conf &&
         ! grep late /etc/wazo-fixtures/daemon.conf && ! test -e /late",
    ),
    fixture("depends", "test -s /etc/wazo-fixtures/depends.conf"),
    // Had anything of the sandbox given way, the build would have failed.
    fixture("escape", "grep contained /usr/share/wazo-fixtures/escape"),
    fixture(
        "hardlinks",
        "cd /usr/share/wazo-fixtures && test -s first && cmp first second &&
         ! test first -ef second",
    ),
    Fixture {
        arguments: &["--namespace", "demo"],
        manifest: "package.yml",
        ..fixture(
            "helloworld-legacy",
            "grep '\\*\\*\\*42' /etc/asterisk/extensions_extra.d/helloworld.conf",
        )
    },
    // Only fakeroot believed that it was given away.
    fixture(
        "lost-owner",
        "test $(stat -c %U /etc/wazo-fixtures/lost-owner.conf) = root",
    ),
    fixture(
        "native",
        "fixture-native &&
         test $(dpkg-query --show --showformat '${Architecture}' wazo-plugind-native-fixtures) = amd64",
    ),
    fixture(
        "phone-provisioning",
        "cd /var/lib/wazo-provd/plugins/fixture-phone && test -s entry.py && test -s plugin-info &&
         test $(stat -c %U templates/base.tpl) = wazo-provd",
    ),
    fixture(
        "postrm",
        "test -s /etc/wazo-fixtures/postrm.conf && grep -x installed /var/lib/wazo-fixtures/postrm",
    ),
    fixture(
        "python-bdist",
        concat!(
            "test -s /etc/wazo-calld/conf.d/50-fixture-bdist.yml && ",
            module!("fixture_bdist")
        ),
    ),
    fixture("python-rules", "test -s /usr/share/wazo-fixtures/greeting.txt"),
    fixture("python-wheel", module!("fixture_wheel")),
    fixture(
        "root-owner",
        "test $(stat -c %a /etc/wazo-fixtures/root-owner.conf) = 640",
    ),
    Fixture {
        arguments: &["--subdirectory", "plugins/inner"],
        manifest: "plugins/inner/wazo/plugin.yml",
        ..fixture(
            "subdirectory",
            "test -s /etc/wazo-fixtures/subdirectory.conf",
        )
    },
    fixture("tests-package", module!("fixture_tests")),
    fixture(
        "unicode-names",
        "cd /usr/share/wazo-fixtures/日本 && test -e données-été.txt && test -e приве́т-🎉.txt",
    ),
    fixture("wazo-auth", "test -s /etc/wazo-auth/conf.d/50-fixture-auth.yml"),
    fixture("wazo-calld", "test -s /etc/wazo-calld/conf.d/50-fixture-calld.yml"),
    fixture("wazo-confd", "test -s /etc/wazo-confd/conf.d/50-fixture-confd.yml"),
    fixture(
        "wazo-confgend",
        "test -s /etc/wazo-confgend/conf.d/50-fixture-confgend.yml",
    ),
    fixture("wazo-dird", "test -s /etc/wazo-dird/conf.d/50-fixture-dird.yml"),
    fixture("wazo-versions", "test -s /etc/wazo-fixtures/wazo-versions.conf"),
];

/// What the plugins' `install` steps call, each once.
const CALLS: &str = "\
asterisk -x dialplan reload
asterisk -x dialplan reload
systemctl restart wazo-auth
systemctl restart wazo-calld
systemctl restart wazo-calld
systemctl restart wazo-calld wazo-webhookd
systemctl restart wazo-confd
systemctl restart wazo-confgend
systemctl restart wazo-dird
systemctl restart wazo-provd
";

/// Every path on a host that a plugin could leave behind.
const EVERYTHING: &str = "find / -xdev \\( -path /proc -o -path /sys -o -path /srv -o -path /tmp -o \
     -path /var/lib/apt -o -path /var/cache -o -path /var/log -o -path '/var/lib/dpkg/*-old' \\) -prune -o -print | sort";

#[test]
fn every_fixture_lives_and_dies_on_bookworm() {
    live_and_die("bookworm");
}

#[test]
fn every_fixture_lives_and_dies_on_trixie() {
    live_and_die("trixie");
}

fn live_and_die(target: &str) {
    let farm = TestFarm::new();
    let folders: Vec<_> = FIXTURES
        .iter()
        .map(|fixture| farm.plugin(fixture.name))
        .collect();
    let packages = publish_all(&farm, &folders, target);
    let host = Host::new(&farm, target);
    for command in ["asterisk", "systemctl"] {
        host.stub(command);
    }
    let before = host.run(EVERYTHING).succeeds().stdout;
    let install = format!("apt-get install --yes {}", packages.join(" "));

    host.run(&install).succeeds();
    assert_eq!(host.run("sort /tmp/calls").stdout, CALLS);
    is_well_installed(&host, &packages);
    let files = files(&host, &packages);

    for (fixture, folder) in FIXTURES.iter().zip(&folders) {
        bump(&folder.join(fixture.manifest));
        commit(folder, 1_700_000_100);
    }
    assert_eq!(publish_all(&farm, &folders, target), packages);
    host.serve(&farm);
    let upgraded = host.run("apt-get update --error-on=any && apt-get upgrade --yes");
    let counted = format!(
        "{} upgraded, 0 newly installed, 0 to remove",
        packages.len()
    );
    let upgraded = upgraded.succeeds().stdout;
    assert!(upgraded.contains(&counted), "{upgraded}");
    is_well_installed(&host, &packages);

    let remove = format!("apt-get remove --yes {}", packages.join(" "));
    host.run(&remove).succeeds();
    let left = host.run(&format!("ls -d {files} 2>/dev/null")).stdout;
    assert_eq!(
        left, "",
        "a removed plugin's files are gone, its configuration too"
    );
    host.is_healthy();

    host.run(&install).succeeds();
    is_well_installed(&host, &packages);
    host.run(&remove).succeeds();
    let purge = format!("apt-get purge --yes {}", packages.join(" "));
    host.run(&purge).succeeds();
    host.is_healthy();
    let after = host.run(EVERYTHING).succeeds().stdout;
    let left: Vec<_> = after
        .lines()
        .filter(|path| !before.lines().any(|other| other == *path))
        .collect();
    assert_eq!(left, [""; 0], "a purge leaves nothing behind");
    let gone: Vec<_> = before
        .lines()
        // dpkg takes a folder that no other package has away with its last file; Debian's Python makes these by hand.
        .filter(|path| !path.starts_with("/usr/local/lib"))
        .filter(|path| !after.lines().any(|other| other == *path))
        .collect();
    assert_eq!(gone, [""; 0], "and takes nothing else away");
}

/// Builds each folder and publishes all packages at once; the packages' names.
fn publish_all(farm: &TestFarm, folders: &[PathBuf], target: &str) -> Vec<String> {
    let fixtures: Vec<_> = FIXTURES.iter().zip(folders).collect();
    // Builds mostly wait for the engine, so some run at once.
    let built: Vec<Value> = thread::scope(|scope| {
        let build_some = |some| {
            let build = |(fixture, folder): &(&Fixture, &PathBuf)| {
                let build = ["build", text(folder), "--target", target, "--json"];
                let report = farm.run(&[&build, fixture.arguments].concat());
                report.succeeds().json()
            };
            scope.spawn(move || -> Vec<Value> { <[_]>::iter(some).map(build).collect() })
        };
        let running: Vec<_> = fixtures
            .chunks(FIXTURES.len().div_ceil(4))
            .map(build_some)
            .collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let debs = built
        .iter()
        .map(|report| report["artifacts"][0]["path"].as_str().unwrap());
    let publish: Vec<_> = ["publish"].into_iter().chain(debs).collect();
    farm.run(&publish).succeeds();
    let names = built
        .iter()
        .map(|report| report["package"].as_str().unwrap().to_owned());
    names.collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Raises the version in a manifest by its last digit.
fn bump(manifest: &Path) {
    let text = fs::read_to_string(manifest).unwrap();
    let raised = text
        .replace("version: 1.0.0\n", "version: 1.0.1\n")
        .replace("version: 0.0.1\n", "version: 0.0.2\n");
    assert_ne!(text, raised, "{}", manifest.display());
    fs::write(manifest, raised).unwrap();
}

/// Fails unless every package is installed, its files are as it brought them and root's, and what the fixture promises
/// holds.
fn is_well_installed(host: &Host, packages: &[String]) {
    host.is_healthy();
    // One shell for all of them: entering a container takes as long as most packages take to install.
    let questions = FIXTURES.iter().zip(packages).map(|(fixture, package)| {
        let Fixture { name, holds, .. } = fixture;
        format!(
            "test \"$(dpkg-query --show --showformat '${{Status}}' {package})\" = 'install ok installed' && \
             ( {holds} ) >/dev/null || echo {name}\n"
        )
    });
    let failing = host.run(&questions.collect::<String>());
    assert_eq!(failing.stdout, "", "{}", failing.stderr);
    let all = packages.join(" ");
    // `configuration` edits its own file, which is therefore no conffile.
    let verified = host.run(&format!("dpkg --verify {all}"));
    assert_eq!(
        verified.stdout,
        "??5??????   /etc/wazo-fixtures/state.yml\n"
    );
    let owners = format!("stat --format '%U:%G %n' $(dpkg --listfiles {all} | grep ^/ | sort -u)");
    let owners = host.run(&owners).succeeds().stdout;
    let strangers: Vec<_> = owners
        .lines()
        .filter(|line| !line.starts_with("root:root ") && !line.contains("/fixture-phone"))
        .collect();
    assert_eq!(strangers, [""; 0]);
    let special =
        format!("find $(dpkg --listfiles {all} | grep ^/) -maxdepth 0 -not -type l -perm /7022");
    assert_eq!(
        host.run(&special).stdout,
        "",
        "no one but the owner writes, and nobody becomes another"
    );
}

/// The files, not the folders, of the packages.
fn files(host: &Host, packages: &[String]) -> String {
    let list = format!(
        "for path in $(dpkg --listfiles {} | grep ^/); do test -d $path || echo $path; done",
        packages.join(" ")
    );
    let files = host.run(&list).succeeds().stdout;
    assert!(files.lines().count() > 100, "{files}");
    files.lines().collect::<Vec<_>>().join(" ")
}

#[test]
fn apt_brings_what_a_plugin_depends_on_on_bookworm() {
    brings_dependencies("bookworm");
}

#[test]
fn apt_brings_what_a_plugin_depends_on_on_trixie() {
    brings_dependencies("trixie");
}

fn brings_dependencies(target: &str) {
    let farm = TestFarm::new();
    for fixture in ["configuration", "depends", "debian-depends", "make-rules"] {
        farm.publish(&farm.plugin(fixture), &["--target", target]);
    }
    let host = Host::online(&farm, target);
    host.stub("systemctl");
    let [configuration, depends, debian, make] =
        ["configuration", "depends", "debian-depends", "make-rules"]
            .map(|name| format!("wazo-plugind-{name}-fixtures"));
    let install = "apt-get install --yes --no-install-recommends";
    host.run(&format!("{install} {depends} {debian} {make}"))
        .succeeds();
    for package in [&configuration, &depends, &debian, &make, "tig", "make"] {
        assert_eq!(host.status(package), "install ok installed", "{package}");
    }
    host.run("grep 'the rules' /etc/wazo-fixtures/make-rules.conf && tig --version")
        .succeeds();
    // Each goes together with what it needs.
    host.run(&format!("apt-get purge --yes {configuration} tig make"))
        .succeeds();
    for package in [&configuration, &depends, &debian, &make, "tig", "make"] {
        assert_ne!(host.status(package), "install ok installed", "{package}");
    }
    host.is_healthy();
}
