//! Who may be fetched from: credentials, certificates, host keys, redirects, addresses.

use std::time::{Duration, Instant};

use plugfarm::model::FailureCode;
use plugfarm::sandbox::{Cancel, Canceller};

use crate::source_lab::{Repository, Sources};

async fn code(sources: &Sources, url: &str) -> FailureCode {
    let failure = sources.fetch(url, "").await.unwrap_err();
    assert!(!failure.message.is_empty() && !failure.hint.is_empty());
    failure.code
}

#[tokio::test]
async fn a_private_repository_opens_to_its_credential_which_nobody_sees() {
    let mut sources = Sources::new().await;
    sources.publish("x", &Repository::new());
    let url = sources.https() + "/private/x";
    let with = |credential: &str| url.replace("https://", &format!("https://{credential}@"));
    assert_eq!(code(&sources, &url).await, FailureCode::SourceDenied);
    assert_eq!(
        code(&sources, &with("joe:wrong")).await,
        FailureCode::SourceDenied
    );

    let (fetched, log) = sources
        .fetch_with(&with("joe:hunter2"), "", "", &Cancel::never())
        .await;
    let source = fetched.unwrap();
    assert_eq!(source.url_display, url);
    let (failed, failed_log) = sources
        .fetch_with(&with("joe:hunter2"), "nope", "", &Cancel::never())
        .await;
    let everything = format!("{source:?} {log} {:?} {failed_log}", failed.unwrap_err());
    for secret in ["hunter2", "am9lOmh1bnRlcjI"] {
        assert!(!everything.contains(secret), "{everything}");
    }
    assert_eq!(
        code(&sources, &url).await,
        FailureCode::SourceDenied,
        "it is in the store, and not theirs"
    );
}

#[tokio::test]
async fn redirects_are_followed_within_a_host_only() {
    let mut sources = Sources::new().await;
    sources.publish("x", &Repository::new());
    let elsewhere = sources.https();
    let server = sources.https();
    let source = sources
        .fetch(&format!("{server}/moved/moved/x"), "")
        .await
        .unwrap();
    assert_eq!(source.url_display, format!("{server}/moved/moved/x"));
    let looping = format!("{server}/{}x", "moved/".repeat(5));
    assert_eq!(code(&sources, &looping).await, FailureCode::PolicyRejected);

    for away in [
        elsewhere.as_str(),
        "https://169.254.169.254",
        "http://127.0.0.1:80",
        "file:///etc",
        "ext::sh -c id #",
    ] {
        fs_err::write(sources.root.path().join("away"), away).unwrap();
        sources.requests();
        let failure = sources
            .fetch(&format!("{server}/away/x"), "")
            .await
            .unwrap_err();
        assert_eq!(
            failure.code,
            FailureCode::PolicyRejected,
            "{away}: {failure}"
        );
        let asked = sources.requests();
        assert!(
            asked.iter().all(|line| line.contains("/away/")),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let mut sources = Sources::new().await;
    sources.publish("x", &Repository::new());
    let url = sources.https() + "/x";
    assert!(sources.fetch(&url, "").await.is_ok());
    sources.config.certificates = None;
    let failure = sources.fetch(&url, "").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::SourceUnreachable);
    assert!(
        failure
            .lines
            .iter()
            .any(|line| line.text.contains("certificate")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn an_ssh_host_must_show_the_key_that_is_pinned() {
    let mut sources = Sources::new().await;
    sources.publish("x", &Repository::new());
    let url = sources.ssh() + "/x";
    assert!(sources.fetch(&url, "").await.is_ok());

    let known_hosts = sources.config.known_hosts.clone().unwrap();
    let pinned = fs_err::read_to_string(&known_hosts).unwrap();
    let key = sources.config.ssh_key.take().unwrap();
    assert_eq!(
        code(&sources, &url).await,
        FailureCode::SourceDenied,
        "without the farm's key"
    );
    let other = fs_err::read_to_string(key.with_extension("pub")).unwrap();
    sources.config.ssh_key = Some(key);
    let (host, _) = pinned.split_once(' ').unwrap();
    fs_err::write(&known_hosts, format!("{host} {other}")).unwrap();
    assert_eq!(
        code(&sources, &url).await,
        FailureCode::PolicyRejected,
        "another key is pinned"
    );
    fs_err::write(&known_hosts, "").unwrap();
    assert_eq!(
        code(&sources, &url).await,
        FailureCode::PolicyRejected,
        "no key is pinned"
    );
    sources.config.known_hosts = None;
    let failure = sources.fetch(&url, "").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::PolicyRejected);
    assert!(failure.hint.contains("known_hosts"), "{failure:?}");
}

#[tokio::test]
async fn a_private_network_is_closed_until_the_operator_opens_it() {
    let mut sources = Sources::new().await;
    sources.publish("x", &Repository::new());
    let url = sources.git_daemon() + "/x";
    assert!(sources.fetch(&url, "").await.is_ok());
    sources.config.private_networks = false;
    assert_eq!(code(&sources, &url).await, FailureCode::PolicyRejected);
    sources.config.private_networks = true;
    for never in [
        "git://127.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/x",
        "https://localhost/x",
    ] {
        assert_eq!(
            code(&sources, never).await,
            FailureCode::PolicyRejected,
            "{never}"
        );
    }
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_upstreams_fault() {
    let mut sources = Sources::new().await;
    let server = sources.https();
    let closed = format!("git://{}:1/x", sources.address);
    assert_eq!(
        code(&sources, &closed).await,
        FailureCode::SourceUnreachable
    );
    assert_eq!(
        code(&sources, &format!("{server}/x")).await,
        FailureCode::SourceDenied
    );
    sources.config.limits.time = Duration::from_secs(3);
    let began = Instant::now();
    let failure = sources
        .fetch(&format!("{server}/slow/x"), "")
        .await
        .unwrap_err();
    assert_eq!(failure.code, FailureCode::SourceUnreachable);
    assert!(failure.message.contains("within 3 s"), "{failure}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_fetch_can_be_cancelled() {
    let mut sources = Sources::new().await;
    let url = sources.https() + "/slow/x";
    let (canceller, cancel) = Canceller::new();
    let stopping = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        canceller.cancel();
    });
    let (fetched, _) = sources.fetch_with(&url, "", "", &cancel).await;
    stopping.await.unwrap();
    assert_eq!(fetched.unwrap_err().code, FailureCode::Cancelled);
}
