//! A clean Debian machine that finds a repository of this one.

use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use plugfarm::model::Target;
use plugfarm::sandbox::{Engine, ImageName, Images};

use crate::repo_apt::PACKAGE;
use crate::repo_lab::Lab;

/// Where a host finds the repository.
pub(crate) const URL: &str = "http://127.0.0.1:8000";

/// A clean Debian machine without any network but its own loopback, on which it finds a repository of this machine, live.
pub(crate) struct Host {
    pub(crate) id: String,
    /// Where it is connected to, if it is.
    relay: Option<tempfile::TempDir>,
}

/// Connects the host's port 8000 with the socket in a folder that it shares with this machine.
const RELAY: &str = r#"
import socket, threading
def copy(one, other):
    while data := one.recv(65536):
        other.sendall(data)
    other.shutdown(socket.SHUT_WR)
server = socket.create_server(("127.0.0.1", 8000), backlog=50)
while True:
    client, _ = server.accept()
    relay = socket.socket(socket.AF_UNIX)
    relay.connect("/srv/relay/socket")
    for ends in (client, relay), (relay, client):
        threading.Thread(target=copy, args=ends, daemon=True).start()
"#;

/// A word of a shell's command line.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

pub(crate) struct Ran {
    pub(crate) good: bool,
    /// What it said, to whomever.
    pub(crate) text: String,
}

impl Ran {
    pub(crate) fn succeeds(self) -> String {
        assert!(self.good, "{}", self.text);
        self.text
    }

    pub(crate) fn fails(self) -> String {
        assert!(!self.good, "{}", self.text);
        self.text
    }
}

pub(crate) fn docker(arguments: &[&str]) -> Ran {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Ran {
        good: output.status.success(),
        text: String::from_utf8_lossy(&text).into_owned(),
    }
}

fn image(target: Target) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let image = runtime.block_on(async {
        let engine = Engine::connect("tests", None).await.unwrap();
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned();
        let images = Images::new(&engine, scratch, None);
        images.ensure(ImageName::Host, target, &mut |_| {}).await
    });
    image.unwrap().id
}

impl Host {
    pub(crate) fn new(target: Target, repository: &Path) -> Self {
        let host = Self::start(target, &format!("{}:/srv/apt:ro", repository.display()));
        host.serve("cd /srv/apt && exec python3 -m http.server --bind 127.0.0.1 8000");
        host
    }

    /// A host whose port 8000 is the port `port` of this machine.
    pub(crate) fn relayed(target: Target, port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let mut host = Self::start(target, &format!("{}:/srv/relay", folder.path().display()));
        host.relay = Some(folder);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let store = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (mut up, mut down) = (store.try_clone().unwrap(), store);
                let (mut from, mut to) = (client.try_clone().unwrap(), client);
                // Either side may hang up first.
                std::thread::spawn(move || {
                    std::io::copy(&mut from, &mut up).ok();
                    up.shutdown(Shutdown::Write).ok();
                });
                std::thread::spawn(move || {
                    std::io::copy(&mut down, &mut to).ok();
                    to.shutdown(Shutdown::Both).ok();
                });
            }
        });
        host.serve(&format!("exec python3 -c '{RELAY}'"));
        host
    }

    fn start(target: Target, volume: &str) -> Self {
        let image = image(target);
        let run = [
            "run",
            "--detach",
            "--rm",
            "--network=none",
            "--label=plugfarm.test=repo",
            "--volume",
            volume,
            &image,
            "sleep",
            "7200",
        ];
        let host = Self {
            id: docker(&run).succeeds().trim().to_owned(),
            relay: None,
        };
        host.run("rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*")
            .succeeds();
        host
    }

    /// Starts what answers on port 8000.
    fn serve(&self, command: &str) {
        self.run(&format!(
            "(setsid sh -c {} >/tmp/served 2>&1 </dev/null &)
             for i in $(seq 100); do
                 python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 8000))' 2>/dev/null && exit 0
                 sleep 0.1
             done
             exit 1",
            quoted(command),
        ))
        .succeeds();
    }

    /// Installs a package that is brought along.
    pub(crate) fn install_file(&self, deb: &[u8]) {
        let file = tempfile::NamedTempFile::with_suffix(".deb").unwrap();
        fs_err::write(file.path(), deb).unwrap();
        let to = format!("{}:/tmp/brought.deb", self.id);
        docker(&["cp", file.path().to_str().unwrap(), &to]).succeeds();
        self.run("dpkg --install /tmp/brought.deb").succeeds();
    }

    /// A host that took its first trust from the farm.
    pub(crate) fn trusting(lab: &Lab, target: Target) -> Self {
        let host = Self::new(target, lab.root());
        let keyring = lab.keyring(target);
        let keyring = keyring.file_name().unwrap().to_str().unwrap().to_owned();
        host.run(&format!("dpkg --install /srv/apt/{keyring}"))
            .succeeds();
        host
    }

    pub(crate) fn run(&self, command: &str) -> Ran {
        let arguments = [
            "exec",
            "--env=DEBIAN_FRONTEND=noninteractive",
            &self.id,
            "sh",
            "-c",
        ];
        docker(&[&arguments[..], &[command]].concat())
    }

    /// Updates, and fails at the slightest complaint.
    pub(crate) fn update(&self) {
        let said = self.run("apt-get update").succeeds();
        let complaints = [
            "W:", "E:", "N:", "Warning:", "Notice:", "Error:", "Err:", "Ign:",
        ];
        assert!(!complaints.iter().any(|word| said.contains(word)), "{said}");
    }

    /// Forgets what was fetched, and tries all the way to an installed package.
    pub(crate) fn installs_afresh(&self) -> Ran {
        self.run(&format!(
            "rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
             apt-get update && apt-get install --yes --reinstall {PACKAGE}"
        ))
    }

    pub(crate) fn version(&self, package: &str) -> String {
        let query = format!("dpkg-query --show --showformat '${{Version}}' {package}");
        self.run(&query).succeeds()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.id]);
    }
}
