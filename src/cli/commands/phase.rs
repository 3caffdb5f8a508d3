//! `plugfarm phase`.

use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{Named, PhaseArgs};
use crate::cli::channels;
use crate::cli::usage::WrongUsage;
use crate::model::DebianVersion;
use crate::repo::Phasing;

pub(in crate::cli) async fn run(app: &App, arguments: &PhaseArgs) -> anyhow::Result<Answer> {
    let version = version(&arguments.package)?;
    let phasing = Phasing {
        package: arguments.package.package.clone(),
        version: version.clone(),
        percent: arguments.percent,
        channel: arguments.channel.clone(),
        by: channels::actor(arguments.by.as_ref())?,
    };
    if let Some(channel) = &phasing.channel {
        channels::known(app, channel)?;
    }
    let publisher = app.publisher()?;
    let suite = publisher.writer.phase(phasing.clone()).await?;
    let (package, percent) = (&phasing.package, phasing.percent);
    let message =
        format!("{percent} percent of the hosts of {suite} upgrade to {package} {version}");
    Ok(Answer::done(message.clone())
        .with(json!({
            "package": package,
            "version": version,
            "suite": suite.to_string(),
            "percent": percent,
        }))
        .saying([message]))
}

/// The version, which must be named.
pub(in crate::cli) fn version(named: &Named) -> anyhow::Result<&DebianVersion> {
    named.version.as_ref().ok_or_else(|| {
        let package = &named.package;
        WrongUsage(format!("name the version, too: {package}=VERSION")).into()
    })
}
