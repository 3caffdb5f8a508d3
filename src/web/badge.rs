//! A picture for a plugin's own page: which version hosts get.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use super::State;
use crate::model::{PluginId, PluginName};
use crate::store::Reader;

/// How long others may keep it.
const KEEP: &str = "public, max-age=300";
/// The width of a character, in tenths of a pixel, roughly; the text is fitted to it.
const WIDE: usize = 67;

/// Draws the badge of a plugin.
pub(super) async fn badge(web: State, Path((namespace, name)): Path<(String, String)>) -> Response {
    let plugin = name.strip_suffix(".svg").and_then(|name| {
        let (namespace, name) = (namespace.parse().ok()?, PluginName::new(name).ok()?);
        Some(PluginId { namespace, name })
    });
    let found = match &plugin {
        Some(plugin) => {
            web.store
                .publications(Some(plugin), 1, &Reader::Anybody)
                .await
        }
        None => return StatusCode::NOT_FOUND.into_response(),
    };
    let (value, good) = match found.map(|mut found| found.pop()) {
        Ok(Some(last)) => (last.publication.version, true),
        Ok(None) => ("not published".to_owned(), false),
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("image/svg+xml"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static(KEEP)),
    ];
    (headers, draw("wazo plugin", &value, good).into_string()).into_response()
}

fn draw(label: &str, value: &str, good: bool) -> Markup {
    let width = |text: &str| text.chars().count() * WIDE / 10 + 12;
    let (left, right) = (width(label), width(value));
    let whole = left + right;
    let colour = if good { "#1a7f46" } else { "#6b6f76" };
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(whole) height="20" role="img" aria-label={ (label) ": " (value) } {
            title { (label) ": " (value) }
            clipPath id="r" { rect width=(whole) height="20" rx="4" {} }
            g clip-path="url(#r)" {
                rect width=(left) height="20" fill="#3b3f45" {}
                rect x=(left) width=(right) height="20" fill=(colour) {}
            }
            g fill="#fff" font-family="system-ui,Verdana,sans-serif" font-size="11" text-anchor="middle" {
                text x=(left / 2) y="14" textLength=(left - 12) { (label) }
                text x=(left + right / 2) y="14" textLength=(right - 12) { (value) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_says_what_hosts_get() {
        let drawn = draw("wazo plugin", "1.0.0-0+deb12u1", true).into_string();
        assert!(
            drawn.contains("aria-label=\"wazo plugin: 1.0.0-0+deb12u1\""),
            "{drawn}"
        );
    }
}
