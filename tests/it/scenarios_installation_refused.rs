//! wazo-plugind's scenarios of installations that are refused or fail, named as there.

use serde_json::{Value, json};

use crate::scenarios_client::PlugindClient;
use crate::scenarios_fixtures::Fixture;
use crate::scenarios_lab::{Scenario, alone};
use crate::wazo_lab::{Agent, WazoAuth};

/// How far a plugin gets whose manifest is refused.
const VALIDATED: [&str; 5] = [
    "starting",
    "downloading",
    "extracting",
    "validating",
    "error",
];

/// An agent with nothing to install from.
fn asked() -> (WazoAuth, Agent, PlugindClient) {
    let auth = WazoAuth::start();
    let (agent, client) = alone(&auth, "");
    client.wait_until_ready();
    (auth, agent, client)
}

/// What is told of a plugin whose manifest is refused.
async fn refused(fixture: &Fixture) -> Value {
    let mut scenario = Scenario::with_bus().await;
    let url = scenario.repository(fixture);
    let job = scenario.git(&url);
    let (told, data) = scenario.told(&job).await;
    assert_eq!(told, VALIDATED, "{data:#}");
    data["errors"].clone()
}

fn invalid(field: &str, message: &str, id: &str, constraint: &Value) -> Value {
    json!({
        "error_id": "validation-error",
        "message": "Validation error",
        "resource": "plugins",
        "details": {field: {"message": message, "constraint_id": id, "constraint": constraint}},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn test_when_with_an_unknown_plugin_format_version() {
    let fixture = Fixture::idle("plugindtests/futureversion", "0.0.1");
    let errors = refused(&fixture.saying("plugin_format_version: 999\n")).await;
    assert_eq!(errors["error_id"], "validation-error");
    assert_eq!(
        errors["details"]["plugin_format_version"]["constraint"],
        json!({"min": 0, "max": 2})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn test_with_a_max_version_too_small() {
    let fixture = Fixture::idle("plugindtests/maxversion", "0.0.1");
    let errors = refused(&fixture.saying("max_wazo_version: 17.05\n")).await;
    let message = "Must be greater than or equal to 17.10.";
    let bound = json!({"min": "17.10"});
    assert_eq!(
        errors,
        invalid("max_wazo_version", message, "range", &bound)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn test_with_a_min_version_too_high() {
    let fixture = Fixture::idle("plugindtests/minversion", "0.0.1");
    let errors = refused(&fixture.saying("min_wazo_version: 17.11\n")).await;
    let message = "Must be less than or equal to 17.10.";
    let bound = json!({"max": "17.10"});
    assert_eq!(
        errors,
        invalid("min_wazo_version", message, "range", &bound)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn test_with_invalid_namespace() {
    let fixture = Fixture::idle("foobar/allowed", "0.0.1");
    let fixture = fixture.but("namespace: foobar", "namespace: no-dash");
    let message = "String does not match expected pattern.";
    assert_eq!(
        refused(&fixture).await,
        invalid("namespace", message, "regex", &json!("^[a-z0-9]+$"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn test_with_invalid_name() {
    let fixture = Fixture::idle("foobar/allowed", "0.0.1");
    let fixture = fixture.but("name: allowed", "name: no_underscore_allowed");
    let message = "String does not match expected pattern.";
    assert_eq!(
        refused(&fixture).await,
        invalid("name", message, "regex", &json!("^[a-z0-9-]+$"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn test_a_plugin_with_a_failing_build_step() {
    let mut scenario = Scenario::with_bus().await;
    let url = scenario.repository(&Fixture::failing_build());
    let job = scenario.git(&url);
    let (told, data) = scenario.told(&job).await;
    let steps = [
        "starting",
        "downloading",
        "extracting",
        "validating",
        "installing dependencies",
        "building",
        "error",
    ];
    assert_eq!(told, steps, "{data:#}");
    let errors = &data["errors"];
    assert_eq!(errors["error_id"], "install-error");
    assert_eq!(errors["message"], "Installation error");
    assert_eq!(errors["resource"], "plugins");
    assert_eq!(errors["details"]["step"], "building");
    assert!(!scenario.has_plugin("plugindtests/failing"));
}

#[test]
fn test_that_uninstalling_an_uninstalled_plugin_returns_404() {
    let (_auth, _agent, client) = asked();
    assert_eq!(client.uninstall("plugindtests/uninstalled").status, 404);
}

#[test]
fn test_that_an_unauthorized_token_return_401() {
    let (_auth, _agent, client) = asked();
    let options = json!({"url": "file:///data/git/repo"});
    let said = client.with_token("expired").install("git", &options, false);
    assert_eq!(said.status, 401);
}

#[test]
fn test_that_an_unauthorized_token_return_401_when_uninstall() {
    let (_auth, _agent, client) = asked();
    let stranger = client.with_token("expired");
    assert_eq!(stranger.uninstall("plugindtests/foobar").status, 401);
}

#[test]
fn test_that_an_unknown_download_method_returns_400() {
    let (_auth, _agent, client) = asked();
    let options = json!({"url": "file:///data/git/repo"});
    assert_eq!(client.install("svn", &options, false).status, 400);
}

#[test]
fn test_that_empty_body_for_post_plugins_returns_400() {
    let (_auth, _agent, client) = asked();
    assert_eq!(client.post("plugins", "").status, 400);
    assert_eq!(client.post_nothing("plugins").status, 400);
}
