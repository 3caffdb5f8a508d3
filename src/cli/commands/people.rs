//! `plugfarm partner` and `plugfarm namespace`: who has plugins built.

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{NamespaceArgs, NamespaceCommand, PartnerCommand};
use crate::cli::farm;
use crate::model::printable;
use crate::pipeline::now;
use crate::store::{NamespaceOwner, Partner};
use crate::wire;

/// Who acts on the data folder, in the audit.
pub(super) const OPERATOR: &str = "operator";

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
            store.add_partner(&partner, OPERATOR, now()).await?;
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
    arguments: &NamespaceArgs,
) -> anyhow::Result<Answer> {
    let farm = farm::named(&arguments.farm)?;
    match &arguments.command {
        NamespaceCommand::Add { namespace, partner } => {
            match farm {
                Some(farm) => {
                    let given = wire::Namespace {
                        namespace: namespace.to_string(),
                        partner: partner.to_string(),
                    };
                    farm.give_namespace(&given).await?;
                }
                None => {
                    let owner = NamespaceOwner {
                        namespace: namespace.clone(),
                        partner: partner.clone(),
                    };
                    let store = app.store().await?;
                    store.add_namespace(&owner, OPERATOR, now()).await?;
                }
            }
            Ok(Answer::done("the namespace is the partner's"))
        }
        NamespaceCommand::List => {
            let namespaces: Vec<wire::Namespace> = match farm {
                Some(farm) => farm.namespaces().await?,
                None => {
                    let owners = app.store().await?.namespaces().await?;
                    owners.into_iter().map(Into::into).collect()
                }
            };
            let words = namespaces.iter();
            let words =
                words.map(|one| printable(&format!("{}  {}", one.namespace, one.partner), 500));
            let words: Vec<_> = words.collect();
            Ok(Answer::done("these are the namespaces")
                .with(json!({ "namespaces": namespaces }))
                .saying(words))
        }
    }
}
