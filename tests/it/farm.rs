//! What the stories are told with: a farm of one's own, plugins as git repositories, and clean Wazo hosts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A farm with a state of its own, driven through the real binary.
pub struct TestFarm {
    folder: tempfile::TempDir,
}

/// What a command of the farm gave.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {}\n{}", self.stdout, self.stderr))
    }

    pub fn succeeds(self) -> Self {
        assert_eq!(
            self.code, 0,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl TestFarm {
    /// A farm whose repository hosts reach at the address that [`Host`] serves it at.
    pub fn new() -> Self {
        Self::with_config("")
    }

    /// Likewise, with more settings.
    pub fn with_config(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let farm = Self { folder };
        farm.configure(settings);
        farm
    }

    /// Likewise, with more settings of the repository, such as `, channels: [testing, stable]`.
    pub fn with_repository(settings: &str) -> Self {
        let farm = Self::new();
        farm.write_config(settings, "");
        farm
    }

    /// Gives the farm these settings, and no others.
    pub fn configure(&self, settings: &str) {
        self.write_config("", settings);
    }

    fn write_config(&self, repository: &str, others: &str) {
        let config = format!(
            "repository: {{url: '{}'{repository}}}\n{others}",
            Host::REPOSITORY_URL
        );
        fs::write(self.config(), config).unwrap();
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("plugfarm.yml")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn repository(&self) -> PathBuf {
        self.data().join("repository")
    }

    /// A command of the farm, not yet run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugfarm"));
        command.env("PLUGFARM_CONFIG", self.folder.path().join("plugfarm.yml"));
        command
            .env("PLUGFARM_DATA_DIR", self.data())
            .env("NO_COLOR", "1")
            .args(arguments);
        command
    }

    /// Likewise, below strace with these options.
    pub fn traced(&self, options: &[&str], arguments: &[&str]) -> Command {
        let command = self.command(arguments);
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq"]).args(options);
        strace.arg(command.get_program()).args(command.get_args());
        let environment = command.get_envs();
        strace.envs(environment.filter_map(|(name, value)| Some((name, value?))));
        strace
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Builds and publishes a plugin's folder, and returns the report.
    pub fn publish(&self, plugin: &Path, more: &[&str]) -> Value {
        let arguments = ["build", plugin.to_str().unwrap(), "--publish", "--json"];
        self.run(&[&arguments, more].concat()).succeeds().json()
    }

    /// A fixture of `tests/plugins` as a git repository with one commit of a fixed date.
    pub fn plugin(&self, fixture: &str) -> PathBuf {
        let folder = self.folder.path().join("plugins").join(fixture);
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/plugins")
                .join(fixture),
            &folder,
        );
        git(&folder, &["init", "--quiet", "--initial-branch=master"]);
        commit(&folder, 1_700_000_000);
        folder
    }
}

/// Commits everything in `folder`, dated `time`.
pub fn commit(folder: &Path, time: i64) {
    git(folder, &["add", "--all"]);
    let date = format!("{time} +0000");
    let status = Command::new("git")
        .args([
            "-c",
            "user.name=Partner",
            "-c",
            "user.email=partner@example.org",
        ])
        .args([
            "commit",
            "--quiet",
            "--allow-empty",
            "--message",
            "a change",
        ])
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_DATE", &date)
        .current_dir(folder)
        .status();
    assert!(status.unwrap().success());
}

pub fn git(folder: &Path, arguments: &[&str]) {
    assert!(
        Command::new("git")
            .args(arguments)
            .current_dir(folder)
            .status()
            .unwrap()
            .success()
    );
}

/// Replaces `from` with `to` in one file, which must hold it.
pub fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{} holds {from:?}", file.display());
    fs::write(file, text.replace(from, to)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let status = Command::new("cp")
        .arg("--archive")
        .arg(from)
        .arg(to)
        .status();
    assert!(status.unwrap().success(), "copied {}", from.display());
}

/// A clean Debian machine in a container, on which it finds a farm's repository. Unless it is online, it has no network but
/// its own loopback.
pub struct Host {
    id: String,
}

impl Host {
    /// Where a host finds the repository.
    pub const REPOSITORY_URL: &str = "http://127.0.0.1:8000";

    /// A host of `target`'s release, with the repository of `farm` served and trusted.
    pub fn new(farm: &TestFarm, target: &str) -> Self {
        Self::bare(farm, target).trusting(farm, target)
    }

    /// Likewise, with a network and Debian's own packages.
    pub fn online(farm: &TestFarm, target: &str) -> Self {
        Self::start(farm, target, "bridge", &[]).trusting(farm, target)
    }

    /// A host with nothing but Debian.
    pub fn bare(farm: &TestFarm, target: &str) -> Self {
        let host = Self::start(farm, target, "none", &[]);
        host.run("rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*")
            .succeeds();
        host
    }

    /// Likewise, with a network and without Debian's own packages: it gets packages from where the farm says.
    pub fn near(farm: &TestFarm, target: &str) -> Self {
        let host = Self::start(farm, target, "bridge", &[]);
        host.run("rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*")
            .succeeds();
        host.trusting(farm, target)
    }

    /// A host with a network and Debian's own packages, which knows of no farm.
    pub fn networked(farm: &TestFarm, target: &str) -> Self {
        Self::start(farm, target, "bridge", &[])
    }

    /// A host in this machine's own network, which knows of no farm; with more options of `docker run`.
    pub fn beside(farm: &TestFarm, target: &str, options: &[&str]) -> Self {
        Self::start(farm, target, "host", options)
    }

    /// A container that was started in another way.
    pub fn adopt(id: &str) -> Self {
        Self { id: id.to_owned() }
    }

    /// The container's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Likewise, of a host that is there: it trusts the farm and follows it.
    pub fn trusting(self, farm: &TestFarm, target: &str) -> Self {
        self.serve(farm);
        let keyring = format!("/srv/apt/plugfarm-local-keyring-{target}.deb");
        self.run(&format!("dpkg --install {keyring}")).succeeds();
        self.run("apt-get update --error-on=any").succeeds();
        self
    }

    fn start(farm: &TestFarm, target: &str, network: &str, options: &[&str]) -> Self {
        let (image, network) = (host_image(farm, target), format!("--network={network}"));
        let run = [
            "run",
            "--detach",
            "--rm",
            &network,
            "--label=plugfarm.test=host",
        ];
        let command = [image.as_str(), "sleep", "900"];
        let id = docker(&[&run, options, &command].concat());
        Self {
            id: id.succeeds().stdout.trim().to_owned(),
        }
    }

    /// Puts the farm's repository, as it is now, on the host's loopback.
    pub fn serve(&self, farm: &TestFarm) {
        self.run("rm -rf /srv/apt").succeeds();
        let repository = farm.repository();
        docker(&[
            "cp",
            repository.to_str().unwrap(),
            &format!("{}:/srv/apt", self.id),
        ])
        .succeeds();
        self.run(START_SERVER).succeeds();
    }

    /// Runs a shell command as root.
    pub fn run(&self, command: &str) -> Ran {
        docker(&[
            "exec",
            "--env=DEBIAN_FRONTEND=noninteractive",
            &self.id,
            "sh",
            "-c",
            command,
        ])
    }

    /// Puts an executable on the host that records how it is called in `/tmp/calls`.
    pub fn stub(&self, name: &str) {
        let script = format!("printf \"#!/bin/sh\\necho {name} \\$* >>/tmp/calls\\n\"");
        self.run(&format!(
            "{script} >/usr/bin/{name} && chmod 755 /usr/bin/{name}"
        ))
        .succeeds();
    }

    /// The state of a package in dpkg's words, such as `install ok installed`.
    pub fn status(&self, package: &str) -> String {
        self.run(&format!(
            "dpkg-query --show --showformat '${{Status}}' {package} 2>/dev/null"
        ))
        .stdout
    }

    /// Fails unless dpkg has nothing to complain of.
    pub fn is_healthy(&self) {
        let audit = self.run("dpkg --audit").succeeds();
        assert_eq!(audit.stdout, "", "dpkg is healthy");
    }
}

/// The image of a clean machine of this release.
pub fn host_image(farm: &TestFarm, target: &str) -> String {
    let images = farm.run(&["images", "list", "--json"]).succeeds().json();
    let mut images = images["images"].as_array().unwrap().iter();
    let image = images
        .find(|image| image["name"] == "host" && image["target"] == target)
        .unwrap_or_else(|| panic!("no host image for {target}; run `plugfarm images build`"));
    image["id"].as_str().unwrap().to_owned()
}

/// Serves `/srv/apt` unless something does already, and waits until it answers.
const START_SERVER: &str = r#"
answers() {
    python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8000))' 2>/dev/null
}
answers && exit 0
setsid python3 -m http.server --bind 127.0.0.1 --directory /srv/apt 8000 >/dev/null 2>&1 </dev/null &
for i in $(seq 100); do answers && exit 0; sleep 0.1; done
exit 1
"#;

impl Drop for Host {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.id]);
    }
}

pub fn docker(arguments: &[&str]) -> Ran {
    Command::new("docker")
        .args(arguments)
        .output()
        .unwrap()
        .into()
}
