//! The farm as a service: partners submit over HTTP, hosts install from the farm's own address, and whoever kills the farm
//! loses nothing.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use plugfarm::model::Sha256;
use serde_json::{Value, json};

use crate::failures::containers;
use crate::farm::{Host, edit};
use crate::postgres::Postgres;
use crate::service_lab::Service;

const PACKAGE: &str = "wazo-plugind-helloworld-demo";

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_submits_and_a_host_installs_from_the_farms_own_address() {
    let mut service = Service::new("").await;
    let talkative = |plugin: &Path| {
        let said = "    build)\n        echo one; echo two; echo three";
        edit(&plugin.join("wazo/rules"), "    build)", said);
    };
    let url = service.repository_with("helloworld", "helloworld", talkative);
    service.start();
    let token = service.partner();

    let asked = json!({ "url": url, "plugin": "demo/helloworld" });
    let refused = service.post("/builds", "", &asked);
    assert_eq!(
        (refused.status, refused.kind()),
        (401, "application/problem+json")
    );
    let unknown = service.post("/builds", &token, &json!({ "url": url }));
    assert_eq!(unknown.status, 422, "{}", unknown.text());
    let stranger = json!({ "url": url, "plugin": "other/helloworld" });
    assert_eq!(service.post("/builds", &token, &stranger).status, 403);
    let submitted = service.post("/builds", &token, &asked);
    assert_eq!(submitted.status, 201, "{}", submitted.text());
    let id = submitted.json()["id"].as_str().unwrap().to_owned();

    let followed = service.get(&format!("/builds/{id}/log/live")).text();
    let build = service.get(&format!("/builds/{id}")).json();
    assert!(
        followed.ends_with("event: end\ndata: succeeded\n\n"),
        "{followed}\n{build:#}"
    );
    assert_eq!(
        (&build["state"], &build["result"]["outcome"]),
        (&json!("succeeded"), &json!("succeeded"))
    );
    let lines = followed.matches("event: line").count();
    let whole = service.get(&format!("/builds/{id}/log")).text();
    assert_eq!(whole.lines().count(), lines, "{followed}\n{whole}");
    assert!(lines >= 3, "{whole}");
    let second = service.get(&format!("/builds/{id}/log?from=2&to=2")).text();
    assert_eq!(Some(second.trim_end_matches('\n')), whole.lines().nth(1));
    let resumed = service.get_with(&format!("/builds/{id}/log/live"), "Last-Event-ID: 1:1");
    assert_eq!(resumed.text().matches("event: line").count(), lines - 1);
    let waits = service.get(&format!("/builds/{id}/why")).json();
    assert_eq!(waits["reason"], "it does not wait: it is succeeded");

    let deb = &build["artifacts"][0];
    let name = deb["name"].as_str().unwrap();
    let bytes = service.get(&format!("/builds/{id}/artifacts/{name}")).body;
    assert_eq!(deb["sha256"], Sha256::of(&bytes).to_string());
    assert_eq!(
        service
            .get(&format!("/builds/{id}/artifacts/..%2f..%2fserve.lock"))
            .status,
        404
    );
    // From now on it is known what comes from there.
    assert_eq!(
        service
            .post("/builds", &token, &json!({ "url": url }))
            .status,
        201
    );

    let host = Host::networked(&service.farm, "bookworm");
    host.stub("asterisk");
    let keyring = format!("{}/apt/plugfarm-local-keyring-bookworm.deb", service.url());
    host.run(&format!(
        "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* \
         && /usr/lib/apt/apt-helper download-file {keyring} /tmp/keyring.deb && dpkg --install /tmp/keyring.deb \
         && apt-get update --error-on=any && apt-get update --error-on=any && apt-get install --yes {PACKAGE}"
    ))
    .succeeds();
    assert_eq!(host.status(PACKAGE), "install ok installed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_repository_is_served_as_apt_asks_for_it_and_no_more() {
    let mut service = Service::new("").await;
    let plugin = service.farm.plugin("helloworld");
    service.farm.publish(&plugin, &["--unpinned"]);
    service.start();
    // What changed just now may change again with the same date, and is sent again to whoever asks by date.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let release = service.get("/apt/dists/bookworm/InRelease");
    assert_eq!(
        (release.status, release.header("cache-control")),
        (200, "no-cache")
    );
    let date = release.header("last-modified").to_owned();
    let again = service.get_with(
        "/apt/dists/bookworm/InRelease",
        &format!("If-Modified-Since: {date}"),
    );
    assert_eq!((again.status, again.body.len()), (304, 0));
    let part = service.get_with("/apt/dists/bookworm/InRelease", "Range: bytes=5-14");
    assert_eq!(
        (part.status, part.body.as_slice()),
        (206, &release.body[5..15])
    );
    let by_hash = service
        .farm
        .repository()
        .join("dists/bookworm/main/binary-amd64/by-hash/SHA256");
    let name = fs::read_dir(by_hash)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .file_name();
    let place = format!(
        "/apt/dists/bookworm/main/binary-amd64/by-hash/SHA256/{}",
        name.display()
    );
    assert!(
        service
            .get(&place)
            .header("cache-control")
            .contains("immutable")
    );
    for hidden in [
        "/apt/.state/repository.json",
        "/apt/%2estate/repository.json",
        "/apt/../farm.sqlite",
        "/apt/dists",
    ] {
        assert_eq!(service.get(hidden).status, 404, "{hidden}");
    }
    assert_eq!(
        service
            .post("/apt/dists/bookworm/InRelease", "", &json!({}))
            .status,
        405
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_says_why_and_what_runs_can_be_stopped() {
    let database = Postgres::start();
    let settings = format!("serve: {{workers: 1, database: '{}'}}\n", database.url());
    let mut service = Service::new(&settings).await;
    let slow = service.repository("silence", "silence");
    let waiting = service.repository("helloworld", "helloworld");
    service.start();
    let token = service.partner();
    let submit = |url: &str, plugin: &str| {
        let asked = json!({ "url": url, "plugin": plugin });
        let submitted = service.post("/builds", &token, &asked);
        submitted.json()["id"].as_str().unwrap().to_owned()
    };
    let first = submit(&slow, "fixtures/silence");
    service.wait(&first, &["running"]);
    let second = submit(&waiting, "demo/helloworld");
    let why = service.get(&format!("/builds/{second}/why")).json();
    assert_eq!(why["reason"], "it is next, as soon as a worker is free");
    let third = submit(&waiting, "demo/helloworld");
    assert_eq!(
        service.wait(&second, &["superseded"])["state"],
        "superseded"
    );

    let status = service.get("/status").json();
    assert_eq!(
        (&status["builds"]["running"], &status["banner"]),
        (&json!(1), &Value::Null)
    );
    assert!(
        service
            .get("/metrics")
            .text()
            .contains("plugfarm_builds{state=\"running\"} 1\n")
    );
    assert_eq!(
        service
            .post(&format!("/builds/{first}/cancel"), "", &json!({}))
            .status,
        401
    );
    assert_eq!(
        service
            .post(&format!("/builds/{first}/cancel"), &token, &json!({}))
            .status,
        202
    );
    service.wait(&first, &["cancelled"]);
    service.wait(&third, &["succeeded"]);
    assert_eq!(
        service
            .post(&format!("/builds/{third}/retry"), &token, &json!({}))
            .status,
        409
    );

    // A stop that is asked for ends no build: what runs waits for the next start.
    assert_eq!(
        service
            .post(&format!("/builds/{first}/retry"), &token, &json!({}))
            .status,
        202
    );
    service.wait(&first, &["running"]);
    service.stop();
    assert_eq!(containers(&service.farm), [""; 0]);
    service.start();
    service.wait(&first, &["running"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_is_worth_nothing() {
    let mut service = Service::new("").await;
    service.start();
    let token = service.partner();
    let asked = json!({ "url": "https://git.example.org/x", "plugin": "other/x" });
    assert_eq!(service.post("/builds", &token, &asked).status, 403);
    let listed = service.farm.run(&["token", "list", "--json"]).succeeds();
    assert!(!listed.stdout.contains(&token), "a token is shown once");
    let id = listed.json()["tokens"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    service.farm.run(&["token", "revoke", &id]).succeeds();
    assert_eq!(service.post("/builds", &token, &asked).status, 401);
    let second = service
        .farm
        .command(&["serve", "--listen=127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(
        second.status.code(),
        Some(3),
        "one farm serves from one data folder"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apis_document_is_valid_in_somebody_elses_eyes() {
    let mut service = Service::new("").await;
    service.start();
    let document = service.folder().join("openapi.json");
    fs::write(&document, service.get("/openapi.json").body).unwrap();
    let home = std::env::var("HOME").unwrap();
    let validator = format!("{home}/.cache/plugfarm/api/bin/openapi-spec-validator");
    let judged = Command::new(validator).arg(document).output().unwrap();
    assert!(judged.status.success(), "{judged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_logged_of_a_build_says_which_one() {
    let mut service = Service::new("").await;
    let urls = ["one", "two"].map(|name| service.repository("helloworld", name));
    let file = service.folder().join("log.json");
    service.start_with_log(&file);
    let token = service.partner();
    let ids = urls.map(|url| {
        let plugin = format!("demo/{}", url.rsplit('/').next().unwrap());
        let asked = json!({ "url": url, "plugin": plugin });
        let submitted = service.post("/builds", &token, &asked).json();
        submitted["id"].as_str().unwrap().to_owned()
    });
    for id in &ids {
        service.wait(id, &["succeeded"]);
    }
    service.stop();
    let log = fs::read_to_string(&file).unwrap();
    let lines = log
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (mut about, mut stages) = ([0, 0], 0);
    for line in lines {
        let span = &line["span"];
        let of = ids.iter().position(|id| span["build.id"] == **id);
        let target = line["target"].as_str().unwrap();
        if target.starts_with("plugfarm::pipeline") {
            let of = of.unwrap_or_else(|| panic!("no build: {line}"));
            about[of] += 1;
            assert!(span["attempt.id"].is_string(), "{line}");
        }
        stages += usize::from(line["fields"]["message"] == "stage ended");
    }
    assert!(stages >= 12 && stages % 2 == 0, "{stages}");
    assert_eq!(about[0], about[1], "{about:?}");
}
