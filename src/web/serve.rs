//! Pages and API at the same addresses: who gets which, and under which policy.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tower::ServiceExt as _;

use super::fault::{Explained, Fault};
use super::{
    Web, actions, assets, audit, badge, build, decide, home, namespace, operator, plugin, promote,
    queue, session,
};
use crate::store::Reader;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes that a form may have.
const MAX_FORM: usize = 16 << 10;
/// The most bytes of a problem document.
const MAX_PROBLEM: usize = 64 << 10;

/// No script, style or picture but the farm's own, nothing that a page could send anywhere else, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types pages";

/// The header that every answer has the policy in.
const POLICED: &str = "content-security-policy";

/// The farm's pages, before `api`, which answers whoever asks for something else. `limits` goes around both: what that refuses
/// is told as a page, too.
pub fn with_pages(web: Web, api: Router, limits: impl FnOnce(Router) -> Router) -> Router {
    let web = Arc::new(web);
    let files = Router::new()
        .route("/static/{name}", get(assets::file))
        .route("/badges/{namespace}/{name}", get(badge::badge))
        .with_state(Arc::clone(&web));
    let rest = api.merge(files);
    let pages = Router::new()
        .route("/", get(home::home))
        .route("/login", get(session::form).post(session::login))
        .route("/logout", post(session::logout))
        .route("/builds", get(home::builds))
        .route("/builds/{id}", get(build::show))
        .route("/builds/{id}/cancel", post(actions::cancel))
        .route("/builds/{id}/retry", post(actions::retry))
        .route("/plugins", get(home::plugins))
        .route("/plugins/{namespace}/{name}", get(plugin::show))
        .route(
            "/plugins/{namespace}/{name}/promote",
            post(promote::promote),
        )
        .route("/plugins/{namespace}/{name}/phase", post(decide::phase))
        .route(
            "/plugins/{namespace}/{name}/withdraw",
            post(decide::withdraw),
        )
        .route(
            "/plugins/{namespace}/{name}/rollback",
            post(decide::roll_back),
        )
        .route("/namespaces/{namespace}", get(namespace::show))
        .route("/queue", get(queue::show))
        .route("/audit", get(audit::show))
        .route("/operator", get(operator::show))
        .route("/operator/lock", post(actions::lock))
        .route("/operator/unlock", post(actions::unlock))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .with_state(Arc::clone(&web))
        .method_not_allowed_fallback(async || Fault::method())
        .fallback_service(rest.clone());
    // Around the routes, not within them: a request is matched once.
    let chosen = Router::new()
        .fallback_service(rest)
        .layer(from_fn_with_state((Arc::clone(&web), pages), choose));
    limits(chosen).layer(from_fn_with_state(web, refusals))
}

/// Whoever asked for a page, and was turned away before there was one, is told on a page.
async fn refusals(
    axum::extract::State(web): axum::extract::State<Arc<Web>>,
    request: Request,
    next: Next,
) -> Response {
    let asked = wants_page(request.headers());
    let response = next.run(request).await;
    if !asked || response.headers().contains_key(POLICED) {
        return response;
    }
    let mut response = explain(&web, response).await;
    guard(response.headers_mut(), false);
    response
}

async fn choose(
    axum::extract::State((web, pages)): axum::extract::State<(Arc<Web>, Router)>,
    mut request: Request,
    next: Next,
) -> Response {
    let (path, headers) = (request.uri().path(), request.headers());
    if path.starts_with("/apt/") || path.starts_with("/static/") {
        return next.run(request).await;
    }
    let mut reader = Reader::Anybody;
    if request.method() == Method::GET && !headers.contains_key(header::AUTHORIZATION) {
        reader = session::reader(&web, headers).await;
    }
    let private = reader != Reader::Anybody;
    request.extensions_mut().insert(reader);
    let mut response = if wants_page(request.headers()) {
        let page = tokio::time::timeout(PATIENCE, pages.oneshot(request)).await;
        let page = page.unwrap_or_else(|_| Ok(Fault::slow().into_response()));
        explain(&web, page.unwrap_or_else(|never| match never {})).await
    } else {
        next.run(request).await
    };
    guard(response.headers_mut(), private);
    response
}

/// Whether somebody asks for a page. Whoever shows a token in a header is a program.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| {
            let mut kinds = text.split(',').filter_map(|range| range.split(';').next());
            kinds.any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
        })
    };
    headers.get_all(header::ACCEPT).iter().any(accepts)
        && !headers.contains_key(header::AUTHORIZATION)
}

/// The policy; and that nobody keeps what is not for everybody.
fn guard(headers: &mut HeaderMap, private: bool) {
    for (name, value) in [
        (POLICED, POLICY),
        ("x-content-type-options", "nosniff"),
        // Forms say where they come from, other farms do not hear of it.
        ("referrer-policy", "same-origin"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers.append(header::VARY, HeaderValue::from_static("accept, cookie"));
    if private {
        let nobody = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, nobody);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
}

/// Turns what went wrong, here or in the API, into a page.
async fn explain(web: &Web, response: Response) -> Response {
    let status = response.status();
    if let Some(fault) = response.extensions().get::<Fault>() {
        return fault.page(web, status);
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    if kind != Some(&HeaderValue::from_static("application/problem+json")) {
        return response;
    }
    let later = response.headers().get(header::RETRY_AFTER).cloned();
    let body = to_bytes(response.into_body(), MAX_PROBLEM).await;
    let problem = body
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Explained>(&bytes).ok());
    let fault = problem.map_or_else(Fault::missing_page, |problem| {
        Fault::from_problem(status, problem)
    });
    let mut page = fault.page(web, status);
    if let Some(later) = later {
        page.headers_mut().insert(header::RETRY_AFTER, later);
    }
    page
}

/// A page that leads to another.
pub(super) fn see_other(place: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, place);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_pages_and_programs_do_not() {
        let asks = |accept: &str, token: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
            if token {
                headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
            }
            wants_page(&headers)
        };
        assert!(asks("text/html,application/xhtml+xml,*/*;q=0.8", false));
        assert!(asks("application/json;q=0.5, Text/HTML;q=0.9", false));
        for program in ["*/*", "application/json", "text/event-stream", "text/htmlx"] {
            assert!(!asks(program, false), "{program}");
        }
        assert!(!asks("text/html", true));
    }
}
