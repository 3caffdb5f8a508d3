//! wazo-auth and wazo-confd, said by a server that says whatever is wanted.

use url::Url;

use super::*;
use crate::config::host::{AuthConfig, HostConfig, HostEnvironment, LocalToken, layer};
use crate::http::stub::{answer, server};
use crate::sandbox::Canceller;

fn auth_at(url: &Url, master: &str) -> Auth {
    let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
    let text = format!(
        "auth: {{host: {host}, port: {port}, username: u, password: p, master_tenant_uuid: {master}}}"
    );
    let layers = vec![layer(&text).unwrap()];
    let config = HostConfig::new(layers, HostEnvironment::default()).unwrap();
    Auth::new(&config.auth).unwrap()
}

fn grant<'a>(token: &'a str, tenant: Option<&'a str>, master: bool) -> Grant<'a> {
    Grant {
        token,
        access: "plugind.plugins.read",
        tenant,
        master,
    }
}

async fn checked(answers: &[&str]) -> Result<(), Denied> {
    let answers = answers.iter().map(|head| (*head).to_owned()).collect();
    let auth = auth_at(&server(answers).await, "master");
    auth.check(grant("t", None, true)).await
}

fn tenant(of: &str) -> String {
    answer(
        "200 OK",
        &format!("{{\"data\":{{\"metadata\":{{\"tenant_uuid\":\"{of}\"}}}}}}"),
    )
}

#[tokio::test]
async fn answers_become_what_they_mean() {
    let head = |status: &str| answer(status, "");
    let good = head("204 No Content");
    assert_eq!(checked(&[&good, &tenant("master")]).await, Ok(()));
    assert_eq!(checked(&[&good, &tenant("sub")]).await, Err(Denied::Tenant));
    assert_eq!(
        checked(&[&head("404 Not Found")]).await,
        Err(Denied::Unknown)
    );
    assert_eq!(
        checked(&[&head("403 Forbidden")]).await,
        Err(Denied::Refused)
    );
    assert_eq!(
        checked(&[&good, &head("404 Not Found")]).await,
        Err(Denied::Unknown)
    );
    for broken in [
        head("500 Oops"),
        head("302 Found\r\nLocation: /x"),
        String::new(),
    ] {
        let denied = checked(&[&broken]).await.unwrap_err();
        assert!(matches!(denied, Denied::Unreachable { .. }), "{denied:?}");
    }
    let denied = checked(&[&good, &answer("200 OK", "[]")])
        .await
        .unwrap_err();
    assert!(denied.to_string().contains("a token's tenant"), "{denied}");
}

#[tokio::test]
async fn a_good_answer_is_believed_for_a_moment_and_a_bad_one_never() {
    let answers = vec![
        answer("404 Not Found", ""),
        answer("204 No Content", ""),
        tenant("master"),
    ];
    let auth = auth_at(&server(answers).await, "master");
    assert_eq!(
        auth.check(grant("t", None, true)).await,
        Err(Denied::Unknown)
    );
    assert_eq!(auth.check(grant("t", None, true)).await, Ok(()));
    assert_eq!(auth.check(grant("t", None, true)).await, Ok(()));
    // Another tenant is another question, and the server says nothing any more.
    let other = auth.check(grant("t", Some("x"), true)).await;
    assert!(matches!(other, Err(Denied::Unreachable { .. })));
}

#[tokio::test]
async fn no_token_is_in_a_message_and_no_strange_one_is_asked_for() {
    let auth = auth_at(&"http://127.0.0.1:1/".parse().unwrap(), "master");
    let denied = auth.check(grant("hunter2", None, false)).await.unwrap_err();
    assert!(!format!("{denied:?}").contains("hunter2"), "{denied:?}");
    for strange in ["", ".", "..", "a b", "a\n", &"x".repeat(2000)] {
        let denied = auth.check(grant(strange, None, false)).await;
        assert_eq!(denied, Err(Denied::Unknown));
    }
    let service = Service::new("http://h/0.1/".parse().unwrap()).unwrap();
    let url = service.at(&["token", "../x?y#z/é"], &[("scope", "a b&c")]);
    assert_eq!(
        url.as_str(),
        "http://h/0.1/token/..%2Fx%3Fy%23z%2F%C3%A9?scope=a+b%26c"
    );
}

#[tokio::test]
async fn the_master_tenant_is_the_agents_own_once_it_has_a_token() {
    let created = answer(
        "200 OK",
        "{\"data\":{\"token\":\"own\",\"metadata\":{\"tenant_uuid\":\"mine\"}}}",
    );
    let answers = vec![
        answer("204 No Content", ""),
        answer("401 Unauthorized", ""),
        created,
        tenant("mine"),
    ];
    let auth = auth_at(&server(answers).await, "null");
    assert_eq!(
        auth.check(grant("t", None, true)).await,
        Err(Denied::NotReady)
    );
    assert!(!auth.is_ready());
    let (canceller, stop) = Canceller::new();
    let renewing = tokio::spawn(auth.clone().renew(stop));
    while !auth.is_ready() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(auth.own_token().as_deref(), Some("own"));
    assert_eq!(auth.check(grant("t", None, true)).await, Ok(()));
    canceller.cancel();
    renewing.await.unwrap();
}

#[tokio::test]
async fn a_host_that_stands_alone_asks_nobody() {
    use sha2::Digest as _;
    let token = LocalToken {
        name: "me".to_owned(),
        sha256: hex::encode(sha2::Sha256::digest(b"letmein")),
        acl: vec!["plugind.plugins.read".to_owned()],
    };
    let auth = Auth::new(&AuthConfig::StandAlone(vec![token])).unwrap();
    assert!(auth.is_ready());
    assert_eq!(auth.check(grant("letmein", None, true)).await, Ok(()));
    assert_eq!(
        auth.check(grant("letmeout", None, true)).await,
        Err(Denied::Unknown)
    );
    let more = Grant {
        access: "plugind.plugins.create",
        ..grant("letmein", None, true)
    };
    assert_eq!(auth.check(more).await, Err(Denied::Refused));
}

#[tokio::test]
async fn the_version_is_set_or_asked_for() {
    let auth = auth_at(&"http://127.0.0.1:1/".parse().unwrap(), "master");
    let nowhere: Url = "http://127.0.0.1:1/1.1/".parse().unwrap();
    let set = Versions::new(Some("17.10".to_owned()), nowhere.clone(), auth.clone()).unwrap();
    assert_eq!(set.current().await.unwrap(), "17.10");
    let unknown = Versions::new(None, nowhere, auth.clone()).unwrap();
    assert!(
        unknown
            .current()
            .await
            .unwrap_err()
            .to_string()
            .contains("WAZO_VERSION")
    );
    let confd = server(vec![answer("200 OK", "{\"wazo_version\":\"24.10\"}")]).await;
    let asked = Versions::new(None, confd, auth).unwrap();
    assert_eq!(asked.current().await.unwrap(), "24.10");
    // Not asked again: the server has nothing more to say.
    assert_eq!(asked.current().await.unwrap(), "24.10");
}
