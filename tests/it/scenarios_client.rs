//! Requests as the public Python client of wazo-plugind writes them, and a market's static server.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize as _;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Value, json};

use crate::source_lab::free_port;
use crate::wazo_lab::Said;

/// The client, with one token. It has no prefix and speaks plain HTTP, as wazo-plugind-cli has it.
#[derive(Clone)]
pub(crate) struct PlugindClient {
    port: u16,
    token: String,
}

impl PlugindClient {
    pub(crate) fn new(port: u16, token: &str) -> Self {
        Self {
            port,
            token: token.to_owned(),
        }
    }

    /// The same, with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self::new(self.port, token)
    }

    /// `config.get()`, `status.get()`, `plugins.list()`, `plugins.get(…)`, `market.list(…)`, `market.get(…)`.
    pub(crate) fn get(&self, path: &str) -> Said {
        self.ask("GET", path, None)
    }

    /// `plugins.install(url, method, options, reinstall=)`.
    pub(crate) fn install(&self, method: &str, options: &Value, reinstall: bool) -> Said {
        let path = match reinstall {
            true => "plugins?reinstall=True",
            false => "plugins",
        };
        let body = dumps(&json!({"method": method, "options": options}));
        self.ask("POST", path, Some(&body))
    }

    /// `plugins.uninstall(namespace, name)`.
    pub(crate) fn uninstall(&self, plugin: &str) -> Said {
        self.ask("DELETE", &format!("plugins/{plugin}"), None)
    }

    /// Sends a body as it is.
    pub(crate) fn post(&self, path: &str, body: &str) -> Said {
        self.ask("POST", path, Some(body))
    }

    /// Sends no body at all.
    pub(crate) fn post_nothing(&self, path: &str) -> Said {
        self.ask("POST", path, None)
    }

    fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Said {
        let mut request = format!(
            "{method} /0.2/{path} HTTP/1.1\r\nHost: localhost:{}\r\nUser-agent: wazo-plugind-cli\r\n\
             Accept-Encoding: gzip, deflate\r\nAccept: application/json\r\nConnection: close\r\nX-Auth-Token: {}\r\n",
            self.port, self.token
        );
        match body {
            Some(body) => request.push_str(&format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )),
            None if method == "GET" => request.push_str("\r\n"),
            None => request.push_str("Content-Length: 0\r\n\r\n"),
        }
        self.send(&request)
    }

    fn send(&self, request: &str) -> Said {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        // The client itself gives up after ten seconds; tests run on machines that are busy.
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Said {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// Asks for the status until the agent has a token of its own.
    pub(crate) fn wait_until_ready(&self) {
        let began = Instant::now();
        loop {
            let said = self.get("status");
            if said.status == 200 && said.json()["master_tenant"]["status"] == "ok" {
                return;
            }
            let waited = began.elapsed();
            assert!(waited < Duration::from_secs(60), "{}", said.body);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A value as Python's `json.dumps` writes it: with a space after each comma and colon.
fn dumps(value: &Value) -> String {
    let mut bytes = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, Python))
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        to.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        to.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }
}

/// A market server as the reference has it: Python's static server, and one document.
pub(crate) struct MarketServer {
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    process: Child,
}

impl MarketServer {
    pub(crate) fn start(items: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port("127.0.0.1");
        let process = Command::new("python3")
            .args(["-m", "http.server", "--bind", "127.0.0.1", "--directory"])
            .arg(folder.path())
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            port,
            folder,
            process,
        };
        server.write(items);
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "it serves");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Has these entries from now on.
    pub(crate) fn write(&self, items: &[Value]) {
        let folder = self.folder.path().join("0.1");
        fs::create_dir_all(&folder).unwrap();
        let document = json!({"total": items.len(), "items": items});
        fs::write(folder.join("plugins"), document.to_string()).unwrap();
    }

    /// The setting that names it.
    pub(crate) fn setting(&self) -> String {
        format!(
            "market: {{host: 127.0.0.1, port: {}, version: '0.1'}}\n",
            self.port
        )
    }
}

impl Drop for MarketServer {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn a_body_is_written_as_python_writes_it() {
    let body = json!({"method": "git", "options": {"url": "git://a/b", "more": [1, 2]}});
    assert_eq!(
        dumps(&body),
        r#"{"method": "git", "options": {"url": "git://a/b", "more": [1, 2]}}"#
    );
}
