//! Plugins and jobs.

use serde_json::json;

use super::*;

#[tokio::test]
async fn test_that_installed_plugins_are_listed() {
    let answer = Lab::new().get("/0.2/plugins").await;
    insta::assert_snapshot!(answer.shown(), @r#"200 {"items":[{"name":"a","namespace":"demo","version":1.0,"extra":[true]}],"total":1}"#);
    let nothing = Lab::with(tokens(), Fixed::default(), "")
        .get("/0.2/plugins")
        .await;
    assert_eq!(nothing.text, "{\"items\":[],\"total\":0}\n");
}

#[tokio::test]
async fn test_get_plugin() {
    let lab = Lab::new();
    let answer = lab.get("/0.2/plugins/demo/a").await;
    insta::assert_snapshot!(answer.shown(), @r#"200 {"name":"a","namespace":"demo","version":1.0,"extra":[true]}"#);
    let answer = lab.get("/0.2/plugins/demo/other").await;
    insta::assert_snapshot!(answer.shown(), @r#"404 {"message":"Plugin not found demo/other","error_id":"plugin-not-found","details":{"name":"other","namespace":"demo"},"resource":"plugins"}"#);
    for strange in ["..%2f..", "%2e%2e", "A", "a%00", "%C3%A9"] {
        let answer = lab.get(&format!("/0.2/plugins/demo/{strange}")).await;
        assert_eq!(answer.status, 404, "{strange}");
    }
    // Not even text.
    assert_eq!(
        lab.get("/0.2/plugins/demo/%FF")
            .await
            .header("content-type"),
        "text/html; charset=utf-8"
    );
}

#[tokio::test]
async fn test_install_and_what_becomes_of_it() {
    let lab = Lab::new();
    let body = r#"{"method":"market","options":{"namespace":"demo","name":"b"}}"#;
    let answer = lab.post("/0.2/plugins", body).await;
    let uuid = answer.json()["uuid"].as_str().unwrap().to_owned();
    assert_eq!(answer.text, format!("{{\"uuid\":\"{uuid}\"}}\n"));
    // The same once more is the same job; another query is another one.
    assert_eq!(
        lab.post("/0.2/plugins", body).await.json()["uuid"],
        uuid.as_str()
    );
    let again = lab.post("/0.2/plugins?reinstall=True", body).await;
    assert_ne!(again.json()["uuid"], uuid.as_str());
    let job = lab.get(&format!("/0.2/jobs/{uuid}")).await.json();
    assert_eq!(job["state"], "queued");
    assert_eq!(job["kind"], "install");
    assert_eq!(job["options"], json!({"namespace": "demo", "name": "b"}));
    assert_eq!(job["name"], "b");
    let jobs = lab.get("/0.2/jobs?limit=1").await.json();
    assert_eq!(jobs["total"], 2);
    assert_eq!(jobs["items"][0]["reinstall"], true);
    let output = lab.get(&format!("/0.2/jobs/{uuid}/output")).await;
    assert_eq!((output.status, output.text.as_str()), (200, ""));
    let stopped = lab
        .ask(&format!("DELETE /0.2/jobs/{uuid}"), &[ALL], "")
        .await;
    assert_eq!(stopped.text, answer.text);
    let stopped = lab
        .ask(&format!("DELETE /0.2/jobs/{uuid}"), &[ALL], "")
        .await;
    assert_eq!(
        (stopped.status, &stopped.json()["error_id"]),
        (409, &json!("job-ended"))
    );
    let answer = lab.get("/0.2/jobs/nonsense").await;
    insta::assert_snapshot!(answer.shown(), @r#"404 {"message":"Job not found nonsense","error_id":"job-not-found","details":{"uuid":"nonsense"},"resource":"jobs"}"#);
}

#[tokio::test]
async fn a_body_is_json_whatever_it_is_called() {
    let lab = Lab::new();
    let body = r#"{"method":"git","options":{"url":"https://x/y","ref":"v2","subdirectory":"s"}}"#;
    let headers = [ALL, ("content-type", "text/plain")];
    let answer = lab.ask("POST /0.2/plugins", &headers, body).await;
    assert_eq!(answer.status, 200);
    let job = &lab.jobs.list()[0];
    assert_eq!(
        job.asked.options(),
        json!({"url": "https://x/y", "ref": "v2", "subdirectory": "s"})
    );
}

#[tokio::test]
async fn test_that_empty_body_for_post_plugins_returns_400() {
    let lab = Lab::new();
    for body in ["", "{", "nonsense", "\u{1}"] {
        let answer = lab.post("/0.2/plugins", body).await;
        assert_eq!(
            answer.shown(),
            r#"400 {"message":"The browser (or proxy) sent a request that this server could not understand."}"#
        );
    }
}

#[tokio::test]
async fn test_that_an_unknown_download_method_returns_400() {
    let lab = Lab::new();
    let answer = lab
        .post("/0.2/plugins", r#"{"method":"svn","options":{"url":"x"}}"#)
        .await;
    insta::assert_snapshot!(answer.shown(), @r#"400 {"message":"Invalid data","error_id":"invalid-data","details":{"method":{"message":"Must be one of: git, market.","constraint_id":"enum","constraint":{"choices":["git","market"]}}},"resource":"plugins"}"#);
    assert_eq!(lab.jobs.list().len(), 0);
}

#[tokio::test]
async fn the_body_is_looked_at_before_the_query() {
    let lab = Lab::new();
    let answer = lab.post("/0.2/plugins?reinstall=maybe", "{}").await;
    assert!(answer.json()["details"].get("method").is_some());
    let good = r#"{"method":"git","options":{"url":"x"}}"#;
    let answer = lab.post("/0.2/plugins?reinstall=maybe", good).await;
    insta::assert_snapshot!(answer.shown(), @r#"400 {"message":"Invalid data","error_id":"invalid-data","details":{"reinstall":{"message":"Not a valid boolean.","constraint_id":"type","constraint":"boolean"}},"resource":"plugins"}"#);
    assert_eq!(lab.jobs.list().len(), 0);
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let answer = Lab::new().post("/0.2/plugins", &"x".repeat(70_000)).await;
    insta::assert_snapshot!(answer.shown(), @r#"413 {"message":"The data value transmitted exceeds the capacity limit."}"#);
}

#[tokio::test]
async fn test_that_uninstalling_an_uninstalled_plugin_returns_404() {
    let lab = Lab::new();
    let answer = lab.ask("DELETE /0.2/plugins/demo/b", &[ALL], "").await;
    insta::assert_snapshot!(answer.shown(), @r#"404 {"message":"Plugin not found demo/b","error_id":"plugin-not-found","details":{"name":"b","namespace":"demo"},"resource":"plugins"}"#);
    let answer = lab.ask("DELETE /0.2/plugins/demo/a", &[ALL], "").await;
    assert_eq!(answer.status, 200);
    let job = &lab.jobs.list()[0];
    assert_eq!(answer.json(), json!({"uuid": job.uuid.as_str()}));
    assert_eq!(job.plugin.as_ref().unwrap().to_string(), "demo/a");
}
