//! Requests that somebody else's program makes up of the APIs' own documents: no answer is a server's error, and each has the
//! status, the type and the form that the document says.

use std::process::Command;

use crate::service_lab::Service;
use crate::wazo_lab::{Agent, MASTER_TOKEN, WazoAuth};

/// What is held of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,negative_data_rejection";

/// Has schemathesis ask a server whatever its document at `document` allows, and does not allow.
fn fuzz(base: &str, document: &str, header: &str) {
    let home = std::env::var("HOME").unwrap();
    let program = format!("{home}/.cache/plugfarm/api/bin/schemathesis");
    let examples = match std::env::var_os("PLUGFARM_SOAK") {
        Some(_) => "300",
        None => "10",
    };
    // It leaves folders where it runs.
    let folder = tempfile::tempdir().unwrap();
    let tried = Command::new(program)
        .args(["run", &format!("{base}{document}"), "--url", base])
        .args(["--header", header, "--checks", CHECKS])
        .args(["--phases", "coverage,fuzzing", "--max-examples", examples])
        .args(["--seed", "1", "--continue-on-failure", "--no-color"])
        .args(["--request-timeout", "30"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tried.stdout);
    assert!(tried.status.success(), "{said}");
    assert!(said.contains("passed"), "{said}");
}

#[test]
fn the_agent_answers_what_its_document_says() {
    let auth = WazoAuth::start();
    let mut agent = Agent::new(&auth, "");
    agent.start();
    let base = format!("http://127.0.0.1:{}/0.2", agent.port);
    let header = format!("X-Auth-Token: {MASTER_TOKEN}");
    fuzz(&base, "/api/api.yml", &header);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_farm_answers_what_its_document_says() {
    let mut service = Service::new("serve: {limits: {requests_per_minute: 1000000}}").await;
    service.start();
    let header = format!("Authorization: Bearer {}", service.partner());
    fuzz(&service.url(), "/openapi.json", &header);
}
