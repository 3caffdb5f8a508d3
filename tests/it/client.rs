//! The client: a partner with a token and an address goes from nothing to a plugin that hosts install, by commands alone; and
//! what is told to whoever has the wrong one.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::farm::{Host, Ran, edit};
use crate::service_lab::Service;

pub(crate) const PACKAGE: &str = "wazo-plugind-helloworld-demo";

/// Somebody on another machine, who has no data folder and no configuration.
pub(crate) struct Somebody {
    pub(crate) farm: String,
    pub(crate) token: String,
}

impl Somebody {
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugfarm"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("PLUGFARM_FARM", &self.farm)
            .env("PLUGFARM_TOKEN", &self.token)
            .args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        ran.succeeds().json()
    }
}

/// Makes a token with somebody else's.
pub(crate) fn token(by: &Somebody, arguments: &[&str]) -> Somebody {
    let made = by.json(&[&["token", "create"], arguments].concat());
    Somebody {
        farm: by.farm.clone(),
        token: made["token"].as_str().unwrap().to_owned(),
    }
}

/// The operator of a farm that serves, with a partner acme that has no namespace yet.
pub(crate) fn operator(service: &Service) -> Somebody {
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
