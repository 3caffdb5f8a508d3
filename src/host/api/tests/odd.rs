//! Whatever is asked, the answer is one.

use proptest::prelude::*;

use super::*;

const ROUTES: &[&str] = &[
    "/0.2/api/api.yml",
    "/0.2/config",
    "/0.2/status",
    "/0.2/market",
    "/0.2/market/demo/a",
    "/0.2/market/x/%ff",
    "/0.2/plugins",
    "/0.2/plugins/demo/a",
    "/0.2/plugins/%00/%2f",
    "/0.2/updates",
    "/0.2/updates/demo/a",
    "/0.2/jobs",
    "/0.2/jobs/x",
    "/0.2/jobs/%ff/output",
    "/0.2/x",
];
const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
];
const BODIES: &[&str] = &[
    "",
    "null",
    "\"abc\"",
    "[1]",
    "[]",
    "{}",
    "0",
    "1e999",
    "-",
    "{\"method\":[]}",
    "{\"method\":\"git\"}",
    "{\"method\":{},\"options\":1}",
    r#"{"method":"git","options":{"url":[],"ref":{},"subdirectory":0}}"#,
    r#"{"method":"git","options":{"url":"\u0000","ref":"\ud83d\ude00"}}"#,
    r#"{"method":"market","options":{"namespace":"../..","name":"a b","version":""}}"#,
    r#"{"method":"market","options":{"namespace":null,"name":1,"version":null}}"#,
    r#"{"method":"git","method":"market","options":{"url":"a@b:c"}}"#,
    "[[[[[[[[",
    "\u{feff}{}",
    "{\"method\":\"\\ud800\"}",
];
const QUERIES: &[&str] = &[
    "",
    "?",
    "?limit=1&limit=x",
    "?limit=99999999999999999999",
    "?offset=-0",
    "?order=%ff",
    "?order=versions",
    "?search=%00",
    "?installed=",
    "?reinstall=%F0",
    "?=&=",
    "?direction=desc&order=tags",
    "?a=b=c&&",
    "?reinstall=1",
];

#[tokio::test]
async fn no_body_and_no_query_is_a_failure_of_the_server() {
    let lab = Lab::new();
    for route in ROUTES {
        for method in METHODS {
            for query in QUERIES {
                let bodies = if *method == "POST" {
                    BODIES
                } else {
                    &BODIES[..2]
                };
                for body in bodies {
                    let asked = format!("{method} {route}{query}");
                    let answer = lab.ask(&asked, &[ALL], *body).await;
                    assert!(
                        (200..500).contains(&answer.status),
                        "{asked} {body}: {}",
                        answer.status
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn deep_and_long_bodies_are_refused() {
    let lab = Lab::new();
    for body in [
        "[".repeat(60_000),
        "{\"a\":".repeat(10_000),
        format!("{{\"method\":\"{}\"}}", "x".repeat(60_000)),
    ] {
        assert_eq!(lab.post("/0.2/plugins", &body).await.status, 400);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_breaks_it(method in 0..METHODS.len(), path in "[a-z0-9./%:_~-]{0,30}", query in "[a-z=&%0-9+]{0,30}", body in ".{0,60}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let status = runtime.block_on(async {
            let lab = Lab::new();
            let asked = format!("{} /0.2/{path}?{query}", METHODS[method]);
            lab.ask(&asked, &[ALL], body).await.status
        });
        prop_assert!((200..500).contains(&status));
    }

    #[test]
    fn no_body_breaks_it(method in "(\"git\"|\"market\"|null|1|\\[\\])", options in "(\\{\"(url|name|namespace|ref)\":(\"[a-z@:/é]{0,9}\"|null|[0-9])\\}|[0-9]|\"x\"|\\[\\])") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let body = format!("{{\"method\":{method},\"options\":{options}}}");
        let status = runtime.block_on(async { Lab::new().post("/0.2/plugins", &body).await.status });
        prop_assert!(status == 200 || status == 400, "{}: {}", body, status);
    }
}
