//! wazo-plugind's HTTP interface, version 0.2: the same addresses, answers and refusals, with jobs that can be looked at beside
//! them. What is decided is decided below.

mod answer;
mod around;
mod cors;
mod document;
mod fields;
mod guard;
mod install;
mod jobs;
mod market;
mod plugins;
mod refusal;
mod state;
#[cfg(test)]
mod tests;
mod updates;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};

use crate::config::host::HostConfig;
use crate::host::jobs::Jobs;
use crate::host::market::Market;
use crate::host::plugins::Plugins;
use crate::wazo::Auth;

/// The most bytes that a request may have.
const MAX_BODY: usize = 64 << 10;

/// What the interface is answered from.
pub struct Host {
    /// Who may do what.
    pub auth: Auth,
    /// The settings.
    pub config: HostConfig,
    /// What is installed.
    pub plugins: Plugins,
    /// What can be installed.
    pub market: Market,
    /// What was asked for.
    pub jobs: Jobs,
}

type State = axum::extract::State<Arc<Host>>;

/// Everything that is served.
pub fn router(host: Host) -> Router {
    let host = Arc::new(host);
    let plugin = get(plugins::show).delete(plugins::uninstall);
    let job = get(jobs::show).delete(jobs::cancel);
    let router = Router::new()
        .route(
            "/0.2/api/api.yml",
            open(get(document::show), "GET, HEAD, OPTIONS"),
        )
        .route(
            "/0.2/config",
            open(get(state::config), "GET, HEAD, OPTIONS"),
        )
        .route(
            "/0.2/status",
            open(get(state::status), "GET, HEAD, OPTIONS"),
        )
        .route("/0.2/market", open(get(market::list), "GET, HEAD, OPTIONS"))
        .route(
            "/0.2/market/{namespace}/{name}",
            open(get(market::show), "GET, HEAD, OPTIONS"),
        )
        .route(
            "/0.2/plugins",
            open(
                get(plugins::list).post(plugins::install),
                "GET, HEAD, OPTIONS, POST",
            ),
        )
        .route(
            "/0.2/plugins/{namespace}/{name}",
            open(plugin, "DELETE, GET, HEAD, OPTIONS"),
        )
        .route("/0.2/updates", open(post(updates::all), "OPTIONS, POST"))
        .route(
            "/0.2/updates/{namespace}/{name}",
            open(post(updates::one), "OPTIONS, POST"),
        )
        .route("/0.2/jobs", open(get(jobs::list), "GET, HEAD, OPTIONS"))
        .route("/0.2/jobs/{uuid}", open(job, "DELETE, GET, HEAD, OPTIONS"))
        .route(
            "/0.2/jobs/{uuid}/output",
            open(get(jobs::output), "GET, HEAD, OPTIONS"),
        )
        .fallback(async || refusal::no_page())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(around::patience))
        .layer(from_fn_with_state(Arc::clone(&host), cors::answer))
        .with_state(host);
    // Addresses are changed before they are looked up.
    Router::new()
        .fallback_service(router)
        .layer(from_fn(around::prefix))
}

/// A route that says what may be asked of it, without a token, and refuses all else.
fn open(route: MethodRouter<Arc<Host>>, allowed: &'static str) -> MethodRouter<Arc<Host>> {
    let allow = [(header::ALLOW, HeaderValue::from_static(allowed))];
    let wrong = allow.clone();
    route
        .options(move || std::future::ready((StatusCode::OK, allow.clone())))
        .fallback(move || std::future::ready(wrong_method(wrong.clone())))
}

fn wrong_method(allow: [(header::HeaderName, HeaderValue); 1]) -> Response {
    let message = "The method is not allowed for the requested URL.";
    (
        allow,
        refusal::plain(StatusCode::METHOD_NOT_ALLOWED, message),
    )
        .into_response()
}
