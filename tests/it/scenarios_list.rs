//! wazo-plugind's scenarios of the list of plugins, named as there.

use serde_json::json;

use crate::scenarios_fixtures::Fixture;
use crate::scenarios_lab::{Scenario, alone};
use crate::wazo_lab::WazoAuth;

#[test]
fn test_that_an_unauthorized_token_return_401() {
    let auth = WazoAuth::start();
    let (_agent, client) = alone(&auth, "");
    client.wait_until_ready();
    assert_eq!(client.with_token("expired").get("plugins").status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn test_that_installed_plugins_are_listed() {
    let scenario = Scenario::new().await;
    let list = || scenario.client.get("plugins").json();
    assert_eq!(list(), json!({"items": [], "total": 0}));
    let url = scenario.repository(&Fixture::foobar());
    scenario.completes(&scenario.git(&url));
    let listed = list();
    assert_eq!(listed["total"], 1);
    assert_eq!(listed["items"][0]["namespace"], "plugindtests");
    assert_eq!(listed["items"][0]["name"], "foobar");
}
