//! The files beside the pages. Their names hold their digests, so that a browser keeps them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::model::Sha256;

/// One file that is part of the program.
struct Asset {
    kind: &'static str,
    text: &'static str,
    /// The file's name, with its digest.
    name: String,
}

impl Asset {
    fn new(stem: &str, ending: &str, kind: &'static str, text: &'static str) -> Self {
        let digest: String = Sha256::of(text.as_bytes())
            .to_string()
            .chars()
            .take(16)
            .collect();
        Self {
            kind,
            text,
            name: format!("{stem}-{digest}.{ending}"),
        }
    }

    fn place(&self) -> String {
        format!("/static/{}", self.name)
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("static/site.css");
    Asset::new("site", "css", "text/css; charset=utf-8", text)
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("static/site.js");
    Asset::new("site", "js", "text/javascript; charset=utf-8", text)
});
static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("static/icon.svg");
    Asset::new("icon", "svg", "image/svg+xml", text)
});

/// The address of the style sheet.
pub(super) fn style() -> String {
    STYLE.place()
}

/// The address of the script.
pub(super) fn script() -> String {
    SCRIPT.place()
}

/// The address of the icon.
pub(super) fn icon() -> String {
    ICON.place()
}

/// Gives one of the files.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    let assets: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];
    let Some(found) = assets.into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(found.kind)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    (headers, found.text).into_response()
}
