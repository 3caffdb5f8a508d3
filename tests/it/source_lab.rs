//! What the stories of sources are told with: repositories made on the spot, real git servers on the engine's bridge, and
//! a fetcher.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use plugfarm::config::{SourceConfig, SourceLimits};
use plugfarm::model::{Failure, Target};
use plugfarm::sandbox::{Cancel, ImageName, LogEvent};
use plugfarm::source::{
    Access, Asker, Fetcher, Location, Request, RequestedRef, Source, Store, Subdirectory,
};
use tempfile::TempDir;

use crate::sandbox_lab::Lab;

/// A server's folder of bare repositories, a farm's data folder, and the settings of a farm inside that network.
pub(crate) struct Sources {
    pub(crate) config: SourceConfig,
    pub(crate) address: String,
    pub(crate) root: TempDir,
    pub(crate) data: TempDir,
    lab: Lab,
    servers: Vec<Child>,
}

/// A repository with a work tree, to commit in.
pub(crate) struct Repository {
    pub(crate) folder: TempDir,
}

impl Drop for Sources {
    fn drop(&mut self) {
        for server in &mut self.servers {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }
}

/// Runs a program in a folder, and returns what it prints.
pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    assert!(done.status.success(), "{program} {arguments:?}: {done:?}");
    String::from_utf8(done.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

impl Repository {
    /// A repository on the branch `main`, with a plugin committed.
    pub(crate) fn new() -> Self {
        let repository = Self {
            folder: TempDir::new().unwrap(),
        };
        repository.git(&["init", "-q", "-b", "main"]);
        repository.write("wazo/plugin.yml", "name: hello\n");
        repository.commit("one");
        repository
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let name = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
        run(
            self.folder.path(),
            "git",
            &[name.as_slice(), arguments].concat(),
        )
    }

    /// Commits everything, and returns the commit's id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Adds an object that git itself would refuse to make, and returns its id.
    pub(crate) fn object(&self, kind: &str, content: &[u8]) -> String {
        let file = self.path(".git/new-object");
        fs_err::write(&file, content).unwrap();
        let file = file.to_str().unwrap();
        self.git(&["hash-object", "-w", "--literally", "-t", kind, file])
    }

    /// Makes `main` a commit of this tree, and returns the commit's id.
    pub(crate) fn commit_tree(&self, tree: &str) -> String {
        let commit = self.git(&["commit-tree", "-m", "made", tree]);
        self.git(&["update-ref", "refs/heads/main", &commit]);
        commit
    }
}

/// One entry of a tree object, as git stores it.
pub(crate) fn tree_entry(mode: &str, name: &str, id: &str) -> Vec<u8> {
    let id: Vec<u8> = (0..id.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(id.get(at..at + 2).unwrap(), 16).unwrap())
        .collect();
    [format!("{mode} {name}\0").into_bytes(), id].concat()
}

impl Sources {
    pub(crate) async fn new() -> Self {
        // This machine, as the engine's containers see it.
        let bridge = run(
            Path::new("/"),
            "ip",
            &["-4", "-br", "address", "show", "docker0"],
        );
        let address = bridge.split_ascii_whitespace().nth(2).unwrap();
        let (address, _) = address.split_once('/').unwrap();
        let config = SourceConfig {
            private_networks: true,
            limits: SourceLimits {
                time: Duration::from_secs(60),
                ..SourceLimits::default()
            },
            ..SourceConfig::default()
        };
        Self {
            config,
            address: address.to_owned(),
            root: TempDir::new().unwrap(),
            data: TempDir::new().unwrap(),
            lab: Lab::new().await,
            servers: Vec::new(),
        }
    }

    /// Puts a copy of a repository on the servers.
    pub(crate) fn publish(&self, name: &str, repository: &Repository) {
        let bare = self.root.path().join(name);
        if bare.exists() {
            fs_err::remove_dir_all(&bare).unwrap();
        }
        // Not a clone: a clone would look at what it copies.
        let from = repository.path(".git");
        let (from, bare) = (from.to_str().unwrap(), bare.to_str().unwrap());
        run(Path::new("/"), "cp", &["-r", from, bare]);
        run(Path::new(bare), "git", &["config", "core.bare", "true"]);
    }

    /// Starts git's own server, and returns where its repositories are.
    pub(crate) fn git_daemon(&mut self) -> String {
        let port = free_port(&self.address);
        let program = run(Path::new("/"), "git", &["--exec-path"]) + "/git-daemon";
        let mut daemon = Command::new(program);
        daemon
            .args(["--export-all", "--reuseaddr"])
            .arg(format!("--listen={}", self.address))
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", self.root.path().display()))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        self.serve(daemon, port);
        format!("git://{}:{port}", self.address)
    }

    /// Starts a server of `tests/servers/git-https` whose authority the farm knows, and returns where its repositories are.
    pub(crate) fn https(&mut self) -> String {
        let folder = self.root.path().to_owned();
        let alternative = format!("subjectAltName=IP:{}", self.address);
        let arguments = [
            "req",
            "-x509",
            "-newkey",
            "ed25519",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=tests",
            "-addext",
            &alternative,
            "-keyout",
            "server.key",
            "-out",
            "server.crt",
        ];
        run(&folder, "openssl", &arguments);
        let certificate = folder.join("server.crt");
        let both =
            ["server.key", "server.crt"].map(|name| fs_err::read(folder.join(name)).unwrap());
        fs_err::write(folder.join("server.pem"), both.concat()).unwrap();
        self.config.certificates = Some(certificate);
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/git-https");
        let mut server = Command::new(server)
            .args([&self.address, folder.to_str().unwrap()])
            .args([folder.join("server.pem"), folder.join("log")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut output = BufReader::new(server.stdout.take().unwrap());
        output.read_line(&mut port).unwrap();
        self.servers.push(server);
        format!("https://{}:{}", self.address, port.trim())
    }

    /// Starts an ssh server for this user, and returns where its repositories are. The farm has a key, and knows the host's.
    pub(crate) fn ssh(&mut self) -> String {
        let folder = TempDir::new_in(self.root.path()).unwrap().keep();
        for name in ["host", "user"] {
            run(
                &folder,
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", name],
            );
        }
        let port = free_port(&self.address);
        let place = folder.display();
        let address = self.address.clone();
        let settings = format!(
            "ListenAddress {address}:{port}\nHostKey {place}/host\nAuthorizedKeysFile {place}/user.pub\nStrictModes no\n\
             PasswordAuthentication no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\n"
        );
        fs_err::write(folder.join("settings"), settings).unwrap();
        let host_key = fs_err::read_to_string(folder.join("host.pub")).unwrap();
        let known = format!("[{address}]:{port} {host_key}");
        fs_err::write(folder.join("known_hosts"), known).unwrap();
        self.config.known_hosts = Some(folder.join("known_hosts"));
        self.config.ssh_key = Some(folder.join("user"));
        fs_err::create_dir_all("/run/sshd").unwrap();
        let mut server = Command::new("/usr/sbin/sshd");
        server
            .args(["-D", "-e", "-f"])
            .arg(folder.join("settings"))
            .stderr(Stdio::null());
        self.serve(server, port);
        let user = run(&folder, "id", &["-un"]);
        format!(
            "ssh://{user}@{address}:{port}{}",
            self.root.path().display()
        )
    }

    fn serve(&mut self, mut server: Command, port: u16) {
        self.servers.push(server.spawn().unwrap());
        for _ in 0..100 {
            if std::net::TcpStream::connect((self.address.as_str(), port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{server:?} does not answer");
    }

    /// What the https server was asked for since the last time.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = self.root.path().join("log");
        let text = fs_err::read_to_string(&log).unwrap_or_default();
        fs_err::write(&log, "").unwrap();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) async fn fetch(&self, url: &str, reference: &str) -> Result<Source, Failure> {
        self.fetch_part(url, reference, "").await
    }

    pub(crate) async fn fetch_part(
        &self,
        url: &str,
        reference: &str,
        subdirectory: &str,
    ) -> Result<Source, Failure> {
        self.fetch_with(url, reference, subdirectory, &Cancel::never())
            .await
            .0
    }

    /// Fetches, and also returns everything that was logged. An empty ref or subdirectory means none.
    pub(crate) async fn fetch_with(
        &self,
        url: &str,
        reference: &str,
        subdirectory: &str,
        cancel: &Cancel,
    ) -> (Result<Source, Failure>, String) {
        let Location::Repository(url) = Location::parse(url, Asker::CommandLine).unwrap() else {
            panic!("{url} is a folder");
        };
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let request = Request {
            url,
            reference: given(reference).map(|text| RequestedRef::new(&text).unwrap()),
            subdirectory: given(subdirectory).map(|text| Subdirectory::new(&text).unwrap()),
            access: Access::Settings,
        };
        let image = self.lab.image(ImageName::Fetcher, Target::Bookworm).await;
        let store = Store::open(self.data.path()).unwrap();
        let fetcher = Fetcher::new(self.lab.engine.clone(), image, self.config.clone(), store);
        let mut log = String::new();
        let mut sink = |event: LogEvent<'_>| {
            if let LogEvent::Line { text, .. } = event {
                log.push_str(text.plain);
                log.push('\n');
            }
        };
        let fetched = fetcher.fetch(&request, &mut sink, cancel).await;
        (fetched, log)
    }
}

pub(crate) fn free_port(address: &str) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The entries of a source's tar: mode, path, and content or target.
pub(crate) fn entries(source: &Source) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(fs_err::File::open(&source.tar).unwrap());
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let time = source.commit_time.unsigned();
        assert_eq!(entry.header().mtime().unwrap(), time);
        assert_eq!(
            (entry.header().uid().unwrap(), entry.header().gid().unwrap()),
            (0, 0)
        );
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = String::new();
        match entry.link_name().unwrap() {
            Some(target) => content = format!("-> {}", target.display()),
            None => drop(entry.read_to_string(&mut content).unwrap()),
        }
        let mode = entry.header().mode().unwrap();
        (format!("{mode:o} {path}"), content)
    });
    entries.collect()
}

/// The entries' modes and paths alone.
pub(crate) fn paths(source: &Source) -> Vec<String> {
    entries(source).into_iter().map(|(path, _)| path).collect()
}
