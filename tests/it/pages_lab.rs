//! What the stories of the web pages are told with.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::browser::Browser;
use crate::service_lab::Service;

pub(crate) fn submit(service: &Service, token: &str, asked: &Value) -> String {
    let submitted = service.post("/builds", token, asked);
    assert_eq!(submitted.status, 201, "{}", submitted.text());
    submitted.json()["id"].as_str().unwrap().to_owned()
}

pub(crate) fn sign_in(browser: &mut Browser, service: &Service, token: &str) {
    browser.open(&format!("{}/login?next=/queue", service.url()));
    browser.write("#token", token);
    browser.follow("main button");
    assert_eq!(browser.text("h1"), "Queue", "one is led to where one was");
}

/// What axe finds wrong with a page: labels, contrast, structure.
pub(crate) fn barriers(browser: &mut Browser) -> Vec<String> {
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
pub(crate) fn picture(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("PLUGFARM_PICTURES") {
        fs::create_dir_all(&folder).unwrap();
        browser.picture(&Path::new(&folder).join(format!("{name}.png")));
    }
}

/// Looks at a page as everybody sees it: wide and narrow, light and dark. Tells what is wrong with it.
pub(crate) fn examine(browser: &mut Browser, url: &str, name: &str) -> Vec<String> {
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
