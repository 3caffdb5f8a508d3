//! The web pages, in a real browser: what they show, to whom, without a script of a stranger's ever running.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use plugfarm::model::Timestamp;
use plugfarm::store::Store;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::farm::edit;
use crate::service_lab::Service;

/// What would run if a page took a stranger's text for its own.
const PAYLOAD: &str = "<svg/onload=self.pwned=1><script>self.pwned=1</script>";

fn submit(service: &Service, token: &str, asked: &Value) -> String {
    let submitted = service.post("/builds", token, asked);
    assert_eq!(submitted.status, 201, "{}", submitted.text());
    submitted.json()["id"].as_str().unwrap().to_owned()
}

fn sign_in(browser: &mut Browser, service: &Service, token: &str) {
    browser.open(&format!("{}/login?next=/queue", service.url()));
    browser.write("#token", token);
    browser.follow("main button");
    assert_eq!(browser.text("h1"), "Queue", "one is led to where one was");
}

/// What axe finds wrong with a page: labels, contrast, structure.
fn barriers(browser: &mut Browser) -> Vec<String> {
    let home = std::env::var("HOME").unwrap();
    let folder = Path::new(&home).join(".cache/plugfarm/accessibility/lib");
    let python = fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let axe = python.join("site-packages/axe_core_python/axe.min.js");
    browser.eval(&fs::read_to_string(axe).unwrap());
    let found = browser.eval(
        "axe.run(document).then((found) => found.violations.flatMap((one) => \
         one.nodes.map((node) => one.id + ': ' + node.html + ' ' + node.failureSummary)))",
    );
    let found = found.as_array().unwrap().iter();
    found.map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Keeps pictures where somebody wants to look at them.
fn picture(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("PLUGFARM_PICTURES") {
        fs::create_dir_all(&folder).unwrap();
        browser.picture(&Path::new(&folder).join(format!("{name}.png")));
    }
}

/// Looks at a page as everybody sees it: wide and narrow, light and dark. Tells what is wrong with it.
fn examine(browser: &mut Browser, url: &str, name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (width, scheme) in [
        (1280, "light"),
        (390, "dark"),
        (390, "light"),
        (1280, "dark"),
    ] {
        browser.look(width, scheme);
        browser.open(url);
        picture(browser, &format!("{name}-{width}-{scheme}"));
        let mut found = browser.complaints();
        let over = browser.eval("document.documentElement.scrollWidth - innerWidth");
        if over.as_i64() > Some(0) {
            found.push(format!("{over} pixels too wide"));
        }
        if (width == 390) == (scheme == "dark") {
            found.extend(barriers(browser));
        }
        let shown = format!("{name}, {width} wide, {scheme}");
        wrong.extend(found.iter().map(|one| format!("{shown}: {one}")));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_readable_by_everybody() {
    let mut service = Service::new("").await;
    let url = service.repository("helloworld", "helloworld");
    let bad = service.repository("failing-build", "failing-build");
    service.start();
    let token = service.partner();
    let operator = service.farm.run(&["token", "create"]).succeeds().stdout;
    let good = submit(
        &service,
        &token,
        &json!({ "url": url, "plugin": "demo/helloworld" }),
    );
    let failed = submit(
        &service,
        &token,
        &json!({ "url": bad, "plugin": "fixtures/failing-build" }),
    );
    service.wait(&good, &["succeeded"]);
    service.wait(&failed, &["failed"]);

    let mut browser = Browser::start();
    let mut wrong = Vec::new();
    let place = |path: &str| format!("{}{path}", service.url());
    for (path, name) in [
        ("/".to_owned(), "home"),
        ("/plugins".to_owned(), "plugins"),
        ("/plugins/demo/helloworld".to_owned(), "plugin"),
        (format!("/builds/{good}"), "build-good"),
        (format!("/builds/{failed}"), "build-failed"),
        ("/builds".to_owned(), "builds"),
        ("/queue".to_owned(), "queue"),
        ("/namespaces/demo".to_owned(), "namespace"),
        ("/login".to_owned(), "login"),
    ] {
        wrong.extend(examine(&mut browser, &place(&path), name));
    }
    sign_in(&mut browser, &service, operator.trim());
    for (path, name) in [
        ("/operator", "operator"),
        ("/audit", "audit"),
        ("/namespaces/demo", "namespace-own"),
    ] {
        wrong.extend(examine(&mut browser, &place(path), name));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // What is told to programs at the same address is told in their form.
    assert_eq!(
        service.get(&format!("/builds/{good}")).json()["state"],
        "succeeded"
    );
    let page = service.get_with(&format!("/builds/{good}"), "Accept: text/html");
    assert_eq!(
        (page.status, page.kind()),
        (200, "text/html; charset=utf-8")
    );
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    let missing = service.get_with("/builds/nothing", "Accept: text/html");
    assert_eq!(
        (missing.status, missing.kind()),
        (404, "text/html; charset=utf-8")
    );
    let badge = service.get("/badges/demo/helloworld.svg");
    assert!(badge.text().contains("0.0.1-0+deb12u1"), "{}", badge.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_a_plugin_prints_is_on_the_page_at_once() {
    let mut service = Service::new("").await;
    let slow = |plugin: &Path| {
        let said = "    build)\n        for i in 1 2 3 4 5 6 7 8 9 10; do echo \"at $(date +%s%3N)\"; sleep 0.5; done";
        edit(&plugin.join("wazo/rules"), "    build)", said);
    };
    let url = service.repository_with("helloworld", "helloworld", slow);
    service.start();
    let token = service.partner();
    let id = submit(
        &service,
        &token,
        &json!({ "url": url, "plugin": "demo/helloworld" }),
    );

    let mut browser = Browser::start();
    browser.look(1280, "light");
    browser.open(&format!("{}/builds/{id}", service.url()));
    browser.eval(
        "self.delays = []; new MutationObserver((all) => { for (const one of all) for (const row of one.addedNodes) { \
         const found = /at (\\d{13})$/.exec(row.textContent); if (found) delays.push(Date.now() - Number(found[1])); } \
         }).observe(document.querySelector('main'), { childList: true, subtree: true })",
    );
    // Without a log yet, the page asks again by itself until there is one.
    browser
        .wait_for("document.querySelectorAll('.log .l').length > 4 || self.delays === undefined");
    picture(&mut browser, "build-running");
    let seen = browser.eval("document.querySelector('#status .state')?.innerText");
    assert_eq!(seen, "● running", "the lines came before the end");
    browser.wait_for("self.delays === undefined || self.delays.length >= 8");
    let delays = browser.eval("self.delays");
    let delays: Vec<_> = delays
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_i64)
        .collect();
    println!("from the plugin to the page: {delays:?} ms");
    assert!(delays.len() >= 8, "{delays:?}");
    // The verdict comes by itself, too.
    browser.wait_for("document.querySelector('#status')?.innerText.includes('Published: 0.0.1')");
    let lines =
        browser.eval("[...document.querySelectorAll('.log .l')].map((line) => line.id).join()");
    let told = service
        .get(&format!("/builds/{id}/log"))
        .text()
        .lines()
        .count();
    let all: Vec<_> = (1..=told).map(|number| format!("L{number}")).collect();
    assert_eq!(lines, all.join(","), "each line once, in order");
    assert_eq!(browser.complaints(), [""; 0]);

    browser.scripts(false);
    browser.open(&format!("{}/builds/{id}", service.url()));
    browser.scripts(true);
    assert!(
        browser.text("main").contains("Published: 0.0.1"),
        "without a script, too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_does_it_by_keyboard_and_no_other_site_does_anything_for_them() {
    let mut service = Service::new("").await;
    let slow = service.repository("silence", "silence");
    service.start();
    let token = service.partner();
    let asked = json!({ "url": slow, "plugin": "fixtures/silence" });
    let id = submit(&service, &token, &asked);
    service.wait(&id, &["running"]);
    let page = format!("{}/builds/{id}", service.url());

    let mut browser = Browser::start();
    browser.look(1280, "light");
    browser.open(&page);
    assert_eq!(browser.text(".actions"), "", "strangers stop nothing");
    let mut order = Vec::new();
    for _ in 0..6 {
        browser.press("Tab");
        order.push(browser.eval("document.activeElement.textContent.trim()"));
    }
    let expected = [
        "To the content",
        "plugfarm local",
        "Plugins",
        "Builds",
        "Queue",
        "Sign in",
    ];
    assert_eq!(order, expected);
    browser.press_and_wait("Enter");
    browser.wait_for("document.activeElement.id === 'token'");
    browser.write("#token", "plugfarm_wrong");
    browser.press_and_wait("Enter");
    assert_eq!(
        browser.text("[role=alert]"),
        "The farm does not know this token, or it has ended."
    );
    browser.write("#token", &token);
    browser.press_and_wait("Enter");
    assert_eq!(
        browser.eval("location.href"),
        json!(page),
        "one is led to where one was"
    );
    assert_eq!(
        browser.eval("document.cookie"),
        "",
        "no script reads the session"
    );

    // Another page sends the same form, in the same browser: one of this host, even, with whom cookies are shared.
    let other = TcpListener::bind(format!("{}:0", service.host())).unwrap();
    let evil = format!("http://{}", other.local_addr().unwrap());
    let form = format!(
        "<form method=post action='{page}/cancel'><input name=proof value=x></form><script>document.forms[0].submit()</script>"
    );
    std::thread::spawn(move || {
        for stream in other.incoming() {
            let mut stream = stream.unwrap();
            let head = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n";
            // A browser also connects for later, and asks nothing.
            if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                let page = format!("{head}{form}");
                stream.write_all(page.as_bytes()).unwrap();
            }
        }
    });
    browser.open(&evil);
    browser.wait_for("document.body.innerText.includes('did not come from one of the farm')");
    // Whoever got hold of the cookie, and no more, does nothing either.
    let cookie = browser.cookie(&service.url());
    assert!(cookie.starts_with("plugfarm="), "{cookie}");
    for (origin, status) in [(service.url(), 403), (evil, 403)] {
        let told = service.post_form(&format!("/builds/{id}/cancel"), &cookie, &origin, "proof=x");
        assert_eq!(told.status, status);
    }
    assert_eq!(
        service.get(&format!("/builds/{id}")).json()["state"],
        "running"
    );

    browser.open(&page);
    browser.follow(".actions button");
    service.wait(&id, &["cancelled"]);
    browser.open(&page);
    assert_eq!(browser.text(".actions button"), "Try it again");
    browser.follow(".account button");
    assert_eq!(browser.text(".account"), "Sign in");
    let gone = service.get_with("/audit", &format!("Accept: text/html\r\nCookie: {cookie}"));
    assert_eq!(gone.status, 401, "the session is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_stranger_wrote_is_text() {
    let mut service = Service::new("").await;
    let hostile = |plugin: &Path| {
        let said = format!(
            "    build)\n        cat <<'E'\n{PAYLOAD}\n\u{1b}[31m</span></div>{PAYLOAD}\nE"
        );
        edit(&plugin.join("wazo/rules"), "    build)", &said);
        let manifest = plugin.join("wazo/plugin.yml");
        let text = fs::read_to_string(&manifest).unwrap();
        let other = |line: &str| match line.split_once(": ") {
            Some(("description", _)) => format!("description: 'Greets {PAYLOAD}'\n"),
            _ => format!("{line}\n"),
        };
        fs::write(&manifest, text.lines().map(other).collect::<String>()).unwrap();
    };
    let url = service.repository_with("helloworld", "helloworld", hostile);
    service.start();
    let token = service.partner();
    let asked = json!({ "url": url, "plugin": "demo/helloworld" });
    let good = submit(&service, &token, &asked);
    service.wait(&good, &["succeeded"]);
    // A branch that is not there: its name is in the failure's words, and in the list of builds.
    let mut lost = asked.clone();
    lost["ref"] = json!(PAYLOAD);
    let failed = submit(&service, &token, &lost);
    service.wait(&failed, &["failed"]);
    let mut folder = asked.clone();
    folder["plugin"] = json!("demo/other");
    folder["subdirectory"] = json!(PAYLOAD);
    let nested = submit(&service, &token, &folder);
    service.wait(&nested, &["failed"]);
    service
        .farm
        .run(&[
            "queue",
            "lock",
            &format!("--reason=Closed {PAYLOAD}"),
            "--by=acme",
        ])
        .succeeds();

    let mut browser = Browser::start();
    browser.look(1280, "light");
    sign_in(&mut browser, &service, &token);
    let ran =
        "[self.pwned, document.querySelectorAll('svg[onload], main script, aside script').length]";
    for (path, wanted) in [
        ("/".to_owned(), "<svg/onload"),
        (
            format!("/?q={}", "%3Cscript%3Eself.pwned%3D1%3C/script%3E"),
            "Closed",
        ),
        ("/builds".to_owned(), "<svg/onload"),
        (format!("/builds/{good}"), PAYLOAD),
        (format!("/builds/{failed}"), PAYLOAD),
        (format!("/builds/{nested}"), PAYLOAD),
        ("/plugins/demo/helloworld".to_owned(), PAYLOAD),
        ("/queue".to_owned(), PAYLOAD),
        ("/namespaces/demo".to_owned(), "<svg/onload"),
        ("/audit".to_owned(), PAYLOAD),
    ] {
        browser.open(&format!("{}{path}", service.url()));
        let page = browser.eval("document.body.innerText");
        let page = page.as_str().unwrap();
        assert!(page.contains(wanted), "{path} shows it: {page}");
        assert_eq!(browser.eval(ran), json!([null, 0]), "{path}");
        assert_eq!(browser.complaints(), [""; 0], "{path}");
    }
    // A page that took it for its own would have run it.
    let page = format!("data:text/html,<main>{PAYLOAD}</main>");
    browser.open(&page);
    assert_eq!(browser.eval("self.pwned"), 1);
}

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
