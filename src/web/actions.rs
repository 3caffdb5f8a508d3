//! What can be done on pages: the same as with the API, by whoever has signed in.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::State;
use super::build::find;
use super::fault::Fault;
use super::serve::see_other;
use super::session::{Form, Viewer, Visit, allow};
use crate::model::{BuildState, Reason, Scope};
use crate::pipeline::now;
use crate::store::Build;

fn may_manage(viewer: &Viewer, build: &Build) -> Result<(), Fault> {
    if viewer.may(Scope::Manage, &build.plugin.namespace, &build.partner) {
        Ok(())
    } else {
        let words = format!("You may not manage builds of {}.", build.plugin.namespace);
        Err(Fault::forbidden(words))
    }
}

/// Stops a build.
pub(super) async fn cancel(
    web: State,
    visit: Visit,
    id: Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let viewer = allow(&visit, &headers, &Form::read(&body))?;
    let build = find(&web, &visit, id).await?;
    may_manage(viewer, &build)?;
    web.store
        .cancel(&build.id, &viewer.token.actor(), now())
        .await?;
    web.live.cancel(&build.id);
    Ok(see_other(&format!("/builds/{}", build.id)))
}

/// Tries a build again.
pub(super) async fn retry(
    web: State,
    visit: Visit,
    id: Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let viewer = allow(&visit, &headers, &Form::read(&body))?;
    let build = find(&web, &visit, id).await?;
    may_manage(viewer, &build)?;
    if build.state == BuildState::Quarantined && !viewer.token.operates() {
        let words = "The farm died while it ran this: only its operator tries it again.";
        return Err(Fault::forbidden(words));
    }
    web.store
        .retry(&build.id, &viewer.token.actor(), now())
        .await?;
    web.changed.notify_one();
    Ok(see_other(&format!("/builds/{}", build.id)))
}

fn operator<'a>(visit: &'a Visit, headers: &HeaderMap, form: &Form) -> Result<&'a Viewer, Fault> {
    let viewer = allow(visit, headers, form)?;
    visit.operator().map(|_| viewer)
}

/// Locks the queue, with words for everybody.
pub(super) async fn lock(
    web: State,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let form = Form::read(&body);
    let viewer = operator(&visit, &headers, &form)?;
    let reason = Reason::new(form.field("reason")).map_err(|error| {
        Fault::new(
            StatusCode::BAD_REQUEST,
            error.to_string(),
            "Say in one line why, for everybody to read.",
        )
    })?;
    web.store
        .lock_queue(reason.as_str(), &viewer.token.actor(), now())
        .await?;
    Ok(see_other("/operator"))
}

/// Lets builds begin again.
pub(super) async fn unlock(
    web: State,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let viewer = operator(&visit, &headers, &Form::read(&body))?;
    web.store.unlock_queue(&viewer.token.actor(), now()).await?;
    web.changed.notify_one();
    Ok(see_other("/operator"))
}
