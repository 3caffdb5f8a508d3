//! The bus of a Wazo hears what becomes of builds, once each, also when it was away.

use std::time::Duration;

use serde_json::json;

use crate::broker_lab::Broker;
use crate::service_lab::Service;

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_hears_of_an_outcome_once_it_is_there() {
    let mut broker = Broker::start();
    let bus = broker.config();
    drop(broker.lasting_listener().await);
    let (host, port) = (bus.host, bus.port);
    let mut service = Service::new(&format!(
        "notify: {{bus: {{host: {host}, port: {port}}}}}\n"
    ))
    .await;
    let url = service.repository("helloworld", "helloworld");
    service.start();
    let token = service.partner();
    let told = [
        "notify",
        "add",
        "bus",
        "--partner=acme",
        "--event=succeeded",
    ];
    service.farm.run(&told).succeeds();
    broker.kill();
    let asked = json!({ "url": url, "plugin": "demo/helloworld" });
    let build = service.post("/builds", &token, &asked).json()["id"].clone();
    let build = build.as_str().unwrap();
    service.wait(build, &["succeeded"]);
    broker.resume();
    let mut listener = broker.lasting_listener().await;
    let heard = listener.next(Duration::from_secs(120)).await.unwrap();
    assert_eq!(
        heard.routing_key,
        format!("plugfarm.build.{build}.succeeded")
    );
    assert_eq!(heard.headers["name"], "plugfarm_build_succeeded");
    assert_eq!(
        heard.headers["required_access"],
        "event.plugfarm_build_succeeded"
    );
    assert_eq!(heard.body["data"]["build"]["plugin"], "demo/helloworld");
    assert_eq!(heard.body["data"]["id"], heard.id);
    let again = listener.next(Duration::from_secs(3)).await;
    assert_eq!(again, None);
}
