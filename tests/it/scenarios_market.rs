//! wazo-plugind's scenarios of the market, named as there.

use serde_json::{Value, json};

use crate::scenarios_client::{MarketServer, PlugindClient};
use crate::scenarios_fixtures::Fixture;
use crate::scenarios_lab::{Cast, Scenario, alone};
use crate::wazo_lab::{Agent, WazoAuth};

/// The official plugins of the market that follow `admin-ui-` in their names.
const OFFICIAL: [&str; 16] = [
    "agent",
    "application",
    "conference",
    "context",
    "funckey",
    "group",
    "incall",
    "ivr",
    "moh",
    "outcall",
    "paging",
    "parking",
    "queue",
    "schedule",
    "trunk",
    "user",
];
const OTHERS: [&str; 7] = [
    "backup",
    "crm",
    "fax",
    "headset",
    "hotel",
    "pinball",
    "wallboard",
];

const FOOBAR: &str = "markettests/foobar";

/// An entry with one version, from this repository.
fn entry(namespace: &str, name: &str, url: &str) -> Value {
    json!({
        "namespace": namespace,
        "name": name,
        "display_name": name,
        "author": "Wazo Authors",
        "homepage": "https://wazo.example.org",
        "color": "#00ff00",
        "tags": ["test"],
        "versions": [{"version": "0.0.1", "method": "git", "options": {"url": url}}],
    })
}

/// The market's 24 entries. `url` is the repository of the one that is installed.
fn entries(url: &str) -> Vec<Value> {
    let official = OFFICIAL.map(|name| entry("official", &format!("admin-ui-{name}"), "git://x/x"));
    let others = OTHERS.map(|name| entry("community", name, "git://x/x"));
    let foobar = entry("markettests", "foobar", url);
    [official.to_vec(), others.to_vec(), vec![foobar]].concat()
}

/// An agent with this market and nothing to install.
fn listed() -> (WazoAuth, MarketServer, Agent, PlugindClient) {
    let (auth, market) = (
        WazoAuth::start(),
        MarketServer::start(&entries("git://x/x")),
    );
    let (agent, client) = alone(&auth, &market.setting());
    client.wait_until_ready();
    (auth, market, agent, client)
}

/// A host with this market, whose one repository is there.
async fn hosted() -> (Scenario, MarketServer) {
    let market = MarketServer::start(&[]);
    let scenario = Scenario::with(Cast {
        market: Some(&market),
        ..Cast::default()
    })
    .await;
    let url = scenario.repository(&Fixture::shipping(FOOBAR, "0.0.1", "package_success"));
    market.write(&entries(&url));
    (scenario, market)
}

#[test]
fn test_get() {
    let (_auth, _market, _agent, client) = listed();
    let path = "market/official/admin-ui-conference";
    assert_eq!(client.with_token("expired").get(path).status, 401);
    assert_eq!(client.get("market/official/unknown").status, 404);
    let said = client.get(path);
    assert_eq!(said.status, 200);
    assert_eq!(said.json()["namespace"], "official");
    assert_eq!(said.json()["name"], "admin-ui-conference");
}

#[test]
fn test_that_no_filter_returns_all_plugins() {
    let (_auth, _market, _agent, client) = listed();
    let said = client.get("market").json();
    assert_eq!(
        (&said["total"], &said["filtered"]),
        (&json!(24), &json!(24))
    );
    assert_eq!(said["items"].as_array().unwrap().len(), 24);
}

#[test]
fn test_with_a_search_term() {
    let (_auth, _market, _agent, client) = listed();
    let said = client.get("market?search=conference").json();
    assert_eq!((&said["total"], &said["filtered"]), (&json!(24), &json!(1)));
    assert_eq!(said["items"][0]["name"], "admin-ui-conference");
}

#[test]
fn test_with_search_and_pagination() {
    let (_auth, _market, _agent, client) = listed();
    let said = client.get("market?limit=5&offset=5&search=official").json();
    assert_eq!(
        (&said["total"], &said["filtered"]),
        (&json!(24), &json!(16))
    );
    let items = said["items"].as_array().unwrap();
    let names: Vec<_> = items
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "admin-ui-group",
            "admin-ui-incall",
            "admin-ui-ivr",
            "admin-ui-moh",
            "admin-ui-outcall"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn test_market_installation() {
    let (scenario, _market) = hosted().await;
    scenario.completes(&scenario.market(FOOBAR));
    assert!(scenario.has("/tmp/results/package_success"));
    assert!(scenario.has_plugin(FOOBAR));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_market_installation_with_a_version_field() {
    let (scenario, _market) = hosted().await;
    let options = json!({"namespace": "markettests", "name": "foobar", "version": "0.0.1"});
    scenario.completes(&scenario.install("market", &options));
    assert!(scenario.has("/tmp/results/package_success"));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_installed_version_field() {
    let (scenario, _market) = hosted().await;
    let version = || {
        let found = scenario.client.get("market?namespace=markettests").json();
        found["items"][0]["installed_version"].clone()
    };
    scenario.completes(&scenario.market(FOOBAR));
    assert_eq!(version(), "0.0.1");
    scenario.completes(&scenario.uninstall(FOOBAR));
    assert_eq!(version(), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn test_installed_query_filter() {
    let (scenario, _market) = hosted().await;
    let is_listed = |installed: &str| {
        let found = scenario
            .client
            .get(&format!("market?installed={installed}"));
        let found = found.json();
        let mut items = found["items"].as_array().unwrap().iter();
        items.any(|one| one["namespace"] == "markettests")
    };
    assert!(!is_listed("True") && is_listed("False"));
    scenario.completes(&scenario.market(FOOBAR));
    assert!(is_listed("True") && !is_listed("False"));
}
