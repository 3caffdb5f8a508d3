//! The farm's HTTP API, and the apt repository beside it.
//!
//! Whoever may read needs no token: what the farm builds is public. Whoever wants something done has one. Every error is a
//! problem document (RFC 9457) that says what happened and what to do. What is promised is in `/openapi.json`, which is made
//! from the code. Nothing is decided here: the queue is asked, the store is written.

mod artifacts;
mod auth;
mod builds;
mod load;
mod logs;
mod places;
mod problem;
mod rate;
mod repository;
mod server;
mod shapes;
mod stall;
mod status;
mod tail;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::Notify;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::{BuildId, Channel, FarmName};
use crate::queue::{Forecaster, Live};
use crate::store::Store;
use problem::Problem;

pub use load::Load;
pub use server::serve;

/// The most bytes that a request may have.
const MAX_BODY: usize = 64 << 10;
/// How long a request may take that is not answered by a stream.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the API is answered from.
pub struct Api {
    /// The farm's name.
    pub farm: FarmName,
    /// The farm's state.
    pub store: Store,
    /// What runs in this process.
    pub live: Live,
    /// Is told when there is something new in the queue.
    pub changed: Arc<Notify>,
    /// The channels that may be published in; the first unless another is named.
    pub channels: Vec<Channel>,
    /// The folder that holds a folder for each attempt.
    pub builds: PathBuf,
    /// The repository, where it is a folder of this machine.
    pub repository: Option<PathBuf>,
    /// Draws the id of a new build.
    pub new_id: fn() -> BuildId,
    /// How much callers may ask for.
    pub load: Arc<Load>,
    /// Why what waits does.
    pub forecast: Forecaster,
}

type State = axum::extract::State<Arc<Api>>;

/// The farm's HTTP API.
#[derive(OpenApi)]
#[openapi(info(
    title = "plugfarm",
    description = "A sandboxed build farm for Wazo plugins",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
), modifiers(&Bearer))]
struct Document;

/// How a caller says who it is.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", scheme);
    }
}

/// Everything that is served.
pub fn router(api: Api) -> Router {
    let repository = api.repository.clone();
    let load = Arc::clone(&api.load);
    let api = Arc::new(api);
    let quick = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(builds::submit, builds::list))
        .routes(routes!(builds::show))
        .routes(routes!(builds::why))
        .routes(routes!(builds::cancel))
        .routes(routes!(builds::retry))
        .routes(routes!(logs::log))
        .routes(routes!(status::status))
        .routes(routes!(status::health))
        .routes(routes!(status::ready))
        .routes(routes!(status::metrics))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            PATIENCE,
        ));
    // These answer for as long as somebody reads.
    let streams = OpenApiRouter::new()
        .routes(routes!(logs::live))
        .routes(routes!(artifacts::download));
    let (router, document) = quick.merge(streams).split_for_parts();
    let mut router = router
        .route("/openapi.json", get(move || async { Json(document) }))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::clone(&api));
    if let Some(folder) = repository {
        router = router.merge(repository::router(&folder, &api));
    }
    router
        .fallback(async || Problem::missing("page"))
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(load, load::limit))
        // A log is a stranger's text: no browser may take it for anything else.
        .layer(SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        ))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    async fn document() -> Value {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&folder.path().join("farm.sqlite"))
            .await
            .unwrap();
        let serve = crate::config::Config::default().serve;
        let api = Api {
            farm: FarmName::local(),
            store,
            live: Live::default(),
            changed: Arc::new(Notify::new()),
            channels: vec![Channel::stable()],
            builds: folder.path().to_owned(),
            repository: None,
            new_id: crate::pipeline::new_id,
            load: Arc::new(Load::new(serve.limits, serve.proxies)),
            forecast: Forecaster::new(crate::queue::Limits { workers: 2 }),
        };
        let request = axum::extract::Request::get("/openapi.json");
        let request = request.body(axum::body::Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(router(api), request)
            .await
            .unwrap();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20)
            .await
            .unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

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
        let document = document().await;
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
        let live = "/builds/{id}/log/live".to_owned();
        assert!(paths.contains(&&live) && paths.len() >= 12, "{paths:?}");
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        let schemes = document["components"]["securitySchemes"]
            .as_object()
            .unwrap();
        assert!(schemes.contains_key("token"));
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
