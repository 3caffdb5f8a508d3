//! What pages show to whom, and what whoever has signed in does by them.

use std::path::Path;

use plugfarm::model::Timestamp;
use plugfarm::store::Store;
use serde_json::json;

use crate::browser::Browser;
use crate::farm::edit;
use crate::pages_lab::{barriers, picture, sign_in, submit};
use crate::service_lab::Service;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_is_on_nobody_elses_pages() {
    let mut service = Service::new("").await;
    let said = "    build)\n        echo open sesame; sleep 5; echo and close";
    let chatty = |plugin: &Path| edit(&plugin.join("wazo/rules"), "    build)", said);
    let url = service.repository_with("helloworld", "helloworld", chatty);
    service.start();
    let token = service.partner();
    let asked = json!({ "url": url, "plugin": "demo/helloworld" });
    let first = submit(&service, &token, &asked);
    service.wait(&first, &["succeeded"]);
    let shown = |path: &str, cookie: &str| {
        let answer = service.get_with(path, &format!("Accept: text/html\r\n{cookie}"));
        (answer.status, answer.text())
    };
    let pages = [
        "/".to_owned(),
        "/builds".to_owned(),
        "/plugins".to_owned(),
        "/queue".to_owned(),
        "/namespaces/demo".to_owned(),
        "/plugins/demo/helloworld".to_owned(),
        format!("/builds/{first}"),
        format!("/builds/{first}/log"),
    ];
    let named = |cookie: &str| -> Vec<_> {
        let tells = |path: &&String| {
            let (_, page) = shown(path, cookie);
            page.contains("helloworld") || page.contains("open sesame")
        };
        pages.iter().filter(tells).collect()
    };
    let (before, _) = shown("/?q=hello", "");
    // While it is public, all but the queue tell of it: it runs no more.
    assert_eq!(named("").len(), pages.len() - 1, "{:?}", named(""));

    let store = Store::sqlite(&service.farm.data().join("farm.sqlite"))
        .await
        .unwrap();
    let plugin = "demo/helloworld".parse().unwrap();
    let sealed = store.set_credential(
        &plugin,
        "token",
        "sealed",
        "operator",
        Timestamp::from_seconds(0),
    );
    sealed.await.unwrap();
    store
        .remove_credential(&plugin, "operator", Timestamp::from_seconds(0))
        .await
        .unwrap();
    let second = submit(
        &service,
        &token,
        &json!({ "url": url, "plugin": "demo/helloworld" }),
    );
    service.wait_with(
        &second,
        &["running"],
        &format!("Authorization: Bearer {token}"),
    );
    assert_eq!(named(""), Vec::<&String>::new());
    assert_eq!([before, shown("/?q=hello", "").0], [303, 200]);
    // What waits and runs is looked at once a second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(shown("/queue", "").1.contains("a private plugin"));
    assert!(
        service
            .get("/badges/demo/helloworld.svg")
            .text()
            .contains("not published")
    );

    let mut browser = Browser::start();
    sign_in(&mut browser, &service, &token);
    let cookie = format!("Cookie: {}", browser.cookie(&service.url()));
    assert_eq!(
        named(&cookie).len(),
        pages.len(),
        "its partner sees it, and the queue in which it runs"
    );
    // Its log grows on the partner's page alone.
    browser.open(&format!("{}/builds/{second}", service.url()));
    browser.wait_for("document.querySelector('.log')?.innerText.includes('and close')");
    let live = format!("/builds/{second}/log/live");
    assert_eq!(service.get(&live).status, 404);
    assert!(
        service
            .get_with(&live, &cookie)
            .text()
            .contains("and close")
    );
    // The cookie lets its holder read, and do nothing that is not on a page.
    let told = service.get_with(&format!("/builds/{second}"), &cookie);
    assert_eq!((told.status, told.kind()), (200, "application/json"));
    let cancelled = service.post(&format!("/builds/{second}/cancel"), "", &json!({}));
    assert_eq!(cancelled.status, 401);
    assert!(audited(&mut browser, &service).contains("wazo-plugind-helloworld-demo"));
    browser.follow(".account button");
    service.farm.run(&["partner", "add", "other"]).succeeds();
    let created = service.farm.run(&["token", "create", "--partner=other"]);
    sign_in(&mut browser, &service, created.succeeds().stdout.trim());
    let told = audited(&mut browser, &service);
    assert!(
        !told.contains("helloworld"),
        "others hear nothing of it: {told}"
    );
}

fn audited(browser: &mut Browser, service: &Service) -> String {
    browser.open(&format!("{}/audit", service.url()));
    browser.text("main")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_promotes_and_an_operator_locks_the_queue_by_hand() {
    let mut service = Service::with_repository(", channels: [testing, stable]", "").await;
    let url = service.repository("helloworld", "helloworld");
    service.start();
    let created = service.partner();
    let asked = json!({ "url": url, "plugin": "demo/helloworld" });
    let id = submit(&service, &created, &asked);
    service.wait(&id, &["succeeded"]);
    let plugin = format!("{}/plugins/demo/helloworld", service.url());
    let scopes = ["--scope=submit", "--scope=manage", "--scope=release"];
    let token = [&["token", "create", "--partner=acme"], &scopes[..]].concat();
    let token = service.farm.run(&token).succeeds().stdout;

    let mut browser = Browser::start();
    browser.look(1280, "light");
    browser.open(&plugin);
    assert_eq!(browser.text("#promotion"), "", "strangers promote nothing");
    sign_in(&mut browser, &service, token.trim());
    browser.open(&plugin);
    picture(&mut browser, "plugin-promotion");
    assert_eq!(barriers(&mut browser), [""; 0]);
    browser.write("#reason-bookworm", "It ran for a week");
    browser.follow(".own button");
    browser.wait_for("document.querySelector('table').innerText.includes('bookworm stable')");
    assert_eq!(browser.text("#promotion"), "", "there is no next channel");
    let told = audited(&mut browser, &service);
    assert!(told.contains("acme: It ran for a week"), "{told}");
    decides(&mut browser, &service, &plugin);

    browser.follow(".account button");
    let operator = service.farm.run(&["token", "create"]).succeeds().stdout;
    sign_in(&mut browser, &service, operator.trim());
    browser.open(&format!("{}/operator", service.url()));
    browser.write("#reason", "The mirror moves");
    browser.follow("main button");
    assert!(browser.text(".banner").contains("The mirror moves"));
    assert_eq!(service.get("/status").json()["banner"], "The mirror moves");
    browser.follow("main button");
    assert_eq!(browser.text(".banner"), "");
}

/// A share of the hosts, a rollback that the repository refuses, and a withdrawal that has to be meant.
fn decides(browser: &mut Browser, service: &Service, plugin: &str) {
    let opened = "document.querySelectorAll('.own details').forEach((one) => one.open = true)";
    browser.open(plugin);
    browser.eval(opened);
    picture(browser, "plugin-decisions");
    assert_eq!(barriers(browser), [""; 0]);
    browser.eval("document.querySelector('#phase-percent').value = 30");
    browser.follow("form[action$=phase] button");
    browser.wait_for("document.querySelector('table').innerText.includes('for 30 % of hosts')");

    browser.eval(opened);
    browser.write("#rollback-reason", "It rings twice");
    browser.eval("document.querySelector('#rollback-confirm').click()");
    browser.follow("form[action$=rollback] button");
    assert_eq!(
        browser.text(".eyebrow"),
        "409",
        "there is no version before it"
    );

    browser.open(plugin);
    let cookie = browser.cookie(&service.url());
    let proof = browser.eval("document.querySelector('[name=proof]').value");
    let version = browser.text("#withdraw-version option");
    let withdraw = |proof: &str, more: &str| {
        let form = format!("proof={proof}&version={version}&reason=It+rings+twice{more}");
        let path = "/plugins/demo/helloworld/withdraw";
        service
            .post_form(path, &cookie, &service.url(), &form)
            .status
    };
    assert_eq!(withdraw("x", "&confirm=yes"), 403);
    assert_eq!(
        withdraw(proof.as_str().unwrap(), ""),
        400,
        "nobody has confirmed it"
    );
    browser.scripts(false);
    browser.open(plugin);
    browser.scripts(true);
    browser.eval(opened);
    browser.write("#withdraw-reason", "It rings twice");
    browser.eval("document.querySelector('#withdraw-confirm').click()");
    browser.follow("form[action$=withdraw] button");
    browser.wait_for("document.querySelector('table').innerText.includes('not offered any more')");
    assert_eq!(
        browser.text("#decisions"),
        "",
        "there is nothing to decide about"
    );
    let told = audited(browser, service);
    assert!(told.contains("acme: It rings twice"), "{told}");
    browser.look(390, "dark");
    picture(browser, "audit-phone");
    browser.look(1280, "light");
}
