//! A Wazo for the host's agent: wazo-auth and wazo-confd as they speak over HTTP, each on a port of its own, and the agent itself.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The tenant that everything belongs to, and one below it.
pub(crate) const MASTER: &str = "2c34c282-433e-4bb8-8d56-fec14ff7e1e9";
pub(crate) const SUB: &str = "b93892f0-5300-4682-aede-3104b449ba69";
/// A token of each that may do everything.
pub(crate) const MASTER_TOKEN: &str = "master-token";
pub(crate) const SUB_TOKEN: &str = "sub-token";

/// What wazo-auth knows.
#[derive(Default)]
struct Known {
    /// The tenant of each token, and the beginnings of what it may do.
    tokens: HashMap<String, (String, Vec<String>)>,
    /// Whether services are refused their own tokens.
    refuses_services: bool,
    /// What was asked, without tokens.
    asked: Vec<String>,
}

/// wazo-auth: who may do what. It also answers as wazo-confd.
pub(crate) struct WazoAuth {
    pub(crate) port: u16,
    known: Arc<Mutex<Known>>,
    serving: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl WazoAuth {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut auth = Self {
            port: listener.local_addr().unwrap().port(),
            known: Arc::default(),
            serving: None,
        };
        auth.token(MASTER_TOKEN, MASTER, &[""]);
        auth.token(SUB_TOKEN, SUB, &[""]);
        auth.serve(listener);
        auth
    }

    /// Knows a token that may do what begins with one of these.
    pub(crate) fn token(&self, token: &str, tenant: &str, may: &[&str]) {
        let may = may.iter().map(|text| (*text).to_owned()).collect();
        let mut known = self.known.lock().unwrap();
        known
            .tokens
            .insert(token.to_owned(), (tenant.to_owned(), may));
    }

    pub(crate) fn revoke(&self, token: &str) {
        self.known.lock().unwrap().tokens.remove(token);
    }

    pub(crate) fn refuse_services(&self, refuse: bool) {
        self.known.lock().unwrap().refuses_services = refuse;
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.known.lock().unwrap().asked.clone()
    }

    /// Nobody answers any more.
    pub(crate) fn stop(&mut self) {
        let (stop, serving) = self.serving.take().unwrap();
        stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        serving.join().unwrap();
    }

    /// Somebody answers again.
    pub(crate) fn restart(&mut self) {
        self.serve(TcpListener::bind(("127.0.0.1", self.port)).unwrap());
    }

    fn serve(&mut self, listener: TcpListener) {
        let stop = Arc::new(AtomicBool::new(false));
        let (known, stopped) = (Arc::clone(&self.known), Arc::clone(&stop));
        let serving = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let known = Arc::clone(&known);
                std::thread::spawn(move || drop(answer(stream.unwrap(), &known)));
            }
        });
        self.serving = Some((stop, serving));
    }
}

impl Drop for WazoAuth {
    fn drop(&mut self) {
        if self.serving.is_some() {
            self.stop();
        }
    }
}

fn answer(mut stream: TcpStream, known: &Mutex<Known>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => value.clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = line.split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let (status, body) = respond(
        &mut known.lock().unwrap(),
        method,
        target,
        &authorization,
        &body,
    );
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes())?;
    }
    Ok(())
}

fn respond(
    known: &mut Known,
    method: &str,
    target: &str,
    authorization: &str,
    body: &[u8],
) -> (&'static str, Option<Value>) {
    let url = url::Url::parse(&format!("http://auth{target}")).unwrap();
    let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
    let wrong = Some(json!({"message": "wrong"}));
    match (method, url.path()) {
        ("GET", "/1.1/infos") => ("200 OK", Some(json!({"wazo_version": "24.10"}))),
        ("POST", "/0.1/token") => {
            known.asked.push("POST token".to_owned());
            let body: Value = serde_json::from_slice(body).unwrap();
            // `plugind:secret`.
            if known.refuses_services || authorization != "Basic cGx1Z2luZDpzZWNyZXQ=" {
                return ("401 Unauthorized", wrong);
            }
            assert_eq!(body, json!({"expiration": 21600}));
            known.tokens.insert(
                "service".to_owned(),
                (MASTER.to_owned(), vec![String::new()]),
            );
            let data = json!({"token": "service", "metadata": {"tenant_uuid": MASTER}});
            ("200 OK", Some(json!({ "data": data })))
        }
        (_, path) => {
            let token = path.strip_prefix("/0.1/token/").unwrap_or_default();
            let scope = query.get("scope").map_or("", String::as_str);
            known.asked.push(format!("{method} {scope}"));
            let Some((tenant, may)) = known.tokens.get(token) else {
                return ("404 Not Found", wrong);
            };
            if method == "GET" {
                let data = json!({"token": token, "metadata": {"tenant_uuid": tenant}});
                return ("200 OK", Some(json!({ "data": data })));
            }
            let asked = query.get("tenant").map_or(tenant.as_str(), String::as_str);
            let theirs = asked == tenant || (tenant == MASTER && asked == SUB);
            match theirs && may.iter().any(|start| scope.starts_with(start)) {
                true => ("204 No Content", None),
                false => ("403 Forbidden", wrong),
            }
        }
    }
}

/// The agent, with a state of its own.
pub(crate) struct Agent {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    address: String,
    process: Option<Child>,
}

/// What the agent answered.
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Agent {
    /// An agent that asks `auth`, with these settings beside; it does not serve yet.
    pub(crate) fn new(auth: &WazoAuth, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let agent = Self {
            folder,
            port,
            address: format!("127.0.0.1:{port}"),
            process: None,
        };
        let path = agent.folder().display();
        let key = agent.folder().join("key.yml");
        fs::write(&key, "service_id: plugind\nservice_key: secret\n").unwrap();
        let config = format!(
            "extra_config_files: {path}/conf.d\nmetadata_dir: {path}/plugins\nstate_dir: {path}/state\n\
             helper: {{socket: {path}/helper.sock}}\nbus: {{enabled: false}}\nrest_api: {{port: {port}}}\n\
             confd: {{host: 127.0.0.1, port: {auth}}}\nauth: {{host: 127.0.0.1, port: {auth}, key_file: {path}/key.yml}}\n",
            auth = auth.port
        );
        fs::write(agent.config(), config).unwrap();
        fs::create_dir(agent.folder().join("conf.d")).unwrap();
        fs::write(agent.folder().join("conf.d/50-test.yml"), settings).unwrap();
        agent
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self) -> PathBuf {
        self.folder().join("config.yml")
    }

    /// The binary with these arguments, not yet run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugfarm-host"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("XIVO_UUID", "the-uuid")
            .env("WAZO_VERSION", "17.10");
        command
    }

    /// Serves, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let config = self.config();
        let process = self
            .command(&["serve", "--config-file", config.to_str().unwrap()])
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
        let began = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "it serves");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let id = process.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        assert!(process.wait().unwrap().success());
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Said {
        self.ask("GET", path, &[("X-Auth-Token", token)], "")
    }

    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Said {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = body.len();
        self.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        ).as_bytes())
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&self, request: &[u8]) -> Said {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Said {
            status: head
                .split(' ')
                .nth(1)
                .and_then(|word| word.parse().ok())
                .unwrap_or_default(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// Asks until the answer is this status.
    pub(crate) fn wait(&self, path: &str, token: &str, good: impl Fn(&Said) -> bool) -> Said {
        let began = Instant::now();
        loop {
            let said = self.get(path, token);
            if good(&said) {
                return said;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{path}: {} {}",
                said.status,
                said.body
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}
