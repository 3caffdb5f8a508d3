//! A host of which everything is asked at once, while its bus dies: each request has one end, and dpkg is well.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::broker_lab::Heard;
use crate::scenarios_fixtures::Fixture;
use crate::scenarios_lab::{Cast, Scenario, uuid};

/// How many requests come at once; half of them install, half uninstall.
fn requests() -> usize {
    match std::env::var_os("PLUGFARM_SOAK") {
        Some(_) => 100,
        None => 8,
    }
}

fn package(plugin: &str) -> String {
    let (namespace, name) = plugin.split_once('/').unwrap();
    format!("wazo-plugind-{name}-{namespace}")
}

fn is_end(one: &Heard) -> bool {
    ["completed", "error"].contains(&one.status())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_at_once_ends_once_though_the_bus_dies() {
    let names = (0..requests()).map(|number| format!("plugindtests/p{number}"));
    let plugins: Vec<&'static str> = names.map(|name| &*name.leak()).collect();
    let offered: Vec<_> = plugins
        .iter()
        .map(|plugin| Fixture::idle(plugin, "1"))
        .collect();
    let mut scenario = Scenario::with(Cast {
        offered: &offered,
        bus: true,
        ..Cast::default()
    })
    .await;
    let (there, wanted) = plugins.split_at(plugins.len() / 2);
    let packages: Vec<_> = there.iter().map(|plugin| package(plugin)).collect();
    let install = format!("apt-get install --yes --quiet {}", packages.join(" "));
    scenario.host.run(&install).succeeds();
    let mut listener = scenario.broker().lasting_listener().await;

    let client = &scenario.client;
    let uuids: Vec<String> = std::thread::scope(|scope| {
        let removed = there
            .iter()
            .map(|plugin| scope.spawn(|| uuid(&client.uninstall(plugin))));
        let installed = wanted
            .iter()
            .map(|plugin| scope.spawn(|| scenario.market(plugin)));
        let asking: Vec<_> = removed.chain(installed).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(uuids.iter().collect::<HashSet<_>>().len(), requests());

    let mut heard: HashMap<String, Heard> = HashMap::new();
    for death in 1..=2 {
        let ends =
            |heard: &HashMap<String, Heard>| heard.values().filter(|one| is_end(one)).count();
        let began = Instant::now();
        while ends(&heard) < requests() * death / 4 {
            assert!(began.elapsed() < Duration::from_secs(300), "{heard:#?}");
            if let Some(one) = listener.next(Duration::from_secs(1)).await {
                heard.insert(one.id.clone(), one);
            }
        }
        assert!(ends(&heard) < requests(), "it dies before all is told");
        scenario.broker().kill();
        tokio::time::sleep(Duration::from_secs(3)).await;
        scenario.broker().resume();
        listener = scenario.broker().lasting_listener().await;
    }
    // Nothing waits for the bus.
    for uuid in &uuids {
        scenario.completes(uuid);
    }
    let told = |heard: &HashMap<String, Heard>, uuid: &str| {
        let own = heard.values().filter(|one| one.uuid() == uuid);
        own.filter(|one| is_end(one)).count()
    };
    let left = uuids.iter().filter(|uuid| told(&heard, uuid) == 0);
    let left: Vec<_> = left.cloned().collect();
    for one in listener.until_the_end(&left).await {
        heard.insert(one.id.clone(), one);
    }
    // What comes later would be too much.
    while let Some(one) = listener.next(Duration::from_secs(2)).await {
        heard.insert(one.id.clone(), one);
    }
    for uuid in &uuids {
        assert_eq!(told(&heard, uuid), 1, "{uuid}");
    }
    for plugin in there {
        assert!(!scenario.has_plugin(plugin), "{plugin}");
    }
    for plugin in wanted {
        assert!(scenario.has_plugin(plugin), "{plugin}");
    }
    scenario.host.is_healthy();
    scenario.host.run("apt-get check").succeeds();
}
