//! The bus of a host: what its clients hear, exactly and in order, also when the broker dies.

use std::time::Duration;

use plugfarm::host::jobs::Status;

use crate::broker_lab::{Broker, Heard};
use crate::jobs_lab::{Stage, TestHost};

const SOON: Duration = Duration::from_secs(60);

/// What was heard of one job, in words.
fn statuses(heard: &[Heard], uuid: &str) -> String {
    let own = heard.iter().filter(|one| one.uuid() == uuid);
    own.map(Heard::status).collect::<Vec<_>>().join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_hear_what_wazo_plugind_would_tell_them() {
    let broker = Broker::start();
    let mut listener = broker.listener().await;
    let stage = Stage::new();
    stage.publish("demo/a", "1.0", "");
    let host = TestHost::new(stage.clone(), None, Some(broker.config()));
    let install = host.market("demo/a", None).await;
    let first = listener.next(SOON).await.unwrap();
    let named = |text: String| {
        let timestamp = first.headers["timestamp"].as_str().unwrap();
        text.replace(install.as_str(), "UUID")
            .replace(timestamp, "NOW")
    };
    insta::assert_snapshot!(first.properties, @"application/json utf-8 Some(2) Some(0)");
    insta::assert_snapshot!(named(first.id.clone()), @"UUID:0");
    insta::assert_snapshot!(named(first.routing_key.clone()), @"plugin.install.UUID.starting");
    let headers = serde_json::to_string_pretty(&first.headers).unwrap();
    insta::assert_snapshot!(named(headers), @r#"
    {
      "name": "plugin_install_progress",
      "origin_uuid": "6a7d1c9c-1a2b-4c3d-8e9f-000000000001",
      "required_access": "event.plugin_install_progress",
      "required_acl": "events.plugin.install.UUID.starting",
      "timestamp": "NOW"
    }
    "#);
    insta::assert_snapshot!(named(first.body.to_string()), @r#"{"name":"plugin_install_progress","required_access":"event.plugin_install_progress","required_acl":"events.plugin.install.UUID.starting","origin_uuid":"6a7d1c9c-1a2b-4c3d-8e9f-000000000001","timestamp":"NOW","data":{"uuid":"UUID","status":"starting"}}"#);
    let rest = listener.until_the_end(&[install.to_string()]).await;
    assert_eq!(
        statuses(&rest, install.as_str()),
        "downloading, validating, installing dependencies, installing, completed"
    );
    let dependencies = &rest[2];
    assert!(
        dependencies
            .routing_key
            .ends_with(".installing dependencies")
    );

    stage.break_script("demo/a");
    let gone = host
        .jobs
        .uninstall("demo/a".parse().unwrap())
        .await
        .unwrap();
    let heard = listener.until_the_end(&[gone.to_string()]).await;
    assert_eq!(statuses(&heard, gone.as_str()), "starting, removing, error");
    let error = heard.last().unwrap();
    assert_eq!(error.headers["name"], "plugin_uninstall_progress");
    assert_eq!(error.routing_key, format!("plugin.uninstall.{gone}.error"));
    insta::assert_snapshot!(error.body["data"]["errors"], @r#"{"error_id":"removing-error","message":"Removing Error","resource":"plugins","details":{"blame":"plugin","code":"script-failed","reason":"the postinst failed","hint":"mend it","package":"wazo-plugind-a-demo","script":"postinst","rules_step":"install","output_tail":"cp: no such file","exit_status":7}}"#);
    let job = host.until(&gone, |job| job.sent == job.events.len()).await;
    assert_eq!(job.events.last().unwrap().status, Status::Error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_jobs_end_once_each_though_the_broker_and_the_agent_die() {
    let mut broker = Broker::start();
    let mut listener = broker.lasting_listener().await;
    let stage = Stage::new();
    let plugins: Vec<_> = (0..50).map(|number| format!("demo/p{number}")).collect();
    for plugin in &plugins {
        stage.publish(plugin, "1.0", "");
    }
    let mut host = TestHost::new(stage.clone(), None, Some(broker.config()));
    let mut uuids = Vec::new();
    for plugin in &plugins {
        uuids.push(host.market(plugin, None).await.to_string());
        let gone = host.jobs.uninstall(plugin.parse().unwrap()).await;
        uuids.push(gone.unwrap().to_string());
    }
    host.ended(&uuids[20].parse().unwrap()).await;
    broker.kill();
    // Nothing waits for the bus.
    for uuid in &uuids {
        host.ended(&uuid.parse().unwrap()).await;
    }
    assert_eq!(stage.done().len(), 100);
    host = host.die(None, Some(broker.config())).await;
    broker.resume();
    let mut heard = Vec::new();
    while let Some(one) = listener.next(Duration::from_secs(1)).await {
        heard.push(one);
    }
    let mut listener = broker.lasting_listener().await;
    let known: Vec<_> = heard
        .iter()
        .map(|one: &Heard| one.uuid().to_owned())
        .collect();
    let ended = |uuid: &&String| {
        let own = heard.iter().filter(|one| one.uuid() == uuid.as_str());
        own.clone().any(|one| one.status() == "completed")
    };
    assert!(known.len() < 100 * 3, "it was killed before all was told");
    let left: Vec<_> = uuids.iter().filter(|uuid| !ended(uuid)).cloned().collect();
    let rest = listener.until_the_end(&left).await;
    for one in rest {
        if heard.iter().all(|known| known.id != one.id) {
            heard.push(one);
        }
    }
    for (place, uuid) in uuids.iter().enumerate() {
        let told = statuses(&heard, uuid);
        match place % 2 {
            0 => assert!(
                told.starts_with("starting, downloading, validating")
                    && told.ends_with("installing, completed"),
                "{told}"
            ),
            _ => assert_eq!(told, "starting, removing, completed"),
        }
        assert_eq!(told.matches("completed").count(), 1);
        let job = host
            .until(&uuid.parse().unwrap(), |job| job.sent == job.events.len())
            .await;
        assert_eq!(job.sent, job.events.len());
    }
}
