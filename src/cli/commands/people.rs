//! `plugfarm partner` and `plugfarm namespace`: who has plugins built.

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{NamespaceCommand, PartnerCommand};
use crate::pipeline::now;
use crate::store::{NamespaceOwner, Partner};

pub(in crate::cli) async fn partner(app: &App, command: &PartnerCommand) -> anyhow::Result<Answer> {
    let store = app.store().await?;
    match command {
        PartnerCommand::Add {
            name,
            weight,
            running,
        } => {
            let partner = Partner {
                name: name.clone(),
                weight: *weight,
                running_cap: *running,
            };
            store.add_partner(&partner, now()).await?;
            Ok(Answer::done("the partner is added").with(describe(&partner)))
        }
        PartnerCommand::List => {
            let partners = store.partners().await?;
            let rows: Vec<_> = partners.iter().map(describe).collect();
            let words = partners.iter().map(|one| {
                let Partner {
                    name,
                    weight,
                    running_cap,
                } = one;
                format!("{name}  weight {weight}, {running_cap} at once")
            });
            Ok(Answer::done("these are the partners")
                .with(json!({ "partners": rows }))
                .saying(words))
        }
    }
}

fn describe(partner: &Partner) -> Value {
    json!({
        "name": partner.name.as_str(),
        "weight": partner.weight,
        "running": partner.running_cap,
    })
}

pub(in crate::cli) async fn namespace(
    app: &App,
    command: &NamespaceCommand,
) -> anyhow::Result<Answer> {
    let store = app.store().await?;
    match command {
        NamespaceCommand::Add { namespace, partner } => {
            let owner = NamespaceOwner {
                namespace: namespace.clone(),
                partner: partner.clone(),
            };
            store.add_namespace(&owner, now()).await?;
            Ok(Answer::done("the namespace is the partner's"))
        }
        NamespaceCommand::List => {
            let owners = store.namespaces().await?;
            let rows: Vec<_> = owners
                .iter()
                .map(|one| json!({ "namespace": one.namespace.as_str(), "partner": one.partner.as_str() }))
                .collect();
            let words = owners
                .iter()
                .map(|one| format!("{}  {}", one.namespace, one.partner));
            Ok(Answer::done("these are the namespaces")
                .with(json!({ "namespaces": rows }))
                .saying(words))
        }
    }
}
