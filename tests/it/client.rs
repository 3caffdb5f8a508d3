//! The client: a partner with a token and an address goes from nothing to a plugin that hosts install, by commands alone; and
//! what is told to whoever has the wrong one.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::farm::{Host, Ran, commit, edit};
use crate::service_lab::Service;
use crate::source_lab::{free_port, run};

const PACKAGE: &str = "wazo-plugind-helloworld-demo";

/// Somebody on another machine, who has no data folder and no configuration.
struct Somebody {
    farm: String,
    token: String,
}

impl Somebody {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugfarm"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("PLUGFARM_FARM", &self.farm)
            .env("PLUGFARM_TOKEN", &self.token)
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        ran.succeeds().json()
    }
}

/// Makes a token with somebody else's.
fn token(by: &Somebody, arguments: &[&str]) -> Somebody {
    let made = by.json(&[&["token", "create"], arguments].concat());
    Somebody {
        farm: by.farm.clone(),
        token: made["token"].as_str().unwrap().to_owned(),
    }
}

/// The operator of a farm that serves, with a partner acme that has no namespace yet.
fn operator(service: &Service) -> Somebody {
    service.farm.run(&["partner", "add", "acme"]).succeeds();
    let made = service.farm.run(&["token", "create", "--json"]).succeeds();
    Somebody {
        farm: service.url(),
        token: made.json()["token"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_comes_from_nothing_to_what_hosts_install_with_the_client_alone() {
    let mut service = Service::with_repository(", channels: [testing, stable]", "").await;
    let talkative = |plugin: &Path| {
        let said = "    build)\n        echo one; echo two; echo three";
        edit(&plugin.join("wazo/rules"), "    build)", said);
    };
    let url = service.repository_with("helloworld", "helloworld", talkative);
    service.start();
    let operator = operator(&service);
    operator
        .run(&["namespace", "add", "demo", "--partner=acme"])
        .succeeds();
    let scopes = ["--scope=submit", "--scope=manage", "--scope=release"];
    let alice = token(
        &operator,
        &[&["--partner=acme", "--person=alice"], &scopes[..]].concat(),
    );

    let submitted = alice
        .run(&["submit", &url, "--plugin=demo/helloworld", "--follow"])
        .succeeds();
    for line in ["one", "two", "three"] {
        let shown = submitted.stderr.lines();
        let found = shown.filter(|text| text.ends_with(&format!("│ {line}")));
        assert_eq!(found.count(), 1, "{}", submitted.stderr);
    }
    let version = "0.0.1-0+deb12u1";
    let words = format!("{PACKAGE} {version} is in bookworm-testing\n");
    assert_eq!(submitted.stdout, words);

    let builds = alice.json(&["builds", "list", "--plugin=demo/helloworld"]);
    let id = builds["builds"][0]["id"].as_str().unwrap();
    let shown = alice.run(&["builds", "show", id]).succeeds().stdout;
    assert!(
        shown.contains("published wazo-plugind-helloworld-demo"),
        "{shown}"
    );
    let log = alice.run(&["builds", "logs", id]).succeeds().stdout;
    let second = log.lines().position(|line| line == "two").unwrap() + 1;
    let range = format!("--lines={second}..{}", second + 1);
    let lines = alice.run(&["builds", "logs", id, &range]).succeeds().stdout;
    assert_eq!(lines, "two\nthree\n");
    let followed = alice.run(&["builds", "logs", id, "--follow"]).succeeds();
    assert_eq!(followed.stdout, format!("{log}{words}"));
    let why = alice.run(&["builds", "why", id]).succeeds().stdout;
    assert_eq!(why, "it does not wait: it is succeeded\n");

    // What the same pipeline asks for twice is one build.
    let again = ["submit", &url, "--idempotency-key=pipeline-7"];
    let (first, second) = (alice.json(&again), alice.json(&again));
    assert_eq!(
        (&first["fresh"], &second["fresh"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(first["id"], second["id"]);

    let promoted = alice.json(&["promote", PACKAGE, "--reason=it ran for a week"]);
    assert_eq!(promoted["promoted"][0]["approvals"][0]["by"], "alice");
    let plugin = alice.json(&["plugins", "show", "demo/helloworld"]);
    let plugin = &plugin["plugin"];
    let newest = &plugin["versions"][0];
    assert_eq!(
        (&newest["version"], &newest["build"]),
        (&json!(version), &json!(id))
    );
    let suites: Vec<_> = plugin["highest"].as_array().unwrap().iter().collect();
    assert_eq!(
        suites.iter().map(|one| &one["suite"]).collect::<Vec<_>>(),
        ["bookworm", "bookworm-testing"]
    );
    let audit = service.farm.run(&["audit", PACKAGE]).succeeds().stdout;
    assert!(audit.contains("alice"), "{audit}");

    let host = Host::networked(&service.farm, "bookworm");
    host.stub("asterisk");
    let keyring = format!("{}/apt/plugfarm-local-keyring-bookworm.deb", service.url());
    host.run(&format!(
        "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* \
         && /usr/lib/apt/apt-helper download-file {keyring} /tmp/keyring.deb && dpkg --install /tmp/keyring.deb \
         && apt-get update --error-on=any && apt-get update --error-on=any && apt-get install --yes {PACKAGE}"
    ))
    .succeeds();
    assert_eq!(host.status(PACKAGE), "install ok installed");
    alice
        .run(&[
            "withdraw",
            &format!("{PACKAGE}={version}"),
            "--reason=it was a test",
        ])
        .succeeds();
    let after = alice
        .run(&["plugins", "show", "demo/helloworld"])
        .succeeds()
        .stdout;
    assert!(
        after.contains("bookworm, withdrawn: it was a test"),
        "{after}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_followed_is_followed_through_the_death_of_its_farm() {
    let mut service = Service::new("").await;
    let slow = |plugin: &Path| {
        let said =
            "    build)\n        for i in 1 2 3 4 5 6 7 8 9; do echo \"step $i\"; sleep 0.5; done";
        edit(&plugin.join("wazo/rules"), "    build)", said);
    };
    let url = service.repository_with("helloworld", "helloworld", slow);
    service.start();
    let partner = Somebody {
        farm: service.url(),
        token: service.partner(),
    };
    let mut following = partner
        .command(&["submit", &url, "--plugin=demo/helloworld", "--follow"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stderr.take().unwrap()).lines();
    let mut seen: Vec<String> = Vec::new();
    while !seen.last().is_some_and(|line| line.ends_with("step 3")) {
        seen.push(lines.next().unwrap().unwrap());
    }
    service.kill();
    service.start();
    seen.extend(lines.map(Result::unwrap));
    assert!(following.wait().unwrap().success(), "{seen:#?}");
    let begins = seen.iter().position(|line| line == "attempt 2");
    let (first, second) = seen.split_at(begins.unwrap());
    for step in 1..=9 {
        let shown = |lines: &[String]| {
            let named = format!("│ step {step}");
            lines.iter().filter(|line| line.ends_with(&named)).count()
        };
        assert!(
            shown(first) <= 1 && shown(second) == 1,
            "step {step}: {seen:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_is_the_builds_outcome() {
    let mut service = Service::new("").await;
    let failing = service.repository("failing-build", "failing-build");
    let silent = service.repository("silence", "silence");
    service.start();
    let partner = Somebody {
        farm: service.url(),
        token: service.partner(),
    };
    let plugin = "--plugin=fixtures/failing-build";
    let failed = partner.run(&["submit", &failing, plugin, "--follow"]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    for words in [
        "build failed",
        "fixture: no compiler for this",
        "whose fault: the plugin's",
    ] {
        assert!(failed.stderr.contains(words), "{}", failed.stderr);
    }
    let failed = partner.run(&["submit", &failing, plugin, "--follow", "--json"]);
    assert_eq!(failed.code, 1);
    let said = failed.json();
    assert_eq!(
        (&said["stage"], &said["blame"]),
        (&json!("build"), &json!("partner"))
    );
    assert_eq!(said["build"]["state"], "failed");

    let submitted = partner.json(&["submit", &silent, "--plugin=fixtures/silence"]);
    let id = submitted["id"].as_str().unwrap();
    service.wait(id, &["running"]);
    partner.run(&["builds", "cancel", id]).succeeds();
    let cancelled = partner.run(&["builds", "logs", id, "--follow"]);
    assert_eq!(cancelled.code, 3, "{}", cancelled.stderr);
    assert!(
        cancelled.stderr.contains("somebody asked for it to stop"),
        "{}",
        cancelled.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_wrong_address_or_token_is_told_what_to_do() {
    let mut service = Service::new("").await;
    service.start();
    let farm = service.url();
    let partner = Somebody {
        farm: farm.clone(),
        token: service.partner(),
    };
    let refused = |somebody: &Somebody, arguments: &[&str], code: i32, words: &[&str]| {
        let ran = somebody.run(arguments);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        for words in words {
            assert!(ran.stderr.contains(words), "{words:?} in {}", ran.stderr);
        }
        assert!(!ran.stderr.contains(&somebody.token), "{}", ran.stderr);
    };
    let with = |farm: &str, token: &str| Somebody {
        farm: farm.to_owned(),
        token: token.to_owned(),
    };
    let list = ["token", "list"];
    refused(
        &with(&farm, "plugfarm_0"),
        &list,
        2,
        &["unknown", "ask its operator for a new one"],
    );
    refused(
        &with("nowhere", "plugfarm_0"),
        &list,
        2,
        &["`nowhere` is no farm's address"],
    );
    let stranger = ["submit", "https://git.example.org/x", "--plugin=other/x"];
    refused(
        &partner,
        &stranger,
        2,
        &["other", "ask the farm's operator"],
    );
    let unknown = ["builds", "show", "0190a000-0000-7000-8000-000000000000"];
    refused(&partner, &unknown, 2, &["there is no such build"]);
    let nobody = Somebody {
        farm: farm.replace("http:", "https:"),
        token: "plugfarm_0".to_owned(),
    };
    refused(&nobody, &list, 3, &["the farm does not answer"]);

    // A token's file is its owner's alone.
    let file = service.folder().join("token");
    fs::write(&file, format!("{}\n", partner.token)).unwrap();
    let path = file.to_str().unwrap();
    let ask = || -> Ran {
        let mut command = partner.command(&["token", "list", "--token-file", path]);
        command
            .env_remove("PLUGFARM_TOKEN")
            .output()
            .unwrap()
            .into()
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let open = ask();
    assert_eq!(open.code, 2, "{}", open.stderr);
    assert!(open.stderr.contains("chmod 600"), "{}", open.stderr);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    ask().succeeds();
    let none = partner.command(&list).env_remove("PLUGFARM_TOKEN").output();
    let none: Ran = none.unwrap().into();
    assert_eq!(none.code, 2);
    assert!(
        none.stderr.contains("set PLUGFARM_TOKEN"),
        "{}",
        none.stderr
    );
    let lost = partner
        .command(&["builds", "list"])
        .env_remove("PLUGFARM_FARM")
        .output();
    let lost: Ran = lost.unwrap().into();
    assert_eq!(lost.code, 2);
    assert!(lost.stderr.contains("name the farm"), "{}", lost.stderr);
}

/// A farm whose second channel takes what two people approved, with two versions published in the first; and its operator.
async fn two_versions() -> (Service, Somebody) {
    let approvals = ", channels: [testing, stable], approvals: 2";
    let mut service = Service::with_repository(approvals, "").await;
    let plugin = service.farm.plugin("helloworld");
    service.farm.publish(&plugin, &["--unpinned"]);
    edit(&plugin.join("wazo/plugin.yml"), "0.0.1", "0.0.2");
    commit(&plugin, 1_700_000_100);
    service.farm.publish(&plugin, &["--unpinned"]);
    service.start();
    let operator = operator(&service);
    operator
        .run(&["namespace", "add", "demo", "--partner=acme"])
        .succeeds();
    let url = "https://git.example.org/helloworld";
    let bound = operator.json(&["source", "bind", "demo/helloworld", url]);
    assert_eq!(bound["source"]["url"], url);
    (service, operator)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_are_not_two_people() {
    let (service, operator) = two_versions().await;
    let person = |name: &str, scope: &str| {
        let (person, scope) = (format!("--person={name}"), format!("--scope={scope}"));
        token(&operator, &["--partner=acme", &person, &scope])
    };
    let (alice, again, bob) = (
        person("alice", "release"),
        person("alice", "release"),
        person("bob", "release"),
    );
    let promote = ["promote", PACKAGE, "--reason=it works", "--json"];
    let refused = |somebody: &Somebody, words: &str| {
        let ran = somebody.run(&promote);
        assert_eq!(ran.code, 2, "{}", ran.stdout);
        assert!(ran.stdout.contains(words), "{words} in {}", ran.stdout);
    };
    refused(&person("carol", "submit"), "does not allow to release");
    service.farm.run(&["partner", "add", "other"]).succeeds();
    refused(
        &token(&operator, &["--partner=other", "--scope=release"]),
        "does not allow to release",
    );
    refused(
        &token(&operator, &["--partner=acme", "--scope=release"]),
        "who holds it",
    );
    let first = alice.json(&["promote", PACKAGE, "--reason=it works"]);
    assert_eq!(first["promoted"][0]["missing"], 1);
    refused(&again, "alice has approved");
    let shown = alice
        .run(&["plugins", "show", "demo/helloworld"])
        .succeeds();
    let waits = "0.0.2-0+deb12u1 waits for bookworm: approved by alice";
    assert!(shown.stdout.contains(waits), "{}", shown.stdout);
    let second = bob.json(&["promote", PACKAGE, "--reason=it works"]);
    assert_eq!(second["promoted"][0]["missing"], 0);

    let named = format!("{PACKAGE}=0.0.2-0+deb12u1");
    let phased = bob.run(&["phase", &named, "10"]).succeeds().stdout;
    assert!(
        phased.starts_with("10 percent of the hosts of bookworm"),
        "{phased}"
    );
    let rolled = bob.json(&[
        "rollback",
        PACKAGE,
        "--channel=testing",
        "--reason=calls drop",
    ]);
    let version = &rolled["rolled_back"][0]["version"];
    assert_eq!(version, "0.0.2-0+deb12u1+really0.0.1");
    let highest = bob.json(&["plugins"])["plugins"][0]["highest"].clone();
    assert_eq!(highest[1]["version"], *version, "{highest}");
    let audit = service.farm.run(&["audit", PACKAGE]).succeeds().stdout;
    for words in ["alice", "bob", "calls drop"] {
        assert!(audit.contains(words), "{words}: {audit}");
    }
    let channels = bob.run(&["channels"]).succeeds().stdout;
    assert!(
        channels.contains("stable  takes what 2 people approved  bookworm"),
        "{channels}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_has_a_preview_and_a_locked_farm_says_so() {
    let mut service = Service::new("").await;
    let url = service.repository("helloworld", "helloworld");
    service.start();
    let operator = operator(&service);
    operator
        .run(&["namespace", "add", "demo", "--partner=acme"])
        .succeeds();
    let partner = token(&operator, &["--partner=acme"]);
    operator
        .run(&["queue", "lock", "--reason=new disks"])
        .succeeds();
    let preview = [
        "submit",
        &url,
        "--plugin=demo/helloworld",
        "--preview=master",
    ];
    let submitted = partner.json(&preview);
    let id = submitted["id"].as_str().unwrap();
    let why = partner.run(&["builds", "why", id]).succeeds().stdout;
    assert!(why.contains("new disks"), "{why}");
    let queue = partner.run(&["queue", "show"]).succeeds().stdout;
    assert!(
        queue.starts_with("locked: new disks\n") && queue.contains(id),
        "{queue}"
    );
    operator.run(&["queue", "unlock"]).succeeds();
    let followed = partner.run(&["builds", "logs", id, "--follow"]).succeeds();
    assert!(
        followed
            .stdout
            .ends_with(" is in bookworm-preview-master\n"),
        "{}",
        followed.stdout
    );
}

/// A web server with a certificate by an authority of its own: its address, and the authority's file.
struct Web {
    server: Child,
    folder: tempfile::TempDir,
    url: String,
}

impl Web {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let openssl = |arguments: &str| {
            let arguments: Vec<_> = arguments.split(' ').collect();
            run(folder.path(), "openssl", &arguments)
        };
        let new = "req -x509 -newkey ed25519 -nodes -days 2 -subj";
        openssl(&format!("{new} /CN=authority -keyout ca.key -out ca.crt"));
        openssl(&format!(
            "{new} /CN=web -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:FALSE -CA ca.crt -CAkey ca.key \
             -keyout web.key -out web.crt"
        ));
        let address = format!("127.0.0.1:{}", free_port("127.0.0.1"));
        let server = Command::new("openssl")
            .args([
                "s_server", "-quiet", "-www", "-cert", "web.crt", "-key", "web.key",
            ])
            .args(["-accept", &address])
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        while TcpStream::connect(&address).is_err() {
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            server,
            folder,
            url: format!("https://{address}"),
        }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

#[test]
fn a_certificate_is_believed_where_its_authority_is_named() {
    let web = Web::start();
    let somebody = Somebody {
        farm: web.url.clone(),
        token: String::new(),
    };
    let list = ["builds", "list"];
    let unknown = somebody.run(&list);
    assert_eq!(unknown.code, 3, "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("SSL_CERT_FILE"),
        "{}",
        unknown.stderr
    );
    let authority = web.folder.path().join("ca.crt");
    let known = somebody
        .command(&list)
        .env("SSL_CERT_FILE", authority)
        .output();
    let known: Ran = known.unwrap().into();
    assert_eq!(known.code, 2, "{}", known.stderr);
    assert!(
        known.stderr.contains("but not as a farm does"),
        "{}",
        known.stderr
    );
}

#[test]
fn shells_and_manuals_know_every_command() {
    let somebody = Somebody {
        farm: String::new(),
        token: String::new(),
    };
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = somebody.run(&["completions", shell]).succeeds().stdout;
        assert!(script.contains("idempotency-key"), "{shell}");
        let path = folder.path().join(shell);
        fs::write(&path, script).unwrap();
        if shell == "bash" {
            let parsed = Command::new("bash").arg("-n").arg(&path).status();
            assert!(parsed.unwrap().success());
        }
    }
    let to = folder.path().join("man");
    somebody
        .run(&["man", "--to", to.to_str().unwrap()])
        .succeeds();
    let page = fs::read_to_string(to.join("plugfarm-submit.1")).unwrap();
    assert!(page.contains("PLUGFARM_FARM"), "{page}");
    assert!(to.join("plugfarm-builds-logs.1").exists());
}
