//! What the stories of the service are told with: a farm that serves, a git server, and a partner with a token.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::farm::{TestFarm, commit, edit};
use crate::source_lab::{Sources, free_port, run};

/// A farm that serves at an address which containers reach, and a git server beside it.
pub(crate) struct Service {
    pub(crate) farm: TestFarm,
    sources: Sources,
    git: String,
    address: String,
    process: Option<Child>,
    /// The Docker Engine that it uses, unless it is the machine's own.
    pub(crate) engine: Option<String>,
}

/// What the farm answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn kind(&self) -> &str {
        self.header("content-type")
    }
}

impl Service {
    /// A farm with these settings, which does not serve yet.
    pub(crate) async fn new(settings: &str) -> Self {
        Self::with_repository("", settings).await
    }

    /// Likewise, with more settings of the repository, such as `, channels: [testing, stable]`.
    pub(crate) async fn with_repository(repository: &str, settings: &str) -> Self {
        let mut sources = Sources::new().await;
        let git = sources.git_daemon();
        let address = format!("{}:{}", sources.address, free_port(&sources.address));
        let farm = TestFarm::new();
        let config = format!(
            "repository: {{url: 'http://{address}/apt'{repository}}}\nsource: {{private_networks: true}}\n{settings}"
        );
        fs::write(farm.config(), config).unwrap();
        Self {
            farm,
            sources,
            git,
            address,
            process: None,
            engine: None,
        }
    }

    /// Starts servers of private repositories, before the farm serves: where those are that open to a token, where those that
    /// open to a key, and the key. The operator's own settings have it, too.
    pub(crate) fn private_servers(&mut self) -> (String, String, PathBuf) {
        let (https, ssh) = (self.sources.https(), self.sources.ssh());
        let config = &self.sources.config;
        let [certificates, known_hosts, key] =
            [&config.certificates, &config.known_hosts, &config.ssh_key]
                .map(|path| path.clone().unwrap());
        let more = format!(
            "private_networks: true, certificates: '{}', known_hosts: '{}', ssh_key: '{}'}}",
            certificates.display(),
            known_hosts.display(),
            key.display()
        );
        edit(&self.farm.config(), "private_networks: true}", &more);
        (https, ssh, key)
    }

    /// Whether the statement in an envelope is about a plugin's package.
    pub(crate) fn is_of_a_plugin(&self, envelope: &str) -> bool {
        let envelope: Value = serde_json::from_str(envelope.lines().next().unwrap()).unwrap();
        let file = self.folder().join("payload");
        fs::write(&file, envelope["payload"].as_str().unwrap()).unwrap();
        let statement = run(
            self.folder(),
            "base64",
            &["--decode", file.to_str().unwrap()],
        );
        statement.contains("wazo-plugind-")
    }

    /// A folder that goes away with it.
    pub(crate) fn folder(&self) -> &Path {
        self.sources.root.path()
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        let patience = Some(Duration::from_secs(300));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of this machine that it serves at, without a port.
    pub(crate) fn host(&self) -> &str {
        &self.sources.address
    }

    /// A fixture as the plugin `name`, on the git server; gives its URL.
    pub(crate) fn repository(&self, fixture: &str, name: &str) -> String {
        self.repository_with(fixture, name, |_| {})
    }

    /// Likewise, with a change.
    pub(crate) fn repository_with(
        &self,
        fixture: &str,
        name: &str,
        change: impl Fn(&Path),
    ) -> String {
        let plugin = self.farm.plugin(fixture);
        change(&plugin);
        if name != fixture {
            let manifest = plugin.join("wazo/plugin.yml");
            edit(
                &manifest,
                &format!("name: {fixture}"),
                &format!("name: {name}"),
            );
        }
        commit(&plugin, 1_700_000_000);
        let url = self.publish_repository(&plugin, name);
        fs::remove_dir_all(&plugin).unwrap();
        url
    }

    /// Puts a copy of a repository on the git server; gives its URL.
    pub(crate) fn publish_repository(&self, repository: &Path, name: &str) -> String {
        let bare = self.sources.root.path().join(name);
        let (from, to) = (repository.to_str().unwrap(), bare.to_str().unwrap());
        run(
            Path::new("/"),
            "git",
            &["clone", "--quiet", "--bare", from, to],
        );
        format!("{}/{name}", self.git)
    }

    /// Adds a partner with the fixtures' namespaces, and gives a token.
    pub(crate) fn partner(&self) -> String {
        self.farm.run(&["partner", "add", "acme"]).succeeds();
        for namespace in ["demo", "fixtures"] {
            self.farm
                .run(&["namespace", "add", namespace, "--partner=acme"])
                .succeeds();
        }
        let created = self
            .farm
            .run(&["token", "create", "--partner=acme", "--json"]);
        created.succeeds().json()["token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Serves, and waits until it answers.
    pub(crate) fn start(&mut self) {
        self.begin(&[], Stdio::inherit());
    }

    /// Likewise; what it logs goes to a file, as JSON.
    pub(crate) fn start_with_log(&mut self, file: &Path) {
        let log = fs::File::create(file).unwrap();
        self.begin(&["--json", "--log=info,plugfarm=debug"], log.into());
    }

    fn begin(&mut self, arguments: &[&str], log: Stdio) {
        let listen = format!("--listen={}", self.address);
        let process = self
            .command(&[&["serve", &listen], arguments].concat())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.process = Some(process.unwrap());
        let began = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "it serves");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A command of the farm, not yet run.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.farm.command(arguments);
        if let Some(engine) = &self.engine {
            command.env("DOCKER_HOST", engine);
        }
        command
    }

    /// Kills it now, whoever else asks it something meanwhile. [`Service::restart`] is next.
    pub(crate) fn kill_now(&self) {
        let process = self.process.as_ref().unwrap().id().to_string();
        run(Path::new("/"), "kill", &["-9", &process]);
    }

    /// Serves again, after [`Service::kill_now`].
    pub(crate) fn restart(&mut self) {
        self.process.take().unwrap().wait().unwrap();
        self.start();
    }

    /// Kills it, as a power cut does.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        run(Path::new("/"), "kill", &[&process.id().to_string()]);
        assert!(process.wait().unwrap().success());
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, "Accept: */*")
    }

    pub(crate) fn get_with(&self, path: &str, header: &str) -> Answer {
        self.ask(&format!(
            "GET {path} HTTP/1.0\r\nHost: farm\r\n{header}\r\n\r\n"
        ))
        .unwrap()
    }

    /// Sends a body as it is, with these headers.
    pub(crate) fn send(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = body.len();
        self.ask(&format!(
            "POST {path} HTTP/1.0\r\nHost: farm\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        ))
        .unwrap()
    }

    pub(crate) fn put(&self, path: &str, token: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let token = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        let length = body.len();
        self.ask(&format!(
            "PUT {path} HTTP/1.0\r\nHost: farm\r\nContent-Type: application/json\r\n{token}Content-Length: {length}\r\n\r\n{body}"
        ))
        .unwrap()
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.try_post(path, token, "Accept: */*", body).unwrap()
    }

    /// Likewise, of a farm that may be killed meanwhile, with one more header.
    pub(crate) fn try_post(
        &self,
        path: &str,
        token: &str,
        header: &str,
        body: &Value,
    ) -> io::Result<Answer> {
        let body = body.to_string();
        let token = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        self.ask(&format!(
            "POST {path} HTTP/1.0\r\nHost: farm\r\nContent-Type: application/json\r\n{header}\r\n{token}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// Sends a form as a browser does, with a cookie, from a page of `origin`.
    pub(crate) fn post_form(&self, path: &str, cookie: &str, origin: &str, body: &str) -> Answer {
        self.ask(&format!(
            "POST {path} HTTP/1.0\r\nHost: {}\r\nOrigin: {origin}\r\nCookie: {cookie}\r\nAccept: text/html\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        ))
        .unwrap()
    }

    /// HTTP/1.0: the answer is all that comes until the end, if it is whole.
    fn ask(&self, request: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(300)))?;
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n");
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let answer = Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: bytes[end + 4..].to_vec(),
        };
        let size = answer.header("content-length").parse();
        match size.is_ok_and(|size: usize| size > answer.body.len()) && answer.status != 304 {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(answer),
        }
    }

    /// Waits until a build is in one of these states.
    pub(crate) fn wait(&self, id: &str, states: &[&str]) -> Value {
        self.wait_with(id, states, "Accept: */*")
    }

    /// Likewise, with a header that says who asks.
    pub(crate) fn wait_with(&self, id: &str, states: &[&str], header: &str) -> Value {
        let began = Instant::now();
        loop {
            let build = self.get_with(&format!("/builds/{id}"), header).json();
            if states.iter().any(|state| build["state"] == *state) {
                return build;
            }
            assert!(
                began.elapsed() < Duration::from_secs(240),
                "{states:?}: {build:#}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
            // Takes up, and away, what it left.
            self.command(&["images", "list"]).output().unwrap();
        }
    }
}
