//! `plugfarm phase`.

use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{Named, PhaseArgs};
use crate::cli::usage::WrongUsage;
use crate::cli::{channels, farm};
use crate::model::{DebianVersion, printable};
use crate::repo;
use crate::wire::{Phased, Phasing};

pub(in crate::cli) async fn run(app: &App, arguments: &PhaseArgs) -> anyhow::Result<Answer> {
    let version = version(&arguments.package)?;
    let phased = match farm::named(&arguments.farm)? {
        Some(farm) => {
            let plugin = farm::plugin(&arguments.package, arguments.by.as_ref())?;
            let phasing = Phasing {
                version: version.to_string(),
                percent: arguments.percent,
                channel: arguments.channel.as_ref().map(ToString::to_string),
            };
            farm.phase(&plugin, &phasing).await?
        }
        None => here(app, arguments, version).await?,
    };
    let Phased {
        package,
        version,
        suite,
        percent,
    } = &phased;
    let message =
        format!("{percent} percent of the hosts of {suite} upgrade to {package} {version}");
    let message = printable(&message, 1000);
    Ok(Answer::done(message.clone())
        .with(json!(phased))
        .saying([message]))
}

async fn here(app: &App, arguments: &PhaseArgs, version: &DebianVersion) -> anyhow::Result<Phased> {
    let phasing = repo::Phasing {
        package: arguments.package.package.clone(),
        version: version.clone(),
        percent: arguments.percent,
        channel: arguments.channel.clone(),
        by: channels::actor(arguments.by.as_ref())?,
    };
    if let Some(channel) = &phasing.channel {
        channels::known(app, channel)?;
    }
    let suite = app.publisher()?.writer.phase(phasing.clone()).await?;
    Ok(Phased {
        package: phasing.package,
        version: phasing.version.to_string(),
        suite: suite.to_string(),
        percent: phasing.percent,
    })
}

/// The version, which must be named.
pub(in crate::cli) fn version(named: &Named) -> anyhow::Result<&DebianVersion> {
    named.version.as_ref().ok_or_else(|| {
        let package = &named.package;
        WrongUsage(format!("name the version, too: {package}=VERSION")).into()
    })
}
