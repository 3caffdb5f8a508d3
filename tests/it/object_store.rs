//! Real object stores of other makers, each on free ports of this machine's loopback. `scripts/setup` installs them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The bucket that each store starts with.
pub(crate) const BUCKET: &str = "apt";
/// Lets everybody read what is in it.
const PUBLIC: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::apt/*"}]}"#;
/// What the stores know the farm by.
const KEY: &str = "farm";
const SECRET: &str = "the-farm's-secret";
/// The environment of who publishes to a store.
pub(crate) const CREDENTIALS: [(&str, &str); 5] = [
    ("AWS_ACCESS_KEY_ID", KEY),
    ("AWS_SECRET_ACCESS_KEY", SECRET),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
];
/// Says that this process was given credentials.
const READY: &str = "PLUGFARM_TEST_CREDENTIALS";

/// Serves moto one request after the other: what it checks and what it writes then belong together, as with Amazon's.
const MOTO: &str = r#"
import sys, threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
moto, one = DomainDispatcherApplication(create_backend_app), threading.Lock()
def serve(environ, start):
    with one:
        return moto(environ, start)
run_simple("127.0.0.1", int(sys.argv[1]), serve, threaded=True)
"#;

/// A running store; it ends with this value.
pub(crate) struct ObjectStore {
    child: Child,
    pub(crate) port: u16,
    _folder: tempfile::TempDir,
}

impl ObjectStore {
    /// Python's moto, which keeps all in memory and does what Amazon's own does.
    pub(crate) fn moto() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [port] = free_ports();
        let arguments = ["-c", MOTO, &port.to_string()].map(str::to_owned);
        let store = Self::start("python3", &arguments, port, folder);
        ask(port, "PUT", &format!("/{BUCKET}?policy"), PUBLIC.as_bytes()).unwrap();
        store
    }

    /// SeaweedFS, a distributed store written in Go.
    pub(crate) fn seaweed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identities = format!(
            r#"{{"identities": [
                {{"name": "farm", "credentials": [{{"accessKey": "{KEY}", "secretKey": "{SECRET}"}}],
                  "actions": ["Admin", "Read", "Write", "List"]}},
                {{"name": "anonymous", "actions": ["Admin", "Read", "Write", "List"]}}]}}"#
        );
        let config = folder.path().join("identities.json");
        fs_err::write(&config, identities).unwrap();
        let ports: [u16; 8] = free_ports();
        let mut arguments = vec!["server".to_owned()];
        for (name, port) in [
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
            "s3.port.grpc",
            "s3.port",
        ]
        .iter()
        .zip(ports)
        {
            arguments.push(format!("-{name}={port}"));
        }
        let text = |path: &std::path::Path| path.display().to_string();
        arguments.extend([
            "-ip=127.0.0.1".to_owned(),
            "-ip.bind=127.0.0.1".to_owned(),
            "-filer".to_owned(),
            "-s3".to_owned(),
            "-s3.port.iceberg=0".to_owned(),
            "-s3.port.lance=0".to_owned(),
            "-master.volumeSizeLimitMB=64".to_owned(),
            "-volume.max=4".to_owned(),
            format!("-dir={}", text(folder.path())),
            format!("-s3.config={}", text(&config)),
        ]);
        Self::start("weed", &arguments, ports[7], folder)
    }

    fn start(program: &str, arguments: &[String], port: u16, folder: tempfile::TempDir) -> Self {
        let log = fs_err::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(tools().join(program))
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.into_file())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{program} cannot be run, which scripts/setup installs: {error}")
        });
        let store = Self {
            child,
            port,
            _folder: folder,
        };
        store.wait_until_it_takes_objects();
        store
    }

    fn wait_until_it_takes_objects(&self) {
        let began = Instant::now();
        let takes = |path: &str| {
            let asked = ask(self.port, "PUT", path, b"");
            asked.is_some_and(|(head, _)| good(&head))
        };
        while !(takes(&format!("/{BUCKET}")) && takes(&format!("/{BUCKET}/ready"))) {
            assert!(
                began.elapsed() < Duration::from_secs(90),
                "the object store did not start"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What anybody gets at `key`: the answer's head and body.
    pub(crate) fn fetch(&self, key: &str) -> Option<(String, Vec<u8>)> {
        ask(self.port, "GET", &format!("/{BUCKET}/{key}"), b"").filter(|(head, _)| good(head))
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs `body` in a process of its own that has the farm's credentials in its environment. `test` is the caller's path.
pub(crate) fn with_credentials(test: &str, body: impl FnOnce()) {
    if std::env::var_os(READY).is_some() {
        return body();
    }
    let path = test.split_once("::").unwrap().1;
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", path, "--nocapture"])
        .env(READY, "1")
        .envs(CREDENTIALS)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    assert!(!said.contains(SECRET), "a secret is never told");
}

/// Where `scripts/setup` puts the stores.
fn tools() -> PathBuf {
    let home = std::env::var_os("HOME").unwrap();
    PathBuf::from(home).join(".cache/plugfarm/object-stores/bin")
}

fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

fn good(head: &str) -> bool {
    head.split(' ').nth(1) == Some("200")
}

/// One plain request of anybody; the answer's head and body.
pub(crate) fn ask(port: u16, method: &str, path: &str, body: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let timeout = Some(Duration::from_secs(20));
    stream.set_read_timeout(timeout).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let body = answer.split_off(end + 4);
    Some((String::from_utf8_lossy(&answer).into_owned(), body))
}
