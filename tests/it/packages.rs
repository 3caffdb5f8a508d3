//! plugfarm's own packages: they install, upgrade and go away as Debian's do, beside wazo-plugind and in its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::channels_lab::Farm;
use crate::farm::{Host, Ran, TestFarm, docker};
use crate::foreign_lab::{Foreigner, Served};
use crate::repo_import::import;
use crate::source_lab::run;

/// What the packages are made of: this project's programs, under test.
const PROGRAMS: [&str; 2] = [
    env!("CARGO_BIN_EXE_plugfarm"),
    env!("CARGO_BIN_EXE_plugfarm-host"),
];

/// The packages, made once of these programs: by whichever story comes first, and each is a process.
pub(crate) fn packages() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        fs::create_dir_all(&folder).unwrap();
        let lock = fs::File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = root.join("scripts/package");
        let changed = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        let programs_changed = PROGRAMS.map(|program| changed(Path::new(program)));
        // The packages' times are the commit's.
        let commit = run(root, "git", &["log", "-1", "--format=%ct"]);
        let made_of = format!("{programs_changed:?} {:?} {commit}", changed(&script));
        let stamp = folder.join("made-of");
        if fs::read_to_string(&stamp).is_ok_and(|known| known == made_of) {
            return folder;
        }
        let programs = folder.join("programs");
        fs::create_dir_all(&programs).unwrap();
        for program in PROGRAMS {
            // Without what debuggers want, they are an eighth.
            let stripped = programs.join(Path::new(program).file_name().unwrap());
            let mut strip = Command::new("strip");
            strip.arg("-o").arg(stripped).arg(program);
            assert!(strip.status().unwrap().success());
        }
        for version in ["0.1.0", "0.2.0"] {
            let to = folder.join(version);
            drop(fs::remove_dir_all(&to));
            make(&programs, version, &to).succeeds();
        }
        fs::write(stamp, made_of).unwrap();
        folder
    })
}

fn make(programs: &Path, version: &str, to: &Path) -> Ran {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/package");
    let mut command = Command::new(script);
    command
        .arg(to)
        .env("PROGRAMS", programs)
        .env("PACKAGE_VERSION", version);
    command.output().unwrap().into()
}

/// A host of bookworm without a network, on which both versions are.
fn host(farm: &TestFarm) -> Host {
    with_packages(Host::bare(farm, "bookworm"))
}

fn with_packages(host: Host) -> Host {
    for version in ["0.1.0", "0.2.0"] {
        let from = packages().join(version);
        let to = format!("{}:/srv/{version}", host.id());
        docker(&["cp", from.to_str().unwrap(), &to]).succeeds();
    }
    host
}

/// What stands for wazo-plugind's own package: its settings, its folder of plugins, its place in nginx.
const PLUGIND: &str = r#"
set -e
mkdir -p /tmp/w/DEBIAN /tmp/w/etc/wazo-plugind/conf.d /tmp/w/etc/nginx/locations/https-available /tmp/w/usr/lib/wazo-plugind
mkdir -p /etc/nginx/locations/https-enabled /var/lib/wazo-auth-keys
echo 'service_key: secret' >/var/lib/wazo-auth-keys/wazo-plugind-key.yml
chmod 600 /var/lib/wazo-auth-keys/wazo-plugind-key.yml
echo 'rest_api: {port: 9503}' >/tmp/w/etc/wazo-plugind/config.yml
echo 'location ^~ /api/plugind/ {}' >/tmp/w/etc/nginx/locations/https-available/wazo-plugind
printf '/etc/wazo-plugind/config.yml\n/etc/nginx/locations/https-available/wazo-plugind\n' >/tmp/w/DEBIAN/conffiles
printf 'Package: wazo-plugind\nVersion: 26.02\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: plugind\n' \
    >/tmp/w/DEBIAN/control
dpkg-deb --build --root-owner-group /tmp/w /srv/wazo-plugind.deb
apt-get install --yes /srv/wazo-plugind.deb
ln -s /etc/nginx/locations/https-available/wazo-plugind /etc/nginx/locations/https-enabled/wazo-plugind
"#;

fn apt(host: &Host, arguments: &str) -> Ran {
    host.run(&format!("apt-get --yes --quiet {arguments}"))
}

#[test]
fn one_commit_makes_the_same_packages_and_each_says_what_it_needs() {
    let folder = packages();
    let again = tempfile::tempdir().unwrap();
    make(&folder.join("programs"), "0.1.0", again.path()).succeeds();
    for entry in fs::read_dir(again.path()).unwrap() {
        let entry = entry.unwrap();
        let before = folder.join("0.1.0").join(entry.file_name());
        assert!(fs::read(before).unwrap() == fs::read(entry.path()).unwrap());
    }
    for (package, architecture) in [
        ("plugfarm", "amd64"),
        ("plugfarm-host", "amd64"),
        ("plugfarm-host-wazo-plugind", "all"),
    ] {
        let deb = again
            .path()
            .join(format!("{package}_0.1.0_{architecture}.deb"));
        let depends = field(&deb, "Depends");
        let links = architecture == "amd64";
        assert_eq!(
            depends.contains("libc6 (>= "),
            links,
            "{package}: {depends}"
        );
        assert_eq!(depends.contains("libnettle8 (>= "), links, "{depends}");
    }
}

fn field(deb: &PathBuf, name: &str) -> String {
    let mut command = Command::new("dpkg-deb");
    command.arg("--field").arg(deb).arg(name);
    Ran::from(command.output().unwrap()).succeeds().stdout
}

#[test]
fn the_agent_is_installed_upgraded_and_purged_on_each_release() {
    let farm = TestFarm::new();
    for target in ["bookworm", "trixie"] {
        // A small trixie has no program that makes users.
        let host = with_packages(Host::networked(&farm, target));
        host.run("apt-get update").succeeds();
        apt(&host, "install /srv/0.1.0/plugfarm-host_0.1.0_amd64.deb").succeeds();
        host.run("plugfarm-host --version").succeeds();
        host.run("plugfarm-host serve --help && test -s /usr/share/man/man1/plugfarm-host.1")
            .succeeds();
        let owner = host
            .run("stat --format '%U %a' /var/lib/plugfarm-host")
            .succeeds();
        assert_eq!(owner.stdout, "plugfarm-host 750\n");
        host.run("test -d /var/lib/wazo-plugind/rules && test -d /etc/plugfarm-host/conf.d")
            .succeeds();

        host.run("echo '# mine' >>/etc/plugfarm-host/config.yml")
            .succeeds();
        apt(&host, "install /srv/0.2.0/plugfarm-host_0.2.0_amd64.deb").succeeds();
        let settings = host
            .run("tail --lines=1 /etc/plugfarm-host/config.yml")
            .succeeds();
        assert_eq!(settings.stdout, "# mine\n");

        apt(&host, "purge plugfarm-host").succeeds();
        let left = host.run("ls -d /var/lib/plugfarm-host /etc/plugfarm-host /var/log/plugfarm-host.log /usr/bin/plugfarm-host");
        assert_eq!(left.stdout, "", "{}", left.stderr);
        host.is_healthy();
    }
}

#[test]
fn beside_wazo_plugind_nothing_of_it_changes() {
    let farm = TestFarm::new();
    let host = host(&farm);
    host.run(PLUGIND).succeeds();
    let look = "find /etc/wazo-plugind /etc/nginx/locations/*/wazo-plugind /var/lib/wazo-auth-keys -printf '%p %u %m %s %l\\n' | sort";
    let before = host.run(look).succeeds().stdout;
    apt(&host, "install /srv/0.1.0/plugfarm-host_0.1.0_amd64.deb").succeeds();
    assert_eq!(host.status("wazo-plugind"), "install ok installed");
    assert_eq!(host.run(look).succeeds().stdout, before);
    host.run("test -L /etc/nginx/locations/https-enabled/plugfarm-host")
        .succeeds();
    apt(&host, "purge plugfarm-host").succeeds();
    assert_eq!(host.run(look).succeeds().stdout, before);
}

#[test]
fn in_wazo_plugind_s_place_it_has_its_settings_and_its_key_and_wazo_plugind_can_come_back() {
    let farm = TestFarm::new();
    let host = host(&farm);
    host.run(PLUGIND).succeeds();
    let enabled = "readlink /etc/nginx/locations/https-enabled/wazo-plugind";
    apt(
        &host,
        "install /srv/0.1.0/plugfarm-host_0.1.0_amd64.deb /srv/0.1.0/plugfarm-host-wazo-plugind_0.1.0_all.deb",
    )
    .succeeds();
    assert_eq!(host.status("wazo-plugind"), "deinstall ok config-files");
    let settings = host.run("cat /etc/wazo-plugind/config.yml").succeeds();
    assert_eq!(settings.stdout, "rest_api: {port: 9503}\n");
    let key = host
        .run("stat --format '%U %a' /var/lib/plugfarm-host/wazo-plugind-key.yml")
        .succeeds();
    assert_eq!(key.stdout, "plugfarm-host 400\n");
    let told = host
        .run("cat /etc/wazo-plugind/conf.d/00-plugfarm-host.yml")
        .succeeds();
    assert!(
        told.stdout
            .contains("/var/lib/plugfarm-host/wazo-plugind-key.yml")
    );
    let place = host.run(enabled).succeeds();
    assert_eq!(
        place.stdout,
        "../https-available/plugfarm-host-wazo-plugind\n"
    );

    apt(&host, "install /srv/wazo-plugind.deb").succeeds();
    assert_eq!(host.status("wazo-plugind"), "install ok installed");
    assert_eq!(host.status("plugfarm-host"), "install ok installed");
    let place = host.run(enabled).succeeds();
    assert_eq!(
        place.stdout,
        "/etc/nginx/locations/https-available/wazo-plugind\n"
    );
    host.run("test ! -e /etc/wazo-plugind/conf.d/00-plugfarm-host.yml && test ! -e /var/lib/plugfarm-host/wazo-plugind-key.yml").succeeds();
    let key = host
        .run("stat --format '%U %a' /var/lib/wazo-auth-keys/wazo-plugind-key.yml")
        .succeeds();
    assert_eq!(key.stdout, "root 600\n");
    host.is_healthy();
}

#[test]
fn the_farm_s_package_brings_its_users_and_starts_nothing() {
    let farm = TestFarm::new();
    let host = host(&farm);
    apt(
        &host,
        "install --no-install-recommends /srv/0.1.0/plugfarm_0.1.0_amd64.deb",
    )
    .succeeds();
    host.run("plugfarm --config /etc/plugfarm/plugfarm.yml --data-dir /tmp/farm key show")
        .succeeds();
    let owners = host
        .run("stat --format '%n %U %a' /var/lib/plugfarm /var/lib/plugfarm-signer")
        .succeeds();
    assert_eq!(
        owners.stdout,
        "/var/lib/plugfarm plugfarm 755\n/var/lib/plugfarm-signer plugfarm-signer 700\n"
    );
    apt(&host, "purge plugfarm").succeeds();
    host.is_healthy();
}

#[test]
fn hosts_install_the_agent_from_a_farm_that_has_imported_it() {
    let (other, farm) = (Foreigner::new(), Farm::new(""));
    let folder = packages().join("0.1.0");
    let debs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let served = Served::folder(&other.aptly(&debs));
    let done = import(&farm, &other, &served.url, &[]).succeeds().json();
    assert_eq!(done["imported"].as_array().unwrap().len(), 2);
    assert_eq!(done["left_out"], serde_json::json!(["plugfarm"]));

    let host = Host::new(&farm.farm, "bookworm");
    apt(&host, "install plugfarm-host").succeeds();
    host.run("plugfarm-host --version").succeeds();
    host.is_healthy();
}
