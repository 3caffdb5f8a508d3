//! wazo-plugind's scenarios of tenants, named as there.

use std::time::Duration;

use serde_json::json;

use crate::scenarios_lab::alone;
use crate::wazo_lab::{SUB_TOKEN, WazoAuth};

#[test]
fn test_restrict_only_master_tenant() {
    let auth = WazoAuth::start();
    let (_agent, client) = alone(&auth, "");
    client.wait_until_ready();
    let client = client.with_token(SUB_TOKEN);
    for path in [
        "market/namespace/name",
        "market",
        "plugins/namespace/name",
        "plugins",
        "config",
    ] {
        assert_eq!(client.get(path).status, 401, "{path}");
    }
    let options = json!({"url": "file:///data/git/repo"});
    assert_eq!(client.install("git", &options, false).status, 401);
    assert_eq!(client.uninstall("namespace/name").status, 401);
}

#[test]
fn test_503_when_no_auth() {
    let mut auth = WazoAuth::start();
    let (_agent, client) = alone(&auth, "");
    client.wait_until_ready();
    let until = |status: u16| {
        let is = |_| {
            std::thread::sleep(Duration::from_millis(500));
            client.get("plugins").status == status
        };
        assert!((0..20).any(is), "{status}");
    };
    auth.stop();
    until(503);
    auth.restart();
    until(200);
}
