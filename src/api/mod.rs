//! The farm's HTTP API, and the apt repository beside it.
//!
//! Whoever may read needs no token: what the farm builds is public. Whoever wants something done has one. Every error is a
//! problem document (RFC 9457) that says what happened and what to do. What is promised is in `/openapi.json`, which is made
//! from the code. Nothing is decided here: the queue is asked, the store is written.

mod artifacts;
mod auth;
mod builds;
mod decisions;
mod document;
mod exchange;
mod installations;
mod load;
mod logs;
mod people;
mod plugins;
mod problem;
mod queue;
mod rate;
mod repository;
mod shapes;
mod status;
mod tail;
mod tenants;
#[cfg(test)]
mod tests;
mod tokens;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::Notify;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::{NotifyConfig, WatchConfig};
use crate::model::{BuildId, Channel, FarmName};
use crate::queue::{Forecaster, Live};
use crate::repo::{Repository, Shelf, Writer};
use crate::store::Store;
use crate::upkeep::Notices;
use crate::watch::Watching;
use problem::Problem;

pub use builds::{folder, repository};
pub use load::Load;
pub use queue::queue_of;
pub use tenants::Tenants;
pub use tokens::{draw, new_token, shown};

/// The most bytes that a request may have.
const MAX_BODY: usize = 64 << 10;
/// How long a request may take that is not answered by a stream.
const PATIENCE: Duration = Duration::from_secs(30);

/// When whoever waited in vain may come again.
const RETRY: Duration = Duration::from_secs(10);

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
    /// What the operator has to know.
    pub notices: Notices,
    /// The channels that may be published in; the first unless another is named.
    pub channels: Vec<Channel>,
    /// The folder that holds a folder for each attempt.
    pub builds: PathBuf,
    /// How many people must approve that a version goes to the next channel.
    pub approvals: usize,
    /// What is published.
    pub repository: Repository,
    /// What was read of it.
    pub shelf: Arc<Shelf>,
    /// Who changes that, for everybody in this process.
    pub writer: Writer,
    /// Draws the id of a new build.
    pub new_id: fn() -> BuildId,
    /// What takes pushes.
    pub watching: Watching,
    /// How the farm hears of pushes by itself.
    pub watch: WatchConfig,
    /// How it tells of outcomes.
    pub notify: NotifyConfig,
    /// How much callers may ask for.
    pub load: Arc<Load>,
    /// Why what waits does.
    pub forecast: Arc<Forecaster>,
    /// Whose tokens are taken beside the farm's own.
    pub tenants: Option<Tenants>,
}

type State = axum::extract::State<Arc<Api>>;

/// A request that took too long is refused as others are.
async fn explain_timeout(response: Response) -> Response {
    if response.status() != StatusCode::REQUEST_TIMEOUT {
        return response;
    }
    let words = "the farm did not come to an answer in time; what was asked for may happen yet";
    Problem::later(StatusCode::GATEWAY_TIMEOUT, words, RETRY).into_response()
}

/// What the API does, and the document that says so.
fn routes() -> (Router<Arc<Api>>, utoipa::openapi::OpenApi) {
    let quick = OpenApiRouter::with_openapi(document::Document::openapi())
        .routes(routes!(builds::submit, builds::list))
        .routes(routes!(builds::show))
        .routes(routes!(builds::why))
        .routes(routes!(builds::cancel))
        .routes(routes!(builds::retry))
        .routes(routes!(logs::log))
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::show))
        .routes(routes!(plugins::channels))
        .routes(routes!(installations::tell))
        .routes(routes!(installations::show))
        .routes(routes!(decisions::promote))
        .routes(routes!(decisions::phase))
        .routes(routes!(decisions::withdraw))
        .routes(routes!(decisions::rollback))
        .routes(routes!(queue::show))
        .routes(routes!(queue::lock))
        .routes(routes!(queue::unlock))
        .routes(routes!(people::namespaces, people::give_namespace))
        .routes(routes!(people::sources))
        .routes(routes!(people::bind))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(exchange::incoming::receive))
        .routes(routes!(exchange::hooks::add, exchange::hooks::list))
        .routes(routes!(exchange::hooks::remove))
        .routes(routes!(exchange::hooks::deliveries))
        .routes(routes!(exchange::hooks::replay))
        .routes(routes!(
            exchange::sources::watch,
            exchange::sources::show_watch,
            exchange::sources::unwatch
        ))
        .routes(routes!(
            exchange::sources::set_credential,
            exchange::sources::remove_credential
        ))
        .routes(routes!(
            exchange::sources::privacy,
            exchange::sources::set_privacy
        ))
        .routes(routes!(
            exchange::subscriptions::add,
            exchange::subscriptions::list
        ))
        .routes(routes!(exchange::subscriptions::remove))
        .routes(routes!(exchange::subscriptions::letters))
        .routes(routes!(status::status))
        .routes(routes!(status::health))
        .routes(routes!(status::ready))
        .routes(routes!(status::metrics))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            PATIENCE,
        ))
        .layer(map_response(explain_timeout));
    // These answer for as long as somebody reads.
    let streams = OpenApiRouter::new()
        .routes(routes!(logs::live))
        .routes(routes!(artifacts::download));
    let (router, document) = quick.merge(streams).split_for_parts();
    (router, document::complete(document))
}

/// Everything that is served.
pub fn router(api: Api) -> Router {
    let repository = api.repository.folder().map(PathBuf::from);
    let api = Arc::new(api);
    let (router, document) = routes();
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
        // A log is a stranger's text: no browser may take it for anything else.
        .layer(SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        ))
}

/// Likewise, whatever it is that is served, and no more of it than one caller may ask for.
pub fn limited(load: Arc<Load>, router: Router) -> Router {
    router.layer(from_fn_with_state(load, load::limit))
}
