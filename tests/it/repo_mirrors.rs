//! The repository as other programs mirror it: reprepro, aptly and debmirror get every package of every suite.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use plugfarm::model::{Channel, Suite, Target};

use crate::repo_lab::{Lab, Package, files, read_strictly, suite};

/// How many packages a suite has; with paragraphs as long as these its index is in several shards.
const PACKAGES: usize = 40;

/// A repository with several suites, at an address.
struct Published {
    lab: Lab,
    suites: Vec<Suite>,
    server: Child,
    port: u16,
    work: tempfile::TempDir,
}

impl Drop for Published {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

/// A package whose paragraph has 4 KiB.
fn package(name: &str, version: &str, suite: &Suite) -> Package {
    Package::new(name, version).with(|package| {
        package.target = suite.target;
        let line = format!("\n {name} is {}", "a telephone ".repeat(8));
        package.description = format!("a plugin{}", line.repeat(40));
    })
}

impl Published {
    fn new() -> Self {
        let testing = Channel::new("testing").unwrap();
        let channels = vec![testing.clone(), Channel::stable()];
        let lab = Lab::with_settings(|settings| settings.channels = channels);
        let early = Suite {
            channel: testing,
            ..suite(Target::Bookworm)
        };
        let suites = vec![suite(Target::Bookworm), early, suite(Target::Trixie)];
        let (server, port) = serve(lab.root());
        let work = tempfile::tempdir().unwrap();
        let published = Self {
            lab,
            suites,
            server,
            port,
            work,
        };
        for suite in &published.suites {
            let name = |n| format!("{}-{n}", suite.channel);
            let packages = (0..PACKAGES).map(|n| package(&name(n), "1.0", suite));
            published.publish(suite, packages);
        }
        published
    }

    fn publish(&self, suite: &Suite, packages: impl Iterator<Item = Package>) {
        let packages: Vec<_> = packages
            .map(|package| self.lab.open(&package).unwrap())
            .collect();
        let now = self.lab.tick();
        self.lab.publish_in(suite, &packages, now).unwrap();
    }

    /// One more package in each suite, so that there are patches.
    fn publish_more(&self) {
        for suite in &self.suites {
            let name = format!("{}-more", suite.channel);
            self.publish(suite, [package(&name, "1.0", suite)].into_iter());
        }
    }

    /// What `suite` has, as `<package> <version>`, sorted.
    fn packages(&self, suite: &Suite) -> Vec<String> {
        let keyring = &self.lab.keys.public().archive_keyring;
        let mut packages = read_strictly(self.lab.root(), suite, keyring);
        packages.sort();
        packages
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    /// Runs a program, which must succeed; gives what it said.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.work.path())
            .env("GNUPGHOME", self.path("gnupg"))
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}{complaints}");
        said
    }

    /// The farm's key as a keyring file, and in a GnuPG folder.
    fn trust(&self) -> String {
        let public = self.lab.keys.public();
        let keyring = self.path("farm.gpg");
        fs_err::write(&keyring, &public.archive_keyring).unwrap();
        fs_err::create_dir_all(self.path("gnupg")).unwrap();
        self.run("chmod", &["700", "gnupg"]);
        self.run("gpg", &["--batch", "--quiet", "--import", "farm.gpg"]);
        keyring.to_str().unwrap().to_owned()
    }
}

/// A web server for a folder, and its port.
fn serve(root: &Path) -> (Child, u16) {
    fs_err::create_dir_all(root).unwrap();
    let mut server = Command::new("python3")
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
        .current_dir(root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(server.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let mut words = line.split(' ').skip_while(|word| *word != "port");
    let port = words.nth(1).unwrap().parse().unwrap();
    (server, port)
}

#[test]
fn reprepro_updates_from_it() {
    let published = Published::new();
    published.trust();
    let fingerprint = &published.lab.keys.public().archive_fingerprint;
    // It takes the end alone.
    let key: String = fingerprint.chars().skip(24).collect();
    let (mut distributions, mut updates) = (String::new(), String::new());
    for suite in &published.suites {
        distributions += &format!(
            "Codename: {suite}\nComponents: main\nArchitectures: amd64\nUpdate: {suite}\n\n"
        );
        updates += &format!(
            "Name: {suite}\nMethod: {}\nSuite: {suite}\nComponents: main\nArchitectures: amd64\nVerifyRelease: {key}\n\n",
            published.url()
        );
    }
    published.write("conf/distributions", &distributions);
    published.write("conf/updates", &updates);
    for _ in 0..2 {
        published.run("reprepro", &["-b", ".", "update"]);
        for suite in &published.suites {
            let format = "--list-format=${package} ${version}\\n";
            let listed =
                published.run("reprepro", &["-b", ".", format, "list", &suite.to_string()]);
            let mut listed: Vec<_> = listed.lines().map(str::to_owned).collect();
            listed.sort();
            assert_eq!(listed, published.packages(suite), "{suite}");
        }
        published.publish_more();
    }
}

#[test]
fn aptly_mirrors_it() {
    let published = Published::new();
    let keyring = format!("-keyring={}", published.trust());
    let config = serde_json::json!({ "rootDir": published.path("aptly") });
    published.write("aptly.conf", &config.to_string());
    let aptly = |arguments: &[&str]| {
        published.run("aptly", &[&["-config=aptly.conf"][..], arguments].concat())
    };
    for round in 0..2 {
        for suite in &published.suites {
            let (name, url) = (suite.to_string(), published.url());
            if round == 0 {
                aptly(&["mirror", "create", &keyring, &name, &url, &name]);
            }
            aptly(&["mirror", "update", &keyring, &name]);
            let shown = aptly(&["mirror", "show", "-with-packages", &name]);
            let listed = shown.lines().filter_map(|line| line.strip_prefix("  "));
            let listed = listed.filter(|line| line.ends_with("_all"));
            let mut listed: Vec<_> = listed
                .map(|line| line.trim_end_matches("_all").replacen('_', " ", 1))
                .collect();
            listed.sort();
            assert_eq!(listed, published.packages(suite), "{suite}");
        }
        published.publish_more();
    }
}

#[test]
fn debmirror_mirrors_it() {
    let published = Published::new();
    let keyring = format!("--keyring={}", published.trust());
    let suites: Vec<_> = published.suites.iter().map(Suite::to_string).collect();
    let host = format!("--host=127.0.0.1:{}", published.port);
    let dists = format!("--dist={}", suites.join(","));
    // It is a piece of Perl.
    published.write("debmirror.conf", "1;\n");
    for _ in 0..2 {
        let arguments = [
            "--config-file=./debmirror.conf",
            "--method=http",
            "--root=/",
            "--section=main",
            "--arch=amd64",
            "--nosource",
            "--rsync-extra=none",
            &keyring,
            &host,
            &dists,
            "mirror",
        ];
        published.run("debmirror", &arguments);
        let mirror = published.path("mirror");
        let pool = |root: &Path| -> Vec<String> {
            let files = files(root).into_iter();
            files.filter(|file| file.starts_with("pool/")).collect()
        };
        assert_eq!(pool(&mirror), pool(published.lab.root()));
        published.publish_more();
    }
}
