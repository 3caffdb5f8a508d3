//! Plugins that hosts get and that no repository is bound to: they are listed and shown like others, and nothing private is.

use plugfarm::model::Target;
use plugfarm::repo::{Highest, Shelf};
use serde_json::{Value, json};

use crate::farm::edit;
use crate::repo_lab::{Lab, Package, suite};
use crate::service_lab::Service;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_by_hand_is_listed_between_what_is_bound() {
    let mut service = Service::new("").await;
    for name in ["middle", "hidden"] {
        let plugin = service.farm.plugin("helloworld");
        let manifest = plugin.join("wazo/plugin.yml");
        edit(&manifest, "name: helloworld", &format!("name: {name}"));
        service.farm.publish(&plugin, &["--unpinned"]);
        std::fs::remove_dir_all(plugin).unwrap();
    }
    service.start();
    let token = service.partner();
    let url = "https://git.example.org/x";
    for name in ["a", "hidden", "z"] {
        let bind = ["source", "bind", &format!("demo/{name}"), url];
        service.farm.run(&bind).succeeds();
    }
    service
        .farm
        .run(&["source", "private", "demo/hidden"])
        .succeeds();

    let names = |path: &str| -> Vec<String> {
        let listed = service.get(path).json();
        let all = listed.as_array().unwrap().iter();
        all.map(|one| one["plugin"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("/plugins"), ["demo/a", "demo/middle", "demo/z"]);
    assert_eq!(names("/plugins?limit=2"), ["demo/a", "demo/middle"]);
    assert_eq!(names("/plugins?limit=1&after=demo/a"), ["demo/middle"]);
    assert_eq!(names("/plugins?limit=1&after=demo/middle"), ["demo/z"]);
    assert_eq!(names("/plugins?limit=1&after=demo/z"), [""; 0]);
    assert_eq!(names("/plugins?namespace=other"), [""; 0]);

    let shown = service.get("/plugins/demo/middle").json();
    assert_eq!(shown["url"], Value::Null);
    assert_eq!(shown["highest"][0]["version"], "0.0.1-0+deb12u1");
    assert_eq!(service.get("/plugins/demo/hidden").status, 404);
    assert_eq!(service.get("/plugins/demo/nothing").status, 404);
    let page = |path: &str| service.get_with(path, "Accept: text/html");
    let listed = page("/plugins").text();
    assert!(
        listed.contains("demo/middle") && !listed.contains("demo/hidden"),
        "{listed}"
    );
    assert!(
        page("/plugins/demo/middle")
            .text()
            .contains("no repository is bound to it")
    );
    assert_eq!(page("/plugins/demo/hidden").status, 404);
    // Its partner sees it, and once.
    let own = service
        .get_with("/plugins", &format!("Authorization: Bearer {token}"))
        .json();
    let count = own
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["plugin"] == json!("demo/hidden"))
        .count();
    assert_eq!(count, 1);
}

#[test]
fn what_plugins_have_is_read_once_and_then_only_what_is_new() {
    let lab = Lab::new();
    let package = |n: u32, version: &str| {
        let name = format!("p{n:04}");
        lab.open(&Package::new(&name, version)).unwrap()
    };
    let all: Vec<_> = (0..150).map(|n| package(n, "1.0")).collect();
    let bookworm = suite(Target::Bookworm);
    lab.publish_in(&bookworm, &all, lab.tick()).unwrap();

    let shelf = Shelf::default();
    let read = || lab.repository.highest(&shelf).unwrap();
    let first = read();
    // The farm's own keyring package is one more.
    assert_eq!(first.len(), 151);
    let more = [package(50, "2.0")];
    lab.publish_in(&bookworm, &more, lab.tick()).unwrap();
    // What was read is not read again: only the leaf that is new has to be there.
    let second = read();
    let version = |of: &Highest| of["wazo-plugind-p0050-demo"]["bookworm"].1.to_string();
    assert_eq!(version(&first), "1.0-0+deb12u1");
    assert_eq!(version(&second), "2.0-0+deb12u1");
    std::fs::rename(lab.path(".state/objects"), lab.path(".state/aside")).unwrap();
    assert_eq!(read().len(), 151, "nothing is read at all");
    lab.repository.highest(&Shelf::default()).unwrap_err();
}
