//! The web pages, in a real browser: what they show, to whom, without a script of a stranger's ever running.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::farm::edit;
use crate::pages_lab::{examine, picture, sign_in, submit};
use crate::service_lab::Service;

/// What would run if a page took a stranger's text for its own.
const PAYLOAD: &str = "<svg/onload=self.pwned=1><script>self.pwned=1</script>";

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_readable_by_everybody() {
    let mut service = Service::new("").await;
    let url = service.repository("helloworld", "helloworld");
    let bad = service.repository_with("failing-build", "failing-build", in_colours);
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

/// Makes a plugin print in all colours.
fn in_colours(plugin: &Path) {
    let said = "    build)\n        for i in 1 30 31 32 33 34 35 36 37; do printf '\\033[%smthis is %s\\033[0m and this is not\\n' $i $i; done";
    edit(&plugin.join("wazo/rules"), "    build)", said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_a_plugin_prints_is_on_the_page_at_once() {
    let mut service = Service::new("").await;
    let slow = |plugin: &Path| {
        let said = "    build)\n        for i in 1 2 3 4 5 6 7 8 9 10; do printf '\\033[1;32mat %s\\033[0m\\n' \"$(date +%s%3N)\"; sleep 0.5; done";
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
    // What the script made of a line, and what the farm makes of it, are the same.
    let green = "[...document.querySelectorAll('.log .l')].find((line) => line.innerText.includes('at ')).innerHTML";
    let by_the_farm = browser.eval(green);
    assert!(
        by_the_farm
            .as_str()
            .unwrap()
            .contains("<span class=\"green bold\">at "),
        "{by_the_farm}"
    );

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
        if path == format!("/builds/{good}") {
            let red = browser.text(".log .red");
            assert!(
                red.contains("</span></div><svg"),
                "a colour frees nothing: {red}"
            );
        }
        assert_eq!(browser.complaints(), [""; 0], "{path}");
    }
    // A page that took it for its own would have run it.
    let page = format!("data:text/html,<main>{PAYLOAD}</main>");
    browser.open(&page);
    assert_eq!(browser.eval("self.pwned"), 1);
}
