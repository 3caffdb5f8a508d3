//! Other people's apt repositories, made by the tools that they use: gpg, dpkg-deb, reprepro, aptly.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Somebody with a key, who packs and publishes.
pub(crate) struct Foreigner {
    pub(crate) folder: TempDir,
    fingerprint: String,
}

/// Runs a tool, which must succeed, and gives what it says.
fn run(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{error}: {command:?}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}\n{errors}");
    said
}

impl Foreigner {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut other = Self {
            folder,
            fingerprint: String::new(),
        };
        fs_err::create_dir(other.path("gnupg")).unwrap();
        run(Command::new("chmod").arg("700").arg(other.path("gnupg")));
        let make = [
            "--passphrase",
            "",
            "--quick-generate-key",
            "Other <other@example.org>",
        ];
        run(other.gpg().args(make).args(["rsa3072", "sign", "never"]));
        let keys = run(other.gpg().args(["--with-colons", "--list-keys"]));
        let mut lines = keys
            .lines()
            .filter_map(|line| line.strip_prefix("fpr:::::::::"));
        other.fingerprint = lines.next().unwrap().trim_end_matches(':').to_owned();
        let key = other.path("other.gpg");
        run(other.gpg().arg("--output").arg(key).arg("--export"));
        other
    }

    fn gpg(&self) -> Command {
        let mut gpg = self.tool("gpg");
        gpg.args(["--batch", "--quiet", "--yes", "--pinentry-mode", "loopback"]);
        gpg
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("GNUPGHOME", self.path("gnupg"))
            .env("HOME", self.folder.path());
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The public key.
    pub(crate) fn key(&self) -> PathBuf {
        self.path("other.gpg")
    }

    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Packs a package with one file, whose text is `content`.
    pub(crate) fn pack(&self, package: &str, version: &str, content: &str) -> PathBuf {
        let tree = self.path(&format!("tree/{package}_{version}"));
        fs_err::create_dir_all(tree.join("DEBIAN")).unwrap();
        fs_err::create_dir_all(tree.join("usr/share/other")).unwrap();
        fs_err::write(tree.join("usr/share/other").join(package), content).unwrap();
        let control = format!(
            "Package: {package}\nVersion: {version}\nArchitecture: all\nMaintainer: Other <other@example.org>\n\
             Section: misc\nPriority: optional\nDescription: somebody else's\n of two lines\n"
        );
        fs_err::write(tree.join("DEBIAN/control"), control).unwrap();
        let file = version.replace(':', "-");
        let deb = self.path(&format!("{package}_{file}_all.deb"));
        let mut dpkg = Command::new("dpkg-deb");
        run(dpkg
            .args(["--root-owner-group", "--build"])
            .arg(&tree)
            .arg(&deb));
        deb
    }

    /// A repository by reprepro, which keeps one version of each package; gives its folder.
    pub(crate) fn reprepro(&self, debs: &[PathBuf]) -> PathBuf {
        let base = self.path("reprepro");
        fs_err::create_dir_all(base.join("conf")).unwrap();
        let distribution = format!(
            "Origin: other\nLabel: other\nCodename: stable\nArchitectures: amd64\nComponents: main\nSignWith: {}\n",
            self.fingerprint
        );
        fs_err::write(base.join("conf/distributions"), distribution).unwrap();
        for deb in debs {
            let mut reprepro = self.tool("reprepro");
            run(reprepro
                .arg("-b")
                .arg(&base)
                .args(["includedeb", "stable"])
                .arg(deb));
        }
        base
    }

    /// A repository by aptly, with every version; gives its folder.
    pub(crate) fn aptly(&self, debs: &[PathBuf]) -> PathBuf {
        let root = self.path("aptly");
        let config = self.path("aptly.conf");
        let text = format!("{{\"rootDir\": {:?}, \"gpgProvider\": \"gpg\"}}", root);
        fs_err::write(&config, text).unwrap();
        let aptly = |arguments: &[&str]| {
            let mut command = self.tool("aptly");
            let config = format!("-config={}", config.display());
            run(command.arg(config).args(arguments));
        };
        aptly(&["repo", "create", "-distribution=stable", "other"]);
        let mut add = vec!["repo", "add", "other"];
        add.extend(debs.iter().map(|deb| deb.to_str().unwrap()));
        aptly(&add);
        let key = format!("-gpg-key={}", self.fingerprint);
        aptly(&[
            "publish",
            "repo",
            "-batch",
            "-architectures=amd64,all",
            &key,
            "other",
        ]);
        root.join("public")
    }

    /// Signs the `Release` of `suite` in the repository `base` again, after somebody has changed it.
    pub(crate) fn sign(&self, base: &Path, suite: &str) {
        let folder = base.join("dists").join(suite);
        let (release, signed) = (folder.join("Release"), folder.join("InRelease"));
        let mut gpg = self.gpg();
        run(gpg
            .arg("--output")
            .arg(signed)
            .arg("--clearsign")
            .arg(&release));
        let detached = folder.join("Release.gpg");
        let mut gpg = self.gpg();
        run(gpg
            .arg("--output")
            .arg(detached)
            .args(["--armor", "--detach-sign"])
            .arg(release));
    }
}

/// A web server of a folder; it ends with this value.
pub(crate) struct Served {
    server: Child,
    pub(crate) url: String,
}

impl Served {
    pub(crate) fn folder(folder: &Path) -> Self {
        const SERVE: &str = "import functools, http.server, sys\n\
            handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])\n\
            server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)\n\
            print(server.server_port, flush=True)\n\
            server.serve_forever()\n";
        Self::script(SERVE, folder.to_str().unwrap())
    }

    /// A server that sends every request on to `location`.
    pub(crate) fn redirecting(location: &str) -> Self {
        const REDIRECT: &str = "import http.server, sys\n\
            class Handler(http.server.BaseHTTPRequestHandler):\n\
            \x20   def do_GET(self):\n\
            \x20       self.send_response(302)\n\
            \x20       self.send_header('Location', sys.argv[1] + self.path)\n\
            \x20       self.end_headers()\n\
            server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)\n\
            print(server.server_port, flush=True)\n\
            server.serve_forever()\n";
        Self::script(REDIRECT, location)
    }

    fn script(script: &str, argument: &str) -> Self {
        let mut server = Command::new("python3")
            .args(["-c", script, argument])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = server.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let url = format!("http://127.0.0.1:{}", line.trim());
        Self { server, url }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        assert!(self.server.kill().is_ok());
        assert!(self.server.wait().is_ok());
    }
}
