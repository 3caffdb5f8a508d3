//! What is upgradable, and what entries say.

use super::*;
use crate::host::samples::available;
use crate::model::DebianVersion;

fn here(wazo: &str, installed: &[(&str, &str, &str)]) -> Here {
    let installed = installed.iter().map(|(plugin, manifest, package)| {
        let version = Version {
            manifest: Some((*manifest).to_owned()),
            package: DebianVersion::new(package).unwrap(),
        };
        (plugin.parse().unwrap(), version)
    });
    Here {
        wazo: Some(wazo.to_owned()),
        installed: installed.collect(),
    }
}

fn upgradable(fields: &str, installed: &[(&str, &str, &str)]) -> bool {
    let entries = of_farms(
        &[available("demo/a", "1.0", fields)],
        &here("17.10", installed),
    );
    entries[0]["versions"][0]["upgradable"] == true
}

#[test]
fn upgradable_false_when_min_wazo_version_is_too_high() {
    assert!(!upgradable("Wazo-Min-Version: 17.11\n", &[]));
    assert!(!upgradable("Wazo-Min-Version: 100.01\n", &[]));
}

#[test]
fn upgradable_false_when_max_wazo_version_is_too_low() {
    assert!(!upgradable("Wazo-Max-Version: 17.09\n", &[]));
    assert!(upgradable("Wazo-Max-Version: 100.01\n", &[]));
}

#[test]
fn upgradable_true_when_the_limits_are_equal() {
    assert!(upgradable(
        "Wazo-Min-Version: 17.10\nWazo-Max-Version: 17.10\n",
        &[]
    ));
}

#[test]
fn upgradable_compares_what_is_installed() {
    assert!(!upgradable("", &[("demo/a", "1.0", "1.0")]));
    assert!(!upgradable("", &[("demo/a", "1.0", "1.0-0+deb12u1")]));
    assert!(!upgradable("", &[("demo/a", "1.1", "1.1")]));
    assert!(upgradable("", &[("demo/a", "0.9", "0.9-0+deb12u7")]));
    assert!(upgradable(
        "",
        &[("demo/a", "1.0~rc1", "1.0~rc1-0+deb12u1")]
    ));
    assert!(upgradable("", &[("demo/other", "2", "2")]));
}

#[test]
fn no_limit_is_met_by_a_version_that_nobody_knows() {
    let unknown = Here {
        wazo: None,
        installed: BTreeMap::new(),
    };
    let offers = [
        available("demo/a", "2.0", "Wazo-Min-Version: 1\n"),
        available("demo/a", "1.0", ""),
    ];
    let entries = of_farms(&offers, &unknown);
    assert_eq!(entries[0]["versions"][0]["upgradable"], false);
    assert_eq!(entries[0]["versions"][1]["upgradable"], true);
}

#[test]
fn an_entry_says_what_the_package_says() {
    let fields = "Homepage: https://example.org/\nWazo-Display-Name: A\nWazo-Author: Me\nWazo-License: MIT\nWazo-Tags: one, two\n\
        Description: Does a thing\n It does it well.\n .\n Very.\n";
    let mut rebuilt = available("demo/a", "1.0", "");
    rebuilt.version = DebianVersion::new("1.0-0+deb12u2").unwrap();
    let offers = [
        available("demo/a", "2.0", fields),
        rebuilt,
        available("demo/a", "1.0", ""),
        available("demo/b", "1.0", ""),
    ];
    let entries = of_farms(&offers, &here("17.10", &[("demo/a", "1.0", "1.0")]));
    let mut a = Value::Object(entries[0].clone());
    for version in a["versions"].as_array_mut().unwrap() {
        version.as_object_mut().unwrap().shift_remove("sha256");
    }
    insta::assert_snapshot!(a, @r#"{"homepage":"https://example.org/","display_name":"A","name":"a","namespace":"demo","tags":["one","two"],"author":"Me","versions":[{"upgradable":true,"version":"2.0","method":"market","options":{"namespace":"demo","name":"a","version":"2.0"},"package":"wazo-plugind-a-demo","package_version":"2.0-0+deb12u1","size":3,"farm":"local"},{"upgradable":false,"version":"1.0","method":"market","options":{"namespace":"demo","name":"a","version":"1.0"},"package":"wazo-plugind-a-demo","package_version":"1.0-0+deb12u2","size":3,"farm":"local"}],"description":"Does a thing\n\nIt does it well.\n\nVery.","short_description":"Does a thing","license":"MIT","installed_version":"1.0"}"#);
    assert_eq!(entries[1]["name"], "b");
    assert_eq!(entries[1]["installed_version"], Value::Null);
}

fn object(value: Value) -> Entry {
    value.as_object().unwrap().clone()
}

#[test]
fn a_servers_entry_keeps_what_it_says_and_loses_what_is_strange() {
    let raw = object(json!({
        "namespace": "demo", "name": "a", "color": "#fff",
        "versions": [
            {"version": "0.2", "options": {"url": "https://x/", "ref": "v2"}, "min_wazo_version": 18},
            {"version": 0.1, "options": {"url": "https://x/"}},
            {"options": {}}, "nonsense", {"version": null},
        ],
    }));
    let entry = of_server(raw, &here("17.10", &[("demo/a", "0.0.1", "0.0.1")])).unwrap();
    assert_eq!(entry["installed_version"], "0.0.1");
    assert_eq!(entry["color"], "#fff");
    assert_eq!(entry["versions"].as_array().unwrap().len(), 2);
    assert_eq!(entry["versions"][0]["upgradable"], false);
    assert_eq!(entry["versions"][1]["version"], "0.1");
    let first = source(&entry, None).unwrap();
    assert_eq!((first.url.as_str(), first.reference), ("https://x/", None));
    let named = source(&entry, Some("0.2")).unwrap();
    assert_eq!(named.reference.as_deref(), Some("v2"));
    assert_eq!(source(&entry, Some("3")), None);
    for strange in [
        json!({"namespace": "demo"}),
        json!({"namespace": 1, "name": "a"}),
    ] {
        assert_eq!(of_server(object(strange), &here("17.10", &[])), None);
    }
}

#[test]
fn what_is_installed_already_comes_from_where_it_came_from() {
    let raw = json!({
        "namespace": "demo", "name": "a",
        "versions": [
            {"version": "0.2", "options": {"url": "https://x/"}, "min_wazo_version": "18.01"},
            {"version": "0.1", "options": {"url": "https://x/", "ref": "v1"}},
        ],
    });
    let of = |installed: &[(&str, &str, &str)]| {
        let entry = of_server(object(raw.clone()), &here("17.10", installed));
        source(&entry.unwrap(), None).map(|found| found.reference)
    };
    let v1 = Some(Some("v1".to_owned()));
    assert_eq!(of(&[]), v1);
    assert_eq!(of(&[("demo/a", "0.1", "0.1")]), v1);
    assert_eq!(of(&[("demo/a", "0.3", "0.3")]), None);
}

#[test]
fn nothing_of_a_farms_is_taken_from_elsewhere() {
    let offers = [available("demo/a", "1.0", "")];
    for installed in [&[][..], &[("demo/a", "1.0", "1.0")]] {
        let entries = of_farms(&offers, &here("17.10", installed));
        assert_eq!(source(&entries[0], None), None);
    }
}
