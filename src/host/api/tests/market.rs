//! The market.

use serde_json::json;

use super::*;
use crate::http::stub::{answer as said, server};

#[tokio::test]
async fn test_market_list() {
    let answer = Lab::new().get("/0.2/market").await;
    insta::assert_snapshot!(answer.shown(), @r#"200 {"items":[{"name":"a","namespace":"demo","tags":[],"versions":[{"upgradable":true,"version":"1.1","min_wazo_version":"17.01"},{"upgradable":false,"version":"1.0","min_wazo_version":"17.01"}],"description":"Does a thing","short_description":"Does a thing","installed_version":"1.0"},{"name":"b","namespace":"demo","tags":[],"versions":[{"upgradable":false,"version":"2.0","max_wazo_version":"17.09"}],"description":"","short_description":"","installed_version":null}],"total":2,"filtered":2}"#);
}

#[tokio::test]
async fn test_market_get() {
    let lab = Lab::new();
    let entry = lab.get("/0.2/market/demo/b").await.json();
    assert_eq!(entry["versions"][0]["method"], "market");
    assert_eq!(
        entry["versions"][0]["options"],
        json!({"namespace": "demo", "name": "b", "version": "2.0"})
    );
    let answer = lab.get("/0.2/market/demo/other").await;
    insta::assert_snapshot!(answer.shown(), @r#"404 {"message":"Plugin not found demo/other","error_id":"plugin-not-found","details":{"name":"other","namespace":"demo"},"resource":"plugins"}"#);
}

#[tokio::test]
async fn queries_are_followed() {
    let lab = Lab::new();
    for (query, names) in [
        ("limit=1", vec!["a"]),
        ("limit=0&offset=1", vec!["b"]),
        ("direction=desc", vec!["b", "a"]),
        ("search=THING", vec!["a"]),
        ("installed=True", vec!["a"]),
        ("installed=0", vec!["b"]),
        ("name=b", vec!["b"]),
        ("bogus=1", vec![]),
        ("name=a&name=b", vec!["a"]),
    ] {
        let found = lab.get(&format!("/0.2/market?{query}")).await.json();
        let items = found["items"].as_array().unwrap();
        let found: Vec<_> = items
            .iter()
            .map(|item| item["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, names, "{query}");
    }
    let paged = lab.get("/0.2/market?limit=1&namespace=demo").await.json();
    assert_eq!(
        (&paged["total"], &paged["filtered"]),
        (&json!(2), &json!(2))
    );
}

#[tokio::test]
async fn test_bad_queries_return_400() {
    let lab = Lab::new();
    let answer = lab
        .get("/0.2/market?limit=-1&direction=up&order=&installed=2&offset=x")
        .await;
    insta::assert_snapshot!(answer.shown(), @r#"400 {"message":"Invalid data","error_id":"invalid-data","details":{"limit":{"message":"Must be greater than or equal to 0.","constraint_id":"range","constraint":{"min":0}},"direction":{"message":"Must be one of: asc, desc.","constraint_id":"enum","constraint":{"choices":["asc","desc"]}},"order":{"message":"Shorter than minimum length 1.","constraint_id":"length","constraint":{"min":1,"max":null}},"installed":{"message":"Not a valid boolean.","constraint_id":"type","constraint":"boolean"},"offset":{"message":"Not a valid integer.","constraint_id":"type","constraint":"integer"}},"resource":"plugins"}"#);
    let answer = lab.get("/0.2/market?order=versions").await;
    insta::assert_snapshot!(answer.shown(), @r#"400 {"message":"Invalid sort parameters","error_id":"invalid-sort-params","details":{"versions":{"constraint_id":"orderable","message":"\"versions\" values are not orderable"}},"resource":"market"}"#);
}

/// A host with a market server that says this, and with these packages.
async fn beside(shelf: Fixed, document: &str) -> Lab {
    let document = said("200 OK", document);
    let url = server(vec![document.clone(), document]).await;
    let settings = format!(
        "market: {{host: {}, port: {}}}",
        url.host_str().unwrap(),
        url.port().unwrap()
    );
    Lab::with(tokens(), shelf, &settings)
}

const LISTED: &str = r#"{"items":[7,{"name":"x"},{"name":"b","namespace":"demo"},
    {"name":"c","namespace":"old","color":"red","versions":[{"version":0.1,"options":{"url":"https://x/c","ref":"v1"}}, {}]}]}"#;

#[tokio::test]
async fn a_market_server_is_listed_beside_the_farm() {
    let shelf = Fixed {
        available: vec![available("demo/b", "2.0", "")],
        ..Fixed::default()
    };
    let found = beside(shelf, LISTED).await.get("/0.2/market").await.json();
    assert_eq!(found["total"], 2);
    assert_eq!(found["items"][0]["versions"][0]["version"], "2.0");
    assert_eq!(
        found["items"][1],
        json!({"color": "red", "name": "c", "namespace": "old", "versions": [{"upgradable": true, "version": "0.1"}], "installed_version": null})
    );
}

#[tokio::test]
async fn what_only_a_market_server_has_is_built_from_its_repository() {
    let lab = beside(Fixed::default(), LISTED).await;
    let body = r#"{"method":"market","options":{"namespace":"old","name":"c"}}"#;
    assert_eq!(lab.post("/0.2/plugins", body).await.status, 200);
    let options = json!({"url": "https://x/c", "ref": "v1", "subdirectory": null});
    assert_eq!(lab.jobs.list()[0].asked.options(), options);
}

#[tokio::test]
async fn an_outage_is_one_only_where_there_is_nothing_else() {
    let down = "market: {host: 127.0.0.1, port: 1}";
    let lab = Lab::with(tokens(), Fixed::default(), down);
    for address in ["/0.2/market", "/0.2/market/demo/a"] {
        let answer = lab.get(address).await;
        assert_eq!(
            answer.shown(),
            r#"503 {"message":"Market Service Unavailable","error_id":"market-service-unavailable","details":{},"resource":"market"}"#
        );
    }
    let shelf = Fixed {
        available: vec![available("demo/b", "2.0", "")],
        ..Fixed::default()
    };
    let lab = Lab::with(tokens(), shelf, down);
    assert_eq!(lab.get("/0.2/market").await.json()["total"], 1);
    let nothing = Lab::with(tokens(), Fixed::default(), "")
        .get("/0.2/market")
        .await;
    assert_eq!(nothing.text, "{\"items\":[],\"total\":0,\"filtered\":0}\n");
}
