//! Telling of outcomes: signed requests and mail, written down before they are sent, once for each outcome.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plugfarm::forge::sign;
use serde_json::{Value, json};

use crate::farm::edit;
use crate::service_lab::{Answer, Service};
use crate::source_lab::free_port;

type Told = Arc<Mutex<Vec<(String, Value)>>>;

/// A server that takes what is posted to it: the signature and the body of each request.
fn receiver(address: &str) -> Told {
    let listener = TcpListener::bind(address).unwrap();
    let told = Told::default();
    let kept = Arc::clone(&told);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut signature, mut line) = (0, String::new(), String::new());
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some((name, value)) = line.trim_end().split_once(": ") {
                    match name.to_ascii_lowercase().as_str() {
                        "content-length" => length = value.parse().unwrap(),
                        "x-hub-signature-256" => value.clone_into(&mut signature),
                        _ => {}
                    }
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let parsed = serde_json::from_slice(&body).unwrap();
            kept.lock().unwrap().push((
                format!("{signature} {}", String::from_utf8(body).unwrap()),
                parsed,
            ));
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                .unwrap();
        }
    });
    told
}

/// A real mail server, which keeps what comes in a folder.
struct MailServer(Child);

impl Drop for MailServer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn mail_server(service: &Service, address: &str) -> (MailServer, std::path::PathBuf) {
    let folder = service.folder().join("mail");
    let server = Command::new("/usr/bin/python3")
        .args([
            "-m",
            "aiosmtpd",
            "-n",
            "-l",
            address,
            "-c",
            "aiosmtpd.handlers.Mailbox",
        ])
        .arg(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    (MailServer(server.unwrap()), folder)
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn mails(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder.join("new")) else {
        return Vec::new();
    };
    entries
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect()
}

/// A farm that tells, and whoever it is to tell.
struct Story {
    service: Service,
    token: String,
    url: String,
    /// Where nobody listens yet.
    web: String,
    mail: std::path::PathBuf,
    _server: MailServer,
}

impl Story {
    async fn begin() -> Self {
        let host = crate::source_lab::Sources::new().await.address.clone();
        let [web, smtp] = [(); 2].map(|()| free_port(&host));
        let settings = format!(
            "notify: {{private_networks: true, mail: {{from: farm@example.org, \
             command: [/usr/bin/msmtp, --host={host}, --port={smtp}, --tls=off, --auth=off]}}}}\n"
        );
        let mut service = Service::new(&settings).await;
        let failing = |plugin: &std::path::Path| {
            let rules = plugin.join("wazo/rules");
            edit(&rules, "    build)", "    build)\n        exit 3");
        };
        let url = service.repository_with("helloworld", "helloworld", failing);
        let (server, mail) = mail_server(&service, &format!("{host}:{smtp}"));
        service.start();
        let token = service.partner();
        Self {
            service,
            token,
            url,
            web: format!("{host}:{web}"),
            mail,
            _server: server,
        }
    }

    fn subscribe(&self, body: &Value) -> Answer {
        self.service.post("/subscriptions", &self.token, body)
    }

    fn letters(&self, id: &str) -> Value {
        let own = format!("Authorization: Bearer {}", self.token);
        let letters = format!("/subscriptions/{id}/letters");
        self.service.get_with(&letters, &own).json()
    }

    fn submit(&self) -> String {
        let asked = json!({ "url": self.url, "plugin": "demo/helloworld" });
        let submitted = self.service.post("/builds", &self.token, &asked);
        submitted.json()["id"].as_str().unwrap().to_owned()
    }

    /// What is no address, or none that may be told, is refused; this machine itself is told nothing.
    fn only_others_are_told(&self) -> (String, TcpListener) {
        let inside = TcpListener::bind("127.0.0.1:0").unwrap();
        inside.set_nonblocking(true).unwrap();
        let loopback = format!("http://{}/", inside.local_addr().unwrap());
        let forbidden = self.subscribe(&json!({ "address": loopback, "events": ["failed"] }));
        for wrong in [
            json!({ "address": "x" }),
            json!({ "address": "https://a:b@example.org/" }),
            json!({ "address": "a@b.org", "events": ["x"] }),
            json!({ "address": "a@b.org", "plugin": "other/x" }),
        ] {
            let status = self.subscribe(&wrong).status;
            assert!([404, 422].contains(&status), "{wrong}");
        }
        (forbidden.json()["id"].as_str().unwrap().to_owned(), inside)
    }

    fn mail_has_come(&self) {
        wait_for("mail has come", || mails(&self.mail).len() >= 2);
        let mut subjects: Vec<_> = mails(&self.mail)
            .iter()
            .map(|mail| {
                let mut lines = mail.lines();
                assert!(mail.contains("To: ops@example.org"), "{mail}");
                lines
                    .find(|line| line.starts_with("Subject: "))
                    .unwrap()
                    .to_owned()
            })
            .collect();
        subjects.sort();
        let expected = ["failed", "recovered"]
            .map(|event| format!("Subject: [local] demo/helloworld {event} for bookworm"));
        assert_eq!(subjects, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_subscribes_is_told_of_each_outcome_once_also_over_a_kill() {
    let mut story = Story::begin().await;
    let told_at = format!("http://{}/told", story.web);
    let subscribed =
        story.subscribe(&json!({ "address": told_at, "events": ["succeeded", "failed"] }));
    assert_eq!(subscribed.status, 201, "{}", subscribed.text());
    let text = |name: &str| subscribed.json()[name].as_str().unwrap().to_owned();
    let (secret, subscription) = (text("secret"), text("id"));
    assert_eq!(
        story
            .subscribe(&json!({ "address": "ops@example.org" }))
            .status,
        201
    );
    let (never, inside) = story.only_others_are_told();
    let own = format!("Authorization: Bearer {}", story.token);
    let shown = story.service.get_with("/subscriptions", &own).text();
    assert!(
        shown.contains(&subscription) && !shown.contains(&secret),
        "{shown}"
    );

    let first = story.submit();
    story.service.wait(&first, &["failed"]);
    // Nobody listens yet: it is tried, and waits. Then the farm is killed.
    wait_for("it was tried", || {
        let letter = story.letters(&subscription)[0].clone();
        letter["tries"] == 1 && letter["problem"].is_string()
    });
    wait_for("nobody is told there", || {
        story.letters(&never)[0]["state"] == "given-up"
    });
    let problem = story.letters(&never)[0]["problem"].clone();
    assert!(
        problem.as_str().unwrap().contains("the machine itself"),
        "{problem}"
    );
    assert!(inside.accept().is_err(), "nobody was connected to");
    story.service.kill();
    let told = receiver(&story.web);
    story.service.start();
    fs::remove_dir_all(story.service.folder().join("helloworld")).unwrap();
    story.service.repository("helloworld", "helloworld");
    let second = story.submit();
    story.service.wait(&second, &["succeeded"]);
    wait_for("both outcomes are told", || told.lock().unwrap().len() >= 2);
    std::thread::sleep(Duration::from_secs(3));
    let told = told.lock().unwrap().clone();
    let said = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
    let mut events: Vec<_> = told
        .iter()
        .map(|(_, body)| (said(&body["build"], "id"), said(body, "event")))
        .collect();
    events.sort();
    let mut expected = [
        (first, "failed".to_owned()),
        (second, "recovered".to_owned()),
    ];
    expected.sort();
    assert_eq!(events, expected);
    for (sent, _) in &told {
        let (signature, body) = sent.split_once(' ').unwrap();
        assert_eq!(signature, sign(secret.as_bytes(), body.as_bytes()));
    }
    story.mail_has_come();
}
