//! Private repositories: opened by what their partner gave the farm, which nobody ever sees again, and shown to nobody else.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::failures::containers;
use crate::farm::docker;
use crate::service_lab::Service;
use crate::source_lab::run;

/// What `tests/servers/git-https` takes below `/token`.
const TOKEN: &str = "tests-0123456789abcdef";

/// The files of a folder that hold a text.
fn holding(folder: &Path, text: &str) -> String {
    let found = Command::new("grep")
        .args(["-rlaF", "--", text])
        .arg(folder)
        .output()
        .unwrap();
    String::from_utf8(found.stdout).unwrap()
}

fn submit(service: &Service, token: &str, url: &str, plugin: &str) -> String {
    let submitted = service.post("/builds", token, &json!({ "url": url, "plugin": plugin }));
    assert_eq!(submitted.status, 201, "{}", submitted.text());
    submitted.json()["id"].as_str().unwrap().to_owned()
}

fn created(service: &Service, arguments: &[&str]) -> String {
    let created = service
        .farm
        .run(&[&["token", "create", "--json"], arguments].concat());
    created.succeeds().json()["token"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_repository_is_opened_by_its_credential_and_shown_to_its_partner_alone() {
    let mut service = Service::new("").await;
    service.repository("helloworld", "helloworld");
    service.repository("helloworld", "keyed");
    let (https, ssh, key) = service.private_servers();
    service.start();
    let token = service.partner();
    let own = format!("Authorization: Bearer {token}");
    service.farm.run(&["partner", "add", "other"]).succeeds();
    let other = created(&service, &["--partner=other"]);

    // Without a credential it stays closed, also to the key that the operator's own settings have.
    let url = format!("{https}/token/helloworld");
    let id = submit(&service, &token, &url, "demo/helloworld");
    let denied = service.wait(&id, &["failed"]);
    assert_eq!(denied["result"]["code"], "source-denied");
    let keyed_url = format!("{ssh}/keyed");
    let keyed = submit(&service, &token, &keyed_url, "demo/keyed");
    let denied = service.wait(&keyed, &["failed"]);
    assert_eq!(denied["result"]["code"], "source-denied", "{denied:#}");

    let place = "/sources/demo/helloworld/credential";
    let good = json!({ "user": "joe", "token": TOKEN });
    assert_eq!(service.put(place, "", &good).status, 401);
    assert_eq!(service.put(place, &other, &good).status, 403);
    let text = fs::read_to_string(&key).unwrap();
    for wrong in [
        json!({ "key": text }),
        json!({ "token": "short" }),
        json!({}),
        json!({ "token": TOKEN, "wrong": 1 }),
    ] {
        let refused = service.put(place, &token, &wrong);
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(!refused.text().contains(TOKEN) && !refused.text().contains("OPENSSH"));
    }
    let kept = service.put(place, &token, &good);
    assert_eq!(kept.status, 204, "{}", kept.text());
    let file = key.to_str().unwrap();
    let said = service
        .farm
        .run(&["source", "credential", "demo/keyed", "--key-file", file]);
    said.succeeds();
    for id in [&id, &keyed] {
        let again = service.post(&format!("/builds/{id}/retry"), &token, &json!({}));
        assert_eq!(again.status, 202, "{}", again.text());
        let build = service.wait_with(id, &["succeeded", "failed"], &own);
        assert_eq!(build["state"], "succeeded", "{build:#}");
    }

    is_shown_to_its_partner_alone(&service, &id, (&token, &other));
    evidence_is_shown_to_its_partner_alone(&service, &token);
    is_nowhere(&service, &text);
    while_it_is_fetched(&service, &token, &https);
    service.stop();
    is_nowhere(&service, &text);
}

fn is_shown_to_its_partner_alone(service: &Service, id: &str, (token, other): (&str, &str)) {
    let auditor = created(service, &["--scope=audit"]);
    let operator = created(service, &[]);
    let beside = created(service, &["--partner=acme", "--namespace=fixtures"]);
    let build = service
        .get_with(
            &format!("/builds/{id}"),
            &format!("Authorization: Bearer {token}"),
        )
        .json();
    let deb = build["artifacts"][0]["name"].as_str().unwrap();
    let pages = [
        "",
        "/why",
        "/log",
        "/log/live",
        &format!("/artifacts/{deb}"),
    ]
    .map(|page| format!("/builds/{id}{page}"));
    for (who, sees) in [
        (token, true),
        (&*auditor, true),
        (&*operator, true),
        (other, false),
        (&*beside, false),
        ("", false),
    ] {
        let header = match who {
            "" => "Accept: */*".to_owned(),
            who => format!("Authorization: Bearer {who}"),
        };
        for page in &pages {
            let expected = if sees { 200 } else { 404 };
            assert_eq!(
                service.get_with(page, &header).status,
                expected,
                "{page} {header}"
            );
        }
        for list in [
            "/builds",
            "/builds?plugin=demo/helloworld",
            "/builds?state=succeeded",
        ] {
            let text = service.get_with(list, &header).text();
            assert_eq!(text.contains("helloworld"), sees, "{list} {header}: {text}");
        }
    }
    // Who may not read it may not do anything to it either, and does not learn that it is there.
    for verb in ["cancel", "retry"] {
        let refused = service.post(&format!("/builds/{id}/{verb}"), other, &json!({}));
        assert_eq!(refused.status, 404, "{verb}");
    }
    for page in ["watch", "private", "hooks"] {
        let header = format!("Authorization: Bearer {other}");
        assert_eq!(
            service
                .get_with(&format!("/sources/demo/helloworld/{page}"), &header)
                .status,
            404
        );
    }
    // Whoever only audits does nothing.
    let refused = service.post(&format!("/builds/{id}/cancel"), &auditor, &json!({}));
    assert_eq!(refused.status, 403);
    // Its address tells a stranger nothing.
    let asked = json!({ "url": build["url"] });
    assert_eq!(service.post("/builds", other, &asked).status, 422);
}

fn evidence_is_shown_to_its_partner_alone(service: &Service, token: &str) {
    let repository = service.farm.repository();
    let mut seen = 0;
    for folder in ["attestations", "evidence", "pool"] {
        let found = run(
            &repository,
            "find",
            &[
                folder,
                "-type",
                "f",
                "-path",
                "*",
                "-not",
                "-name",
                "*keyring*",
            ],
        );
        for place in found.lines() {
            let private = folder != "pool" && {
                let digest = place.split('/').nth(1).unwrap().split('.').next().unwrap();
                let text = fs::read_to_string(
                    repository.join(format!("attestations/{digest}.intoto.jsonl")),
                )
                .unwrap();
                service.is_of_a_plugin(&text)
            };
            let expected = if private { 404 } else { 200 };
            let place = format!("/apt/{place}");
            assert_eq!(service.get(&place).status, expected, "{place}");
            let own = service.get_with(&place, &format!("Authorization: Bearer {token}"));
            assert_eq!(own.status, 200, "{place}");
            if private {
                seen += 1;
                assert_eq!(
                    service
                        .get(
                            &place
                                .replace("/evidence/", "/%65vidence/")
                                .replace("/attestations/", "/%61ttestations/")
                        )
                        .status,
                    404
                );
            }
        }
    }
    assert!(seen >= 4, "{seen} pieces of evidence");
}

/// No file of the farm holds a credential as it is; the control is found.
fn is_nowhere(service: &Service, key: &str) {
    let data = service.farm.data();
    let body = key.lines().nth(2).unwrap();
    let basic = "am9lOnRlc3RzLTAxMjM0NTY3ODlhYmNkZWY=";
    for secret in [TOKEN, basic, body, "dGVzdHMtMDEyMzQ1Njc4OWFiY2RlZg"] {
        assert_eq!(holding(&data, secret), "", "{secret}");
    }
    let planted = data.join("planted");
    fs::write(&planted, format!("x{TOKEN}y")).unwrap();
    assert_eq!(holding(&data, TOKEN).trim_end(), planted.to_str().unwrap());
    fs::remove_file(planted).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(data.join("secrets")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o700);
}

/// While a container fetches with a credential, nobody who looks at it from outside sees that; and it is removed after.
fn while_it_is_fetched(service: &Service, token: &str, https: &str) {
    let url = format!("{https}/slow/x");
    let id = submit(service, token, &url, "demo/slow");
    service.post(&format!("/builds/{id}/cancel"), token, &json!({}));
    service.wait(&id, &["cancelled"]);
    let kept = service.put(
        "/sources/demo/slow/credential",
        token,
        &json!({ "user": "joe", "token": TOKEN }),
    );
    assert_eq!(kept.status, 204);
    assert_eq!(
        service
            .post(&format!("/builds/{id}/retry"), token, &json!({}))
            .status,
        202
    );
    let own = format!("Authorization: Bearer {token}");
    service.wait_with(&id, &["running"], &own);
    let container = loop {
        let running = containers(&service.farm);
        if let Some(one) = running
            .first()
            .filter(|one| docker(&["top", one]).stdout.contains("git"))
        {
            break one.clone();
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let seen = ["inspect", "top"]
        .map(|verb| docker(&[verb, &container]).succeeds().stdout)
        .concat();
    assert!(seen.contains("/slow/x"), "the control is seen: {seen}");
    let environments = run(
        Path::new("/"),
        "sh",
        &[
            "-c",
            "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'",
        ],
    );
    assert!(environments.contains("/slow/x"), "the control is seen");
    for secret in [TOKEN, "am9lOnRlc3RzLTAxMjM0NTY3ODlhYmNkZWY="] {
        assert!(
            !seen.contains(secret) && !environments.contains(secret),
            "{secret}"
        );
    }
    service.post(&format!("/builds/{id}/cancel"), token, &json!({}));
    let ended: Value = service.wait_with(&id, &["cancelled"], &own);
    assert_eq!(ended["state"], "cancelled");
    // A container is removed while the build goes on to its end.
    let began = Instant::now();
    while let left = containers(&service.farm)
        && !left.is_empty()
    {
        assert!(began.elapsed() < Duration::from_secs(60), "{left:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
