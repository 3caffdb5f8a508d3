//! wazo-plugind's scenarios of plugins that need others, named as there.

use serde_json::json;

use crate::scenarios_fixtures::Fixture;
use crate::scenarios_lab::{Cast, Scenario};

fn depending(plugin: &'static str, on: &[(&str, &str)]) -> Fixture {
    let list = on
        .iter()
        .map(|(namespace, name)| format!("  - namespace: {namespace}\n    name: {name}\n"));
    let list: String = list.collect();
    Fixture::idle(plugin, "0.0.1").saying(&format!("depends:\n{list}"))
}

/// What the market has: `one` needs `two` and `three`, `three` needs `four`.
fn market() -> [Fixture; 4] {
    [
        Fixture::idle("dependency/four", "0.0.1"),
        depending("dependency/three", &[("dependency", "four")]),
        Fixture::idle("dependency/two", "0.0.1"),
        depending(
            "dependency/one",
            &[("dependency", "two"), ("dependency", "three")],
        ),
    ]
}

async fn scenario(offered: &[Fixture]) -> Scenario {
    Scenario::with(Cast {
        offered,
        bus: true,
        ..Cast::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn test_that_dependencies_are_installed() {
    let mut scenario = scenario(&market()).await;
    let one = scenario.market("dependency/one");
    let (told, data) = scenario.told(&one).await;
    assert_eq!(told.last().unwrap(), "completed", "{data:#}");
    for name in ["one", "two", "three", "four"] {
        assert!(scenario.has_plugin(&format!("dependency/{name}")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn test_that_a_satisfied_dependency_does_not_block_the_install() {
    let mut scenario = scenario(&market()).await;
    let two = scenario.market("dependency/two");
    let mut heard = scenario.heard(&[&two]).await;
    let one = scenario.market("dependency/one");
    heard.extend(scenario.heard(&[&one]).await);
    let completed = heard.iter().filter(|one| one.status() == "completed");
    assert_eq!(completed.count(), 4);
    for name in ["one", "two", "three", "four"] {
        assert!(scenario.has_plugin(&format!("dependency/{name}")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn test_given_dependency_error_when_install_then_error() {
    let mut scenario = scenario(&market()[..2]).await;
    let needs = [("dependency", "not-found"), ("dependency", "three")];
    let url = scenario.repository(&depending("dependencynotfound/one", &needs));
    let one = scenario.git(&url);
    let heard = scenario.heard(&[&one]).await;
    assert!(!scenario.has_plugin("dependencynotfound/one"));
    assert!(scenario.has_plugin("dependency/three"));
    let errors: Vec<_> = heard.iter().filter(|one| one.status() == "error").collect();
    assert_eq!(errors.len(), 2, "{heard:#?}");
    let options = |heard: &crate::broker_lab::Heard| {
        heard.body["data"]["errors"]["details"]["install_options"].clone()
    };
    let own = errors.iter().find(|error| error.uuid() == one).unwrap();
    assert_eq!(options(own)["url"], url);
    let other = errors.iter().find(|error| error.uuid() != one).unwrap();
    let wanted = json!({"namespace": "dependency", "name": "not-found"});
    assert_eq!(options(other), wanted);
}
