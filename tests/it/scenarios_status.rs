//! wazo-plugind's scenarios of its own state, named as there.

use std::time::Duration;

use serde_json::json;

use crate::scenarios_lab::alone;
use crate::wazo_lab::WazoAuth;

#[test]
fn test_status_is_all_ok() {
    let auth = WazoAuth::start();
    let (_agent, client) = alone(&auth, "");
    client.wait_until_ready();
    assert_eq!(
        client.get("status").json(),
        json!({"rest_api": {"status": "ok"}, "master_tenant": {"status": "ok"}})
    );
}

#[test]
fn test_status_fail_when_wazo_auth_is_down() {
    let auth = WazoAuth::start();
    auth.refuse_services(true);
    let (_agent, client) = alone(&auth, "");
    assert_eq!(
        client.get("status").json(),
        json!({"rest_api": {"status": "ok"}, "master_tenant": {"status": "fail"}})
    );
    auth.refuse_services(false);
    let recovered = (0..10).any(|_| {
        std::thread::sleep(Duration::from_secs(1));
        client.get("status").json()["master_tenant"]["status"] == "ok"
    });
    assert!(recovered);
}
