//! The page of a namespace: for its partner, and for whoever wants to know who they are.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::fault::Fault;
use super::home::{build_list, plugin_list};
use super::layout::{Frame, copyable, page};
use super::queue::share;
use super::session::Visit;
use super::words::exact;
use super::{State, Web};
use crate::model::{Actor, Namespace, Scope};
use crate::pipeline::now;
use crate::store::Token;

/// Shows a namespace.
pub(super) async fn show(
    web: State,
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Fault> {
    let unknown = || Fault::missing("namespace");
    let namespace = Namespace::new(&name).map_err(|_| unknown())?;
    let owners = web.store.namespaces().await?;
    let owner = owners.into_iter().find(|one| one.namespace == namespace);
    let partner = owner.ok_or_else(unknown)?.partner;
    let plugins = web
        .store
        .sources(Some(&namespace), None, 500, &visit.reader())
        .await?;
    let builds = web.store.builds_in(&namespace, 20, &visit.reader()).await?;
    let viewer = visit.viewer.as_ref();
    let own = viewer.is_some_and(|viewer| viewer.may(Scope::Submit, &namespace, &partner));
    let body = html! {
        div.title {
            p.eyebrow { "Namespace" }
            h1 { (namespace) }
            p.lede { "Plugins by " (partner) "." }
        }
        @if own { (for_its_partner(&web, &namespace, &partner).await?) }
        div.columns {
            section aria-labelledby="plugins" { h2 #plugins { "Plugins" } (plugin_list(&plugins, &[])) }
            section aria-labelledby="builds" { h2 #builds { "Builds" } (build_list(&builds, now())) }
        }
    };
    let title = format!("Namespace {namespace}");
    let frame = Frame {
        title: &title,
        changes: false,
    };
    Ok(page(&web, &visit, frame, &body))
}

/// What is nobody else's business.
async fn for_its_partner(
    web: &Web,
    namespace: &Namespace,
    partner: &Actor,
) -> Result<Markup, Fault> {
    let url = web.repository.url();
    let farm = url.strip_suffix("/apt").unwrap_or(&url);
    let submit = format!(
        "export PLUGFARM_FARM={farm} PLUGFARM_TOKEN=…
\
         plugfarm submit https://git.example.org/my-plugin --plugin {namespace}/my-plugin --follow"
    );
    let tokens = web.store.tokens().await?;
    let own = tokens
        .iter()
        .filter(|token| token.partner.as_ref() == Some(partner));
    Ok(html! {
        section.own aria-labelledby="own" {
            h2 #own { "Yours" }
            (share(web, partner).await?)
            h3 { "Submit a plugin" }
            (copyable("Command that submits a plugin", &submit))
            h3 { "Tokens" }
            ul.plain { @for token in own { li { (describe(token)) } } }
        }
    })
}

fn describe(token: &Token) -> Markup {
    let scopes: Vec<_> = token.scopes.iter().map(ToString::to_string).collect();
    let ended = !token.is_live(now());
    html! {
        code { (token.id) } " may " (scopes.join(", ")) " · "
        @if ended { "has ended" } @else { "until " (exact(token.expires_at)) }
    }
}
