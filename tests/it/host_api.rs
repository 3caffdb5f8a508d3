//! Stories of the host's interface: the real binary, asked over HTTP, with a wazo-auth that comes and goes.

use std::io::{Read as _, Write as _};

use serde_json::json;

use crate::wazo_lab::{Agent, MASTER, MASTER_TOKEN, SUB, SUB_TOKEN, WazoAuth};

fn started(settings: &str) -> (WazoAuth, Agent) {
    let auth = WazoAuth::start();
    let mut agent = Agent::new(&auth, settings);
    agent.start();
    agent.wait("/0.2/status", MASTER_TOKEN, |said| {
        said.status == 200 && said.json()["master_tenant"]["status"] == "ok"
    });
    (auth, agent)
}

#[test]
fn only_good_tokens_of_the_master_tenant_are_answered() {
    let (auth, agent) = started("");
    assert_eq!(
        agent.get("/0.2/plugins", MASTER_TOKEN).json(),
        json!({"items": [], "total": 0})
    );
    let said = agent.get("/0.2/plugins", "unknown");
    assert_eq!(
        (said.status, &said.json()["details"]["reason"]),
        (401, &json!("not_found_or_expired"))
    );
    auth.token("reader", MASTER, &["plugind.plugins.read"]);
    assert_eq!(agent.get("/0.2/plugins", "reader").status, 200);
    let said = agent.get("/0.2/market", "reader");
    assert_eq!(
        said.json()["details"]["reason"],
        "missing_permission_or_invalid_tenant"
    );
    for path in [
        "/0.2/market",
        "/0.2/market/a/b",
        "/0.2/plugins",
        "/0.2/plugins/a/b",
        "/0.2/config",
        "/0.2/jobs",
    ] {
        let said = agent.get(path, SUB_TOKEN);
        assert_eq!(said.status, 401, "{path}");
        assert_eq!(
            said.json()["details"],
            json!({"invalid_token": SUB_TOKEN}),
            "{path}"
        );
    }
    let headers = [("X-Auth-Token", SUB_TOKEN)];
    let install = r#"{"method":"git","options":{"url":"https://x/"}}"#;
    assert_eq!(
        agent.ask("POST", "/0.2/plugins", &headers, install).status,
        401
    );
    assert_eq!(
        agent.ask("DELETE", "/0.2/plugins/a/b", &headers, "").status,
        401
    );
    assert_eq!(agent.get("/0.2/status", SUB_TOKEN).status, 200);
    // The master's token is good for a tenant below it, and still the master's; a sub-tenant's is not good for another one.
    let headers = [("X-Auth-Token", MASTER_TOKEN), ("Wazo-Tenant", SUB)];
    assert_eq!(agent.ask("GET", "/0.2/plugins", &headers, "").status, 200);
    let headers = [("X-Auth-Token", SUB_TOKEN), ("Wazo-Tenant", MASTER)];
    let said = agent.ask("GET", "/0.2/status", &headers, "");
    assert_eq!(said.json()["details"]["tenant_uuid"], MASTER);
    auth.revoke("reader");
    agent.wait("/0.2/plugins", "reader", |said| said.status == 401);
    assert!(
        auth.asked()
            .contains(&"HEAD plugind.plugins.a.b.read".to_owned())
    );
}

#[test]
fn without_wazo_auth_there_is_no_answer_and_with_it_there_is_one_again() {
    let (mut auth, agent) = started("");
    auth.stop();
    let said = agent.wait("/0.2/plugins", MASTER_TOKEN, |said| said.status == 503);
    let body = said.json();
    assert_eq!(body["error_id"], "authentication-server-unreachable");
    assert_eq!(body["details"]["auth_server_port"], auth.port);
    assert!(!said.body.contains(MASTER_TOKEN), "{}", said.body);
    auth.restart();
    agent.wait("/0.2/plugins", MASTER_TOKEN, |said| said.status == 200);
}

#[test]
fn an_agent_that_gets_no_token_of_its_own_says_so_until_it_has_one() {
    let auth = WazoAuth::start();
    auth.refuse_services(true);
    let mut agent = Agent::new(&auth, "");
    agent.start();
    let said = agent.get("/0.2/status", MASTER_TOKEN).json();
    assert_eq!(
        said,
        json!({"rest_api": {"status": "ok"}, "master_tenant": {"status": "fail"}})
    );
    let said = agent.get("/0.2/plugins", MASTER_TOKEN);
    assert_eq!(
        (said.status, &said.json()["error_id"]),
        (503, &json!("not-initialized"))
    );
    auth.refuse_services(false);
    agent.wait("/0.2/plugins", MASTER_TOKEN, |said| said.status == 200);
    let said = agent.get("/0.2/config", MASTER_TOKEN).json();
    assert_eq!(said["auth"]["master_tenant_uuid"], MASTER);
    assert_eq!(said["uuid"], "the-uuid");
}

#[test]
fn what_was_asked_for_is_known_after_a_restart() {
    let (_auth, mut agent) = started("");
    let headers = [
        ("X-Auth-Token", MASTER_TOKEN),
        ("Content-Type", "text/plain"),
    ];
    let body = r#"{"method":"git","options":{"url":"https://me:hunter2@git.example.org/a"}}"#;
    let said = agent.ask("POST", "/0.2/plugins", &headers, body);
    assert_eq!(said.status, 200, "{}", said.body);
    let job = format!("/0.2/jobs/{}", said.json()["uuid"].as_str().unwrap());
    let said = agent.get(&job, MASTER_TOKEN);
    assert!(!said.body.contains("hunter2"), "{}", said.body);
    agent.stop();
    agent.start();
    let again = agent.wait(&job, MASTER_TOKEN, |said| said.status == 200);
    assert_eq!(again.json()["created_at"], said.json()["created_at"]);
    assert_eq!(again.json()["options"]["url"], "https://git.example.org/a");
}

#[test]
fn whatever_comes_over_the_wire_is_answered_or_hung_up_on() {
    let (_auth, agent) = started("");
    let said = agent.send("GET /0.2/é HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".as_bytes());
    assert_eq!(said.status, 400);
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "a".repeat(500_000)
    );
    let mut stream = agent.connect();
    // It may hang up before it has taken everything.
    let taken = stream.write_all(long.as_bytes());
    let mut said = Vec::new();
    let read = stream.read_to_end(&mut said);
    assert!(taken.is_err() || read.is_err() || said.starts_with(b"HTTP/1.1 4"));
    for nonsense in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"POST /0.2/plugins HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ] {
        assert!([0, 400].contains(&agent.send(nonsense).status));
    }
    let said = agent.ask(
        "GET",
        "/0.2/api/api.yml",
        &[("X-Script-Name", "/api/plugind")],
        "",
    );
    assert!(said.body.contains("basePath: /api/plugind/0.2"));
    assert!(said.head.contains("application/x-yaml"));
    let said = agent.ask("OPTIONS", "/0.2/plugins", &[], "");
    assert_eq!(said.status, 200);
    assert_eq!(agent.get("/0.2/plugins", MASTER_TOKEN).status, 200);
}

#[test]
fn a_host_may_stand_alone() {
    let settings = "stand_alone: {tokens: [{name: me, acl: ['plugind.plugins.#'],\n  \
        sha256: 1c8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683d7b336b63032}]}";
    let mut auth = WazoAuth::start();
    auth.stop();
    let mut agent = Agent::new(&auth, settings);
    agent.start();
    assert_eq!(agent.get("/0.2/plugins", "letmein").status, 200);
    assert_eq!(agent.get("/0.2/config", "letmein").status, 401);
    assert_eq!(agent.get("/0.2/plugins", MASTER_TOKEN).status, 401);
}

#[test]
fn wrong_settings_are_named() {
    let auth = WazoAuth::start();
    let agent = Agent::new(&auth, "auth: {password: !exec {command: x}}");
    let config = agent.folder().join("config.yml");
    let ran = agent
        .command(&["serve", "-c", config.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(3));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        said.contains("conf.d/50-test.yml is wrong: it uses the tag `!exec`"),
        "{said}"
    );
}
