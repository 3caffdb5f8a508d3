//! A farm in one file: made while it works, and the same farm again on another machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::farm::{Host, Ran, edit};
use crate::service_lab::Service;

const PACKAGE: &str = "wazo-plugind-helloworld-demo";

/// Runs a command of the farm in another data folder.
fn elsewhere(service: &Service, data: &Path, arguments: &[&str]) -> Ran {
    let mut command = service.farm.command(arguments);
    command.env("PLUGFARM_DATA_DIR", data);
    command.output().unwrap().into()
}

fn submit(service: &Service, token: &str, url: &str, plugin: &str) -> String {
    let asked = json!({ "url": url, "plugin": plugin });
    let submitted = service.post("/builds", token, &asked);
    assert_eq!(submitted.status, 201, "{}", submitted.text());
    submitted.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_that_was_backed_up_while_it_worked_goes_on_elsewhere() {
    let mut service = Service::new("").await;
    let hello = service.repository("helloworld", "helloworld");
    let slow = |plugin: &Path| {
        edit(
            &plugin.join("wazo/rules"),
            "    build)",
            "    build)\n        sleep 20",
        );
    };
    let late = service.repository_with("helloworld", "late", slow);
    service.start();
    let token = service.partner();
    let done = submit(&service, &token, &hello, "demo/helloworld");
    service.wait(&done, &["succeeded"]);
    let running = submit(&service, &token, &late, "demo/late");
    service.wait(&running, &["running"]);

    let file = service.folder().join("farm.backup");
    let made = service
        .farm
        .run(&["backup", file.to_str().unwrap(), "--json"]);
    assert!(made.succeeds().json()["files"].as_u64().unwrap() > 10);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds the keys");
    service.kill();

    // Not over a farm that is there.
    let over = service.farm.run(&["restore", file.to_str().unwrap()]);
    assert_eq!(over.code, 2, "{}", over.stderr);
    assert!(over.stderr.contains("is there already"), "{}", over.stderr);

    // Nor one that is not whole.
    let whole = fs::read(&file).unwrap();
    let bad = service.folder().join("bad.backup");
    let other: PathBuf = service.folder().join("other");
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&bad, &whole[..cut]).unwrap();
        let refused = elsewhere(&service, &other, &["restore", bad.to_str().unwrap()]);
        assert_eq!(refused.code, 2, "{cut}: {}", refused.stderr);
        assert_eq!(fs::read_dir(&other).unwrap().count(), 0, "{cut}");
    }

    elsewhere(&service, &other, &["restore", file.to_str().unwrap()]).succeeds();
    elsewhere(&service, &other, &["repo", "check"]).succeeds();
    let keys = fs::metadata(other.join("keys"))
        .unwrap()
        .permissions()
        .mode();
    let was = fs::metadata(service.farm.data().join("keys"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(keys, was);
    let lost = service.folder().join("lost");
    fs::rename(service.farm.data(), &lost).unwrap();
    fs::rename(&other, service.farm.data()).unwrap();

    // What was done is done, its log is there, and what was under way goes on.
    service.start();
    assert_eq!(service.get(&format!("/builds/{done}/log")).status, 200);
    let build = service.wait(&running, &["succeeded"]);
    assert_eq!(build["attempts"].as_array().unwrap().len(), 2, "{build:#}");
    let host = Host::networked(&service.farm, "bookworm");
    host.stub("asterisk");
    let keyring = format!("{}/apt/plugfarm-local-keyring-bookworm.deb", service.url());
    host.run(&format!(
        "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* \
         && /usr/lib/apt/apt-helper download-file {keyring} /tmp/keyring.deb && dpkg --install /tmp/keyring.deb \
         && apt-get update --error-on=any && apt-get install --yes {PACKAGE}"
    ))
    .succeeds();
    assert_eq!(host.status(PACKAGE), "install ok installed");
    service.stop();
}
