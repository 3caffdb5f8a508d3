//! A farm's API without anything behind it.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, header};
use axum::response::Response;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::super::*;
use crate::model::{Actor, Scope};
use crate::pipeline::{new_id, now};
use crate::sign::Keys;
use crate::store::{NamespaceOwner, Partner, Submission};
use crate::wire;

/// A farm on which nothing runs, with a plugin of acme's that was submitted once.
pub(super) struct Farm {
    _folder: TempDir,
    pub(super) router: Router,
    pub(super) build: String,
    /// The operator's.
    pub(super) operator: String,
    /// Another partner's, which may submit.
    pub(super) stranger: String,
}

impl Farm {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&folder.path().join("farm.sqlite"))
            .await
            .unwrap();
        for name in ["acme", "other"] {
            let partner = Partner {
                name: Actor::new(name).unwrap(),
                weight: 1,
                running_cap: 1,
            };
            store
                .add_partner(&partner, "operator", now())
                .await
                .unwrap();
        }
        let acme = Actor::new("acme").unwrap();
        let owner = NamespaceOwner {
            namespace: "demo".parse().unwrap(),
            partner: acme.clone(),
        };
        store
            .add_namespace(&owner, "operator", now())
            .await
            .unwrap();
        let submission = Submission {
            id: new_id(),
            partner: acme,
            plugin: "demo/hello".parse().unwrap(),
            url: "https://git.example.org/hello".to_owned(),
            subdirectory: String::new(),
            reference: None,
            target: crate::model::Target::Bookworm,
            channel: Channel::stable(),
            priority: crate::model::Priority::Normal,
            idempotency_key: None,
            most_waiting: 10,
            actor: "token:1".to_owned(),
        };
        let build = store.submit(&submission, now()).await.unwrap().build;
        let operator = token(&store, None, &[Scope::Operate]).await;
        let stranger = token(&store, Some("other"), &[Scope::Submit]).await;
        Self {
            router: router(api(&folder, store)),
            _folder: folder,
            build: build.to_string(),
            operator,
            stranger,
        }
    }

    pub(super) async fn ask(
        &self,
        method: &Method,
        path: &str,
        token: &str,
        body: Option<&str>,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |text| Body::from(text.to_owned()));
        let request = request.body(body).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn document(&self) -> Value {
        let answer = self.ask(&Method::GET, "/openapi.json", "", None).await;
        json_of(answer).await
    }
}

pub(super) async fn json_of(answer: Response) -> Value {
    let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub(super) async fn token(store: &Store, partner: Option<&str>, scopes: &[Scope]) -> String {
    let secret = draw().unwrap();
    let asked = wire::NewToken {
        partner: partner.map(str::to_owned),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        ..wire::NewToken::default()
    };
    let new = new_token(&asked, &secret, now()).unwrap();
    store.add_token(&new, "operator", now()).await.unwrap();
    secret
}

fn api(folder: &TempDir, store: Store) -> Api {
    let keys = Keys::open_or_create(&folder.path().join("keys"), &FarmName::local(), now).unwrap();
    let settings = crate::repo::Settings {
        farm: FarmName::local(),
        url: None,
        channels: vec![Channel::stable()],
        approvals: 1,
        preview_time: Duration::from_secs(60),
        valid_for: None,
        signed_by: Vec::new(),
        maintainer: "Nobody <nobody@example.org>".to_owned(),
        archive_keyring: Vec::new(),
        statement_pem: String::new(),
    };
    let repository = Repository::new(folder.path().join("repository"), settings);
    let vault = crate::sign::Vault::open_or_create(&folder.path().join("secrets"), None);
    let config = crate::config::Config::default();
    let watching = crate::watch::Watching {
        secrets: crate::secrets::Secrets::new(store.clone(), vault.unwrap()),
        store: store.clone(),
        changed: Arc::new(Notify::new()),
        new_id,
        most_waiting: 1000,
    };
    Api {
        watching,
        watch: config.watch,
        notify: config.notify,
        farm: FarmName::local(),
        store,
        live: Live::default(),
        notices: crate::upkeep::Notices::default(),
        changed: Arc::new(Notify::new()),
        channels: vec![Channel::stable()],
        builds: folder.path().to_owned(),
        approvals: 1,
        writer: Writer::new(repository.clone(), Arc::new(keys), now),
        repository,
        shelf: Arc::default(),
        new_id,
        load: Arc::new(load()),
        forecast: Arc::new(Forecaster::new(crate::queue::Limits { workers: 2 })),
        tenants: None,
    }
}

/// Callers may ask for more than anybody does.
fn load() -> Load {
    let serve = crate::config::Config::default().serve;
    let mut limits = serve.limits;
    limits.requests_per_minute = 1_000_000;
    Load::new(limits, serve.proxies)
}
