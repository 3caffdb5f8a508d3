//! The interface, asked without a network: statuses, bodies and headers as clients know them.

mod market;
mod odd;
mod plugins;
mod rights;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::Value;
use sha2::Digest as _;
use tower::ServiceExt as _;

use super::*;
use crate::config::host::{AuthConfig, HostEnvironment, LocalToken, layer};
use crate::host::samples::{Fixed, available, installed};
use crate::wazo::Versions;

/// A host of a test: what is asked of it, and the folder that goes away with it.
pub(super) struct Lab {
    router: Router,
    pub(super) jobs: Jobs,
    _folder: tempfile::TempDir,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        assert!(self.text.ends_with('\n'), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_str(&self.text).unwrap()
    }

    /// Its status and its body without the time.
    pub(super) fn shown(&self) -> String {
        let mut body = self.json();
        if let Some(body) = body.as_object_mut()
            && let Some(timestamp) = body.shift_remove("timestamp")
        {
            assert!(timestamp.as_f64().unwrap() > 1.7e9);
        }
        format!("{} {body}", self.status)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A token that may do everything.
pub(super) const ALL: (&str, &str) = ("x-auth-token", "all");

fn tokens() -> AuthConfig {
    let token = |name: &str, acl: &str| LocalToken {
        name: name.to_owned(),
        sha256: hex::encode(sha2::Sha256::digest(name)),
        acl: vec![acl.to_owned()],
    };
    AuthConfig::StandAlone(vec![
        token("all", "plugind.#"),
        token("one", "plugind.plugins.de_mo.a.read"),
        token("nothing", "other.#"),
    ])
}

impl Lab {
    pub(super) fn new() -> Self {
        let fields = "Wazo-Min-Version: 17.01\nDescription: Does a thing\n";
        let shelf = Fixed {
            installed: vec![installed("demo/a", "1.0-0+deb12u1", Some("1.0"))],
            available: vec![
                available("demo/a", "1.1", fields),
                available("demo/a", "1.0", fields),
                available("demo/b", "2.0", "Wazo-Max-Version: 17.09\n"),
            ],
        };
        Self::with(tokens(), shelf, "")
    }

    pub(super) fn with(auth: AuthConfig, shelf: Fixed, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let metadata = folder.path().join("demo/a/wazo");
        fs_err::create_dir_all(&metadata).unwrap();
        let text = "name: a\nnamespace: demo\nversion: 1.0\nextra: [yes]\n";
        fs_err::write(metadata.join("plugin.yml"), text).unwrap();
        let config = HostConfig::new(vec![layer(settings).unwrap()], HostEnvironment::default());
        let config = config.unwrap();
        let auth = Auth::new(&auth).unwrap();
        let version = Some("17.10".to_owned());
        let versions = Versions::new(version, config.confd.clone(), auth.clone()).unwrap();
        let shelf = Arc::new(shelf);
        let plugins = Plugins::new(shelf.clone(), folder.path().to_owned());
        let server = config.market.clone();
        let jobs = Jobs::open(&folder.path().join("jobs")).unwrap();
        let router = router(Host {
            market: Market::new(shelf, plugins.clone(), versions, server).unwrap(),
            jobs: jobs.clone(),
            auth,
            config,
            plugins,
        });
        Self {
            router,
            jobs,
            _folder: folder,
        }
    }

    pub(super) async fn ask(
        &self,
        asked: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let (method, address) = asked.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(super) async fn get(&self, address: &str) -> Answer {
        self.ask(&format!("GET {address}"), &[ALL], "").await
    }

    pub(super) async fn post(&self, address: &str, body: &str) -> Answer {
        self.ask(&format!("POST {address}"), &[ALL], body.to_owned())
            .await
    }
}
