//! Where forges send what was pushed.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::http::StatusCode;

use super::super::State;
use super::super::problem::Problem;
use crate::forge::{Header, Incoming};
use crate::pipeline::now;
use crate::watch::Received;
use crate::wire::Delivery;

/// The most bytes that a forge may send. What a push of thousands of commits says beyond it, asking the repository finds out.
const MAX_BODY: usize = 1 << 20;

/// Say that somebody has pushed, as a forge does
#[utoipa::path(post, path = "/hooks/{id}", params(("id" = String, Path)),
    request_body(content = serde_json::Value, description = "what GitHub, GitLab, Gitea or Forgejo send, signed with the hook's secret; or `repository`, `ref` and `commit`"),
    responses(
        (status = 200, description = "it was heard of before, or is nothing to build", body = Delivery),
        (status = 202, description = "it is built", body = Delivery),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn receive(
    api: State,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<(StatusCode, Json<Delivery>), Problem> {
    let hook = match id {
        Ok(Path(id)) => api.store.hook(&id).await?,
        Err(_) => None,
    };
    let hook = hook.ok_or_else(|| Problem::missing("hook"))?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
        let words = format!("the body has more than {MAX_BODY} bytes, or broke off");
        let hint = "nothing is lost: the repository is asked what it has";
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, words, hint)
    })?;
    let header = |name: &str| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let header: &Header<'_> = &header;
    let incoming = Incoming {
        header,
        body: &body,
    };
    match api.watching.receive(&hook, incoming, now()).await? {
        Received::Refused => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "it is not signed with this hook's secret",
            "set the secret that was shown when the hook was made, or make a new hook",
        )),
        Received::Unreadable(words) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            words,
            "let the forge send JSON, and see that the hook was made for it",
        )),
        Received::Known(delivery, new) => {
            let status = match new && delivery.build.is_some() {
                true => StatusCode::ACCEPTED,
                false => StatusCode::OK,
            };
            Ok((status, Json((*delivery).into())))
        }
    }
}
