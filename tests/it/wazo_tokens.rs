//! A farm that takes the tokens of a wazo-auth: what they allow, for whom, and what they never do.

use serde_json::json;

use crate::service_lab::{Answer, Service};
use crate::wazo_lab::{MASTER, MASTER_TOKEN, SUB, SUB_TOKEN, WazoAuth};

/// A farm on which acme is the master tenant, and which asks a wazo-auth.
async fn farm(auth: &WazoAuth) -> Service {
    let settings = format!(
        "serve: {{wazo_auth: {{url: 'http://127.0.0.1:{}/0.1', tenants: {{{MASTER}: acme}}}}}}",
        auth.port
    );
    let mut service = Service::new(&settings).await;
    service.partner();
    service.start();
    service
}

fn post(service: &Service, path: &str, token: &str, body: &serde_json::Value) -> Answer {
    service.send(path, &[("X-Auth-Token", token)], &body.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_wazo_auth_do_what_their_access_list_says_for_their_tenant_s_partner() {
    let mut auth = WazoAuth::start();
    auth.token("submits", MASTER, &["plugfarm.submit"]);
    auth.token("elsewhere", MASTER, &["plugind."]);
    let service = farm(&auth).await;
    let url = service.repository("helloworld", "helloworld");
    let submission = json!({"url": url, "plugin": "demo/helloworld"});

    let submitted = post(&service, "/builds", "submits", &submission);
    assert_eq!(submitted.status, 201, "{}", submitted.text());
    let build = submitted.json()["id"].as_str().unwrap().to_owned();
    let cancel = format!("/builds/{build}/cancel");
    for (path, token, status, words) in [
        (cancel.as_str(), "submits", 403, "does not allow to manage"),
        ("/builds", "elsewhere", 403, "plugfarm.submit"),
        ("/builds", SUB_TOKEN, 403, SUB),
        ("/builds", "guessed", 401, "unknown or expired"),
        ("/builds", "..", 401, "unknown or expired"),
        // Whoever may do everything at that wazo-auth is a partner here, not the operator.
        ("/queue/lock", MASTER_TOKEN, 403, "only the farm's operator"),
        (
            "/queue/unlock",
            MASTER_TOKEN,
            403,
            "only the farm's operator",
        ),
        ("/tokens", MASTER_TOKEN, 403, "makes no tokens of the farm"),
    ] {
        let body = match path {
            "/builds" => submission.clone(),
            "/queue/lock" => json!({"reason": "a test"}),
            _ => json!({}),
        };
        let answer = post(&service, path, token, &body);
        assert_eq!(answer.status, status, "{path} {token}: {}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
        assert_eq!(answer.kind(), "application/problem+json");
    }
    let built = service.wait(&build, &["succeeded"]);
    assert_eq!(built["partner"], "acme");

    // What the farm believes for a moment ends with the token.
    auth.revoke("submits");
    std::thread::sleep(std::time::Duration::from_secs(3));
    let answer = post(&service, "/builds", "submits", &submission);
    assert_eq!(answer.status, 401, "{}", answer.text());

    auth.stop();
    let answer = post(&service, "/builds", MASTER_TOKEN, &submission);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(!answer.header("retry-after").is_empty());
    assert!(!answer.text().contains(MASTER_TOKEN), "{}", answer.text());
    // The farm's own tokens, and whoever only reads, do not wait for it.
    assert_eq!(service.get("/builds").status, 200);
    auth.restart();
    let answer = post(&service, "/builds", MASTER_TOKEN, &submission);
    assert!([200, 201].contains(&answer.status), "{}", answer.text());
}
