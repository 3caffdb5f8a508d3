//! wazo-plugind's scenario of its interface's document, named as there.

use std::fs;
use std::process::Command;

use crate::scenarios_lab::alone;
use crate::wazo_lab::WazoAuth;

#[test]
fn test_documentation_errors() {
    let auth = WazoAuth::start();
    let (agent, client) = alone(&auth, "");
    let said = client.get("api/api.yml");
    assert_eq!(said.status, 200);
    let document = agent.folder().join("api.yml");
    fs::write(&document, said.body).unwrap();
    let home = std::env::var("HOME").unwrap();
    let validator = format!("{home}/.cache/plugfarm/api/bin/openapi-spec-validator");
    let mut judge = Command::new(validator);
    judge.args(["--schema", "2.0"]).arg(document);
    let judged = judge.output().unwrap();
    assert!(judged.status.success(), "{judged:?}");
}
