//! The API as a whole: its document, and that every page refuses as it says.

mod lab;

use axum::http::{Method, header};
use serde_json::{Value, json};

use super::*;
use crate::model::Timestamp;
use crate::pipeline::now;
use lab::{Farm, json_of};

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_names_every_page_and_refers_to_nothing_that_is_not_there() {
    let document = Farm::new().await.document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    let live = "/builds/{id}/log/live".to_owned();
    assert!(paths.contains(&&live) && paths.len() >= 12, "{paths:?}");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    let schemes = document["components"]["securitySchemes"].as_object();
    assert!(schemes.unwrap().contains_key("token"));
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

/// One page, as the document has it.
struct Page {
    name: String,
    method: Method,
    /// With what is not there.
    missing: String,
    /// With what is acme's.
    theirs: String,
    operation: Value,
}

impl Page {
    fn all(document: &Value, build: &str) -> Vec<Self> {
        let mut pages = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let filled = |id: &str, namespace: &str| {
                    let path = path.replace("{id}", id).replace("{namespace}", namespace);
                    let path = path.replace("{delivery}", id);
                    path.replace("{name}", "hello")
                };
                pages.push(Self {
                    name: format!("{method} {path}"),
                    method: method.to_ascii_uppercase().parse().unwrap(),
                    missing: filled("0190a000-0000-7000-8000-000000000000", "nobody"),
                    theirs: filled(build, "demo"),
                    operation: operation.clone(),
                });
            }
        }
        pages
    }

    fn says(&self, status: u16) -> bool {
        self.operation["responses"]
            .get(status.to_string())
            .is_some()
    }

    fn takes_a_body(&self) -> bool {
        self.operation.get("requestBody").is_some()
    }

    /// A body that is as it should be.
    fn body(&self) -> Option<String> {
        let everything = json!({
            "url": "https://git.example.org/hello", "plugin": "demo/hello", "version": "1.0", "percent": 5,
            "reason": "a test", "namespace": "demo2", "partner": "acme", "forge": "github", "tags": ["v*"],
            "token": "0123456789abcdef", "private": true, "address": "ops@example.org",
            "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "target": "bookworm", "architecture": "amd64", "verb": "install",
        });
        let schema = self
            .operation
            .pointer("/requestBody/content/application~1json/schema/$ref")?;
        let fields: &[&str] = match schema.as_str().unwrap().rsplit('/').next().unwrap() {
            "Submission" => &["url", "plugin"],
            "Promotion" | "Rollback" | "Lock" => &["reason"],
            "Phasing" => &["version", "percent"],
            "Withdrawal" => &["version", "reason"],
            "Namespace" => &["namespace", "partner"],
            "NewToken" => &[],
            "Binding" => &["url"],
            "NewHook" => &["forge"],
            "NewWatch" => &["tags"],
            "NewCredential" => &["token"],
            "NewPrivacy" => &["private"],
            "NewSubscription" => &["address"],
            "Installation" => &["id", "plugin", "version", "target", "architecture", "verb"],
            other => panic!("say what a good {other} is"),
        };
        let fields = fields
            .iter()
            .map(|name| ((*name).to_owned(), everything[name].clone()));
        Some(Value::Object(fields.collect()).to_string())
    }

    /// Asks, and holds that the answer is a problem document of this status, which the page says it may give.
    async fn refuses(&self, farm: &Farm, path: &str, token: &str, body: Option<&str>, status: u16) {
        let name = &self.name;
        assert!(self.says(status), "{name} says that it may answer {status}");
        let answer = farm.ask(&self.method, path, token, body).await;
        let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
        let found = answer.status().as_u16();
        let problem = json_of(answer).await;
        assert_eq!(found, status, "{name}: {problem}");
        assert_eq!(kind.unwrap(), "application/problem+json", "{name}");
        assert_eq!(problem["status"], status, "{name}");
        for words in ["title", "detail", "hint"] {
            assert!(
                !problem[words].as_str().unwrap().is_empty(),
                "{name}: {problem}"
            );
        }
    }
}

#[tokio::test]
async fn every_page_refuses_as_it_says() {
    let farm = Farm::new().await;
    let pages = Page::all(&farm.document().await, &farm.build);
    assert!(pages.len() >= 25, "{}", pages.len());
    // What forges send is known by its signature, and has limits of its own.
    for page in pages
        .iter()
        .filter(|page| !page.theirs.starts_with("/hooks/"))
    {
        let body = page.body();
        let body = body.as_deref();
        let operator = farm.operator.as_str();
        if page.operation.get("security").is_some() {
            page.refuses(&farm, &page.theirs, "", body, 401).await;
            page.refuses(&farm, &page.theirs, "plugfarm_0", body, 401)
                .await;
            page.refuses(&farm, &page.theirs, &farm.stranger, body, 403)
                .await;
        }
        if page.missing != page.theirs {
            page.refuses(&farm, &page.missing, operator, body, 404)
                .await;
        }
        if page.takes_a_body() {
            let nonsense = Some(r#"{"nonsense": 1}"#);
            page.refuses(&farm, &page.theirs, operator, nonsense, 422)
                .await;
            page.refuses(&farm, &page.theirs, operator, Some("{"), 400)
                .await;
            page.refuses(&farm, &page.theirs, operator, None, 415).await;
            let large = format!("\"{}\"", "a".repeat(MAX_BODY));
            page.refuses(&farm, &page.theirs, operator, Some(&large), 413)
                .await;
        }
        let parameters = page.operation["parameters"].as_array();
        if parameters.is_some_and(|all| all.iter().any(|one| one["in"] == "query")) {
            let path = format!("{}?nonsense=1", page.theirs);
            page.refuses(&farm, &path, operator, body, 422).await;
        }
    }
}

#[tokio::test]
async fn a_partners_token_makes_no_more_than_itself() {
    let farm = Farm::new().await;
    let make = async |token: &str, asked: Value| {
        let body = asked.to_string();
        let answer = farm.ask(&Method::POST, "/tokens", token, Some(&body)).await;
        (answer.status().as_u16(), json_of(answer).await)
    };
    let asked = json!({ "partner": "acme", "person": "alice", "scopes": ["submit", "manage"], "days": 2,
        "namespaces": ["demo"] });
    let (status, own) = make(&farm.operator, asked).await;
    assert_eq!(status, 201, "{own}");
    let own = own["token"].as_str().unwrap();
    for more in [
        json!({ "scopes": ["release"] }),
        json!({ "scopes": ["operate"] }),
        json!({ "partner": "other" }),
        json!({ "person": "bob" }),
        json!({ "namespaces": ["other"] }),
    ] {
        let (status, said) = make(own, more.clone()).await;
        assert_eq!(status, 403, "{more}: {said}");
    }
    let (status, narrower) = make(own, json!({ "scopes": ["submit"], "days": 300 })).await;
    assert_eq!(status, 201, "{narrower}");
    let ends: Timestamp = narrower["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(
        ends.seconds() <= now().seconds() + 2 * 24 * 3600,
        "{narrower}"
    );

    let answer = farm.ask(&Method::GET, "/tokens", own, None).await;
    let listed = json_of(answer).await;
    let listed = listed.as_array().unwrap();
    assert_eq!(
        listed.len(),
        2,
        "the partner's own, and no secret: {listed:?}"
    );
    let found = listed
        .iter()
        .find(|one| one["id"] == narrower["id"])
        .unwrap();
    assert_eq!(
        (&found["person"], &found["namespaces"], &found["token"]),
        (&json!("alice"), &json!(["demo"]), &Value::Null)
    );
    // A narrower one does not know of what it was made with.
    let asked = json!({ "scopes": ["manage"] });
    let (_, manager) = make(own, asked).await;
    let manager = manager["token"].as_str().unwrap();
    let seen = farm.ask(&Method::GET, "/tokens", manager, None).await;
    let seen = json_of(seen).await;
    assert_eq!(seen.as_array().unwrap().len(), 1, "{seen}");
    // Somebody else's token is not there for them; their own ends, with what was made with it.
    let stranger = farm
        .ask(&Method::GET, "/tokens", &farm.operator, None)
        .await;
    let all = json_of(stranger).await;
    let foreign = all
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["partner"] == "other");
    let end = async |id: &Value| {
        let path = format!("/tokens/{}", id.as_str().unwrap());
        farm.ask(&Method::DELETE, &path, own, None)
            .await
            .status()
            .as_u16()
    };
    assert_eq!(end(&foreign.unwrap()["id"]).await, 404);
    let itself = listed
        .iter()
        .find(|one| one["id"] != narrower["id"])
        .unwrap();
    assert_eq!(end(&itself["id"]).await, 204);
    let token = narrower["token"].as_str().unwrap();
    let (status, _) = make(token, json!({})).await;
    assert_eq!(status, 401);
}

/// The document as it is kept in git: whoever changes the API sees there what that means for its callers.
#[test]
fn the_document_in_git_is_the_one_that_is_served() {
    let (_, document) = routes();
    let served = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs_err::write(path, &served).unwrap();
    }
    let kept = fs_err::read_to_string(path).unwrap_or_default();
    let differs = kept.lines().zip(served.lines()).position(|(a, b)| a != b);
    assert!(
        kept == served,
        "openapi.json is of another API, from line {differs:?} on; see what changed with UPDATE_OPENAPI=1 and git diff"
    );
}
