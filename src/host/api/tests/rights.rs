//! Who may ask, and what is around the answers.

use super::*;
use crate::http::stub::{answer as said, server};

#[tokio::test]
async fn test_that_an_unauthorized_token_return_401() {
    let lab = Lab::new();
    let answer = lab
        .ask("GET /0.2/plugins", &[("x-auth-token", "wrong")], "")
        .await;
    insta::assert_snapshot!(answer.shown(), @r#"401 {"message":"Unauthorized","error_id":"unauthorized","details":{"invalid_token":"wrong","reason":"not_found_or_expired","required_access":"plugind.plugins.read"}}"#);
    let headers = [("x-auth-token", "nothing")];
    let answer = lab.ask("GET /0.2/market", &headers, "").await;
    insta::assert_snapshot!(answer.shown(), @r#"401 {"message":"Unauthorized","error_id":"unauthorized","details":{"invalid_token":"nothing","reason":"missing_permission_or_invalid_tenant","required_access":"plugind.market.read","tenant_uuid":null}}"#);
    for asked in [
        "GET /0.2/config",
        "GET /0.2/status",
        "GET /0.2/market",
        "GET /0.2/market/a/b",
        "GET /0.2/plugins",
        "POST /0.2/plugins",
        "GET /0.2/plugins/a/b",
        "DELETE /0.2/plugins/a/b",
        "POST /0.2/updates",
        "POST /0.2/updates/a/b",
        "GET /0.2/jobs",
        "GET /0.2/jobs/x",
        "DELETE /0.2/jobs/x",
        "GET /0.2/jobs/x/output",
    ] {
        for headers in [&headers[..], &[]] {
            assert_eq!(lab.ask(asked, headers, "").await.status, 401, "{asked}");
        }
    }
}

#[tokio::test]
async fn an_access_has_a_word_for_each_name() {
    let lab = Lab::new();
    let headers = [("x-auth-token", "one")];
    let answer = lab.ask("GET /0.2/plugins/de.mo/a", &headers, "").await;
    assert_eq!(answer.status, 404);
    let answer = lab.ask("DELETE /0.2/plugins/de.mo/a", &headers, "").await;
    assert_eq!(
        answer.json()["details"]["required_access"],
        "plugind.plugins.de_mo.a.delete"
    );
    let answer = lab.ask("POST /0.2/updates/de.mo/a", &headers, "").await;
    assert_eq!(
        answer.json()["details"]["required_access"],
        "plugind.updates.de_mo.a.create"
    );
}

/// A host whose wazo-auth says this.
async fn auth(answers: Vec<String>, master: &str) -> Lab {
    let url = server(answers).await;
    let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
    let text = format!(
        "auth: {{host: {host}, port: {port}, username: u, password: p, master_tenant_uuid: {master}}}"
    );
    let config = HostConfig::new(vec![layer(&text).unwrap()], HostEnvironment::default());
    Lab::with(config.unwrap().auth, Fixed::default(), "")
}

#[tokio::test]
async fn test_restrict_only_master_tenant() {
    let tenant = said("200 OK", r#"{"data":{"metadata":{"tenant_uuid":"sub"}}}"#);
    let good = said("204 No Content", "");
    let lab = auth(
        vec![good.clone(), tenant, good, said("403 Forbidden", "")],
        "master",
    )
    .await;
    let answer = lab.get("/0.2/plugins").await;
    insta::assert_snapshot!(answer.shown(), @r#"401 {"message":"Unauthorized","error_id":"unauthorized","details":{"invalid_token":"all"}}"#);
    // Every tenant may know how it is.
    assert_eq!(lab.get("/0.2/status").await.status, 200);
    let headers = [ALL, ("wazo-tenant", "other")];
    let answer = lab.ask("GET /0.2/status", &headers, "").await;
    assert_eq!(answer.json()["details"]["tenant_uuid"], "other");
}

#[tokio::test]
async fn test_503_when_no_auth() {
    let lab = auth(vec![], "master").await;
    let mut body = lab.get("/0.2/plugins").await;
    assert_eq!(body.status, 503);
    let details = body.json()["details"].clone();
    assert_eq!(details["auth_server_host"], "127.0.0.1");
    let original = details["original_error"].as_str().unwrap();
    assert!(!original.contains("all"), "{original}");
    let port = details["auth_server_port"].to_string();
    body.text = body.text.replace(original, "E").replace(&port, "1");
    insta::assert_snapshot!(body.shown(), @r#"503 {"message":"Authentication server unreachable","error_id":"authentication-server-unreachable","details":{"auth_server_host":"127.0.0.1","auth_server_port":1,"original_error":"E"}}"#);
}

#[tokio::test]
async fn before_there_is_a_master_tenant_nothing_is_known() {
    let good = said("204 No Content", "");
    let lab = auth(vec![good.clone(), good], "null").await;
    let answer = lab.get("/0.2/plugins").await;
    insta::assert_snapshot!(answer.shown(), @r#"503 {"message":"wazo-plugind is not initialized","error_id":"not-initialized","details":{}}"#);
    let answer = lab.get("/0.2/status").await;
    insta::assert_snapshot!(answer.shown(), @r#"200 {"rest_api":{"status":"ok"},"master_tenant":{"status":"fail"}}"#);
}

#[tokio::test]
async fn test_status_is_all_ok() {
    let answer = Lab::new().get("/0.2/status").await;
    insta::assert_snapshot!(answer.shown(), @r#"200 {"rest_api":{"status":"ok"},"master_tenant":{"status":"ok"}}"#);
}

#[tokio::test]
async fn settings_are_shown_without_secrets() {
    let settings = "auth: {username: u, password: hunter2}\nbus: {password: hunter2}\nhome_dir: /x";
    let lab = Lab::with(tokens(), Fixed::default(), settings);
    let answer = lab.get("/0.2/config").await;
    assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    let config = answer.json();
    assert_eq!(config["log_level"], 20);
    assert_eq!(config["home_dir"], "/x");
    assert_eq!(config["bus"]["exchange_name"], "wazo-headers");
}

#[tokio::test]
async fn addresses_are_what_they_are() {
    let lab = Lab::new();
    for unknown in [
        "/",
        "/0.2",
        "/0.1/plugins",
        "/0.2/plugins/",
        "/0.2/plugins/a",
        "/0.2/plugins/a/b/c",
        "/0.2/plugins//b",
        "/0.2/nothing",
    ] {
        let answer = lab.ask(&format!("GET {unknown}"), &[], "").await;
        assert_eq!(answer.status, 404, "{unknown}");
        assert!(
            answer.header("content-type").starts_with("text/html"),
            "{unknown}"
        );
    }
    let answer = lab.ask("PUT /0.2/plugins", &[], "").await;
    insta::assert_snapshot!(answer.shown(), @r#"405 {"message":"The method is not allowed for the requested URL."}"#);
    assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS, POST");
    let answer = lab.ask("DELETE /0.2/market", &[], "").await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, "GET, HEAD, OPTIONS")
    );
}

#[tokio::test]
async fn head_and_options_are_on_every_route_that_can_be_got() {
    let lab = Lab::new();
    for route in [
        "/0.2/api/api.yml",
        "/0.2/config",
        "/0.2/status",
        "/0.2/market",
        "/0.2/market/demo/a",
        "/0.2/plugins",
        "/0.2/plugins/demo/a",
        "/0.2/jobs",
    ] {
        let answer = lab.ask(&format!("HEAD {route}"), &[ALL], "").await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{route}");
        let answer = lab.ask(&format!("OPTIONS {route}"), &[], "").await;
        assert_eq!(answer.status, 200, "{route}");
        assert!(
            answer.header("allow").contains("GET, HEAD, OPTIONS"),
            "{route}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn a_proxy_may_mount_it_anywhere() {
    let lab = Lab::new();
    let name = ("x-script-name", "/api/plugind");
    for address in ["/0.2/status", "/api/plugind/0.2/status"] {
        let answer = lab.ask(&format!("GET {address}"), &[ALL, name], "").await;
        assert_eq!(answer.status, 200, "{address}");
    }
    assert_eq!(lab.get("/api/plugind/0.2/status").await.status, 404);
    let answer = lab.ask("GET /0.2/api/api.yml", &[name], "").await;
    assert!(answer.text.contains("\nbasePath: /api/plugind/0.2\n"));
    assert_eq!(answer.header("content-type"), "application/x-yaml");
    for strange in ["x", "/a b", "/a\tb", "//evil.example.org/", "/é"] {
        let headers = [("x-script-name", strange)];
        let answer = lab.ask("GET /0.2/api/api.yml", &headers, "").await;
        assert_eq!(answer.status, 200, "{strange}");
        if strange != "//evil.example.org/" {
            assert!(answer.text.contains("\nbasePath: /0.2\n"), "{strange}");
        }
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_ask() {
    let lab = Lab::new();
    let origin = ("origin", "https://ui.example.org");
    let answer = lab.ask("GET /0.2/plugins", &[origin], "").await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://ui.example.org"
    );
    assert_eq!(answer.header("vary"), "Origin");
    let headers = [
        origin,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "X-Auth-Token, X-Other"),
    ];
    let answer = lab.ask("OPTIONS /0.2/plugins", &headers, "").await;
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "X-Auth-Token"
    );
    let off = Lab::with(
        tokens(),
        Fixed::default(),
        "rest_api: {cors: {enabled: false}}",
    );
    assert_eq!(
        off.get("/0.2/status")
            .await
            .header("access-control-allow-origin"),
        ""
    );
}

#[test]
fn the_document_names_every_route() {
    let document = super::super::document::DOCUMENT;
    let paths = document.lines().filter(|line| line.starts_with("  /"));
    assert_eq!(paths.count(), 12);
    for definition in [
        "Error",
        "GetMarketResult",
        "GetPluginsResult",
        "InstallResponse",
        "MarketPluginList",
        "PluginInstallParameters",
        "PluginMetadata",
        "VersionInfo",
        "StatusSummary",
        "ComponentWithStatus",
        "StatusValue",
    ] {
        assert!(
            document.contains(&format!("\n  {definition}:\n")),
            "{definition}"
        );
    }
}
