//! Pages of other origins: who may ask, and what they may send (Fetch Standard, CORS protocol).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Host;

const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

/// Says to every answer whom it may be shown to.
pub(super) async fn answer(
    State(host): State<Arc<Host>>,
    request: Request,
    next: Next,
) -> Response {
    let cors = &host.config.cors;
    if !cors.enabled {
        return next.run(request).await;
    }
    let said = headers(request.method(), request.headers(), &cors.allow_headers);
    let mut response = next.run(request).await;
    response.headers_mut().extend(said);
    response
}

fn headers(
    method: &Method,
    asked: &HeaderMap,
    allowed: &[String],
) -> Vec<(HeaderName, HeaderValue)> {
    let mut said = Vec::new();
    match asked.get(header::ORIGIN) {
        Some(origin) => {
            said.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
            said.push((header::VARY, HeaderValue::from_static("Origin")));
        }
        None => said.push((
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        )),
    }
    let preflight = asked.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if method != Method::OPTIONS || !preflight {
        return said;
    }
    said.push((
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(METHODS),
    ));
    let wanted = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let wanted = wanted
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut granted: Vec<_> = wanted
        .split(',')
        .map(str::trim)
        .filter(|name| {
            allowed
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(name))
        })
        .collect();
    granted.sort_unstable();
    if let Ok(granted) = HeaderValue::from_str(&granted.join(", "))
        && !granted.is_empty()
    {
        said.push((header::ACCESS_CONTROL_ALLOW_HEADERS, granted));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(method: &Method, asked: &[(&'static str, &'static str)]) -> String {
        let asked = asked.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let allowed = ["Content-Type".to_owned(), "X-Auth-Token".to_owned()];
        let said = headers(method, &asked.collect(), &allowed);
        let lines = said
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        lines.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn everybody_is_let_in_by_name() {
        assert_eq!(said(&Method::GET, &[]), "access-control-allow-origin: *");
        let origin = ("origin", "https://ui.example.org");
        assert_eq!(
            said(&Method::GET, &[origin]),
            "access-control-allow-origin: https://ui.example.org; vary: Origin"
        );
        let preflight = [
            origin,
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "x-auth-token, X-Evil,content-type",
            ),
        ];
        assert_eq!(
            said(&Method::OPTIONS, &preflight),
            "access-control-allow-origin: https://ui.example.org; vary: Origin; \
             access-control-allow-methods: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT; \
             access-control-allow-headers: content-type, x-auth-token"
        );
    }
}
