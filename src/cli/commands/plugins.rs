//! `plugfarm plugins`: what a farm has for hosts.

use serde_json::json;

use crate::cli::answer::Answer;
use crate::cli::args::{PluginsArgs, PluginsCommand};
use crate::cli::farm;
use crate::model::{Namespace, printable};
use crate::wire::{DetailedPlugin, Installations, Place, Plugin, RollOut, ScriptFailure, Version};

pub(in crate::cli) async fn run(arguments: &PluginsArgs) -> anyhow::Result<Answer> {
    let client = farm::required(&arguments.farm)?;
    match &arguments.command {
        Some(PluginsCommand::Show { plugin }) => {
            let plugin = client.plugin(plugin).await?;
            let words = detailed(&plugin);
            Ok(Answer::done("this is the plugin")
                .with(json!({ "plugin": plugin }))
                .saying(words))
        }
        Some(PluginsCommand::Installations { plugin }) => {
            let versions = client.installations(plugin).await?;
            let words = installations(&versions);
            Ok(Answer::done("this is what hosts have told")
                .with(json!({ "plugin": plugin.to_string(), "versions": versions }))
                .saying(words))
        }
        listed => {
            let namespace = match listed {
                Some(PluginsCommand::List { namespace }) => namespace.as_ref(),
                _ => None,
            };
            let plugins = client.plugins(namespace.map(Namespace::as_str)).await?;
            let words: Vec<_> = plugins.iter().map(in_a_line).collect();
            Ok(Answer::done("these are the plugins")
                .with(json!({ "plugins": plugins }))
                .saying(words))
        }
    }
}

fn in_a_line(plugin: &Plugin) -> String {
    let highest = plugin.highest.iter();
    let highest = highest.map(|one| format!("{} in {}", one.version, one.suite));
    let highest = highest.collect::<Vec<_>>().join(", ");
    printable(&format!("{}  {highest}", plugin.plugin), 1000)
}

fn detailed(plugin: &DetailedPlugin) -> Vec<String> {
    let own = &plugin.plugin;
    let mut lines = vec![
        format!("plugin    {}", own.plugin),
        format!("package   {}", own.package),
        format!("source    {}", own.url.as_deref().unwrap_or("not known")),
    ];
    lines.extend(plugin.versions.iter().flat_map(version));
    lines.extend(plugin.pending.iter().map(|one| {
        let names: Vec<_> = one.approvals.iter().map(|own| own.by.as_str()).collect();
        let (version, suite, names) = (&one.version, &one.suite, names.join(", "));
        format!("{version} waits for {suite}: approved by {names}")
    }));
    lines.iter().map(|line| printable(line, 1000)).collect()
}

fn version(version: &Version) -> Vec<String> {
    let from = match (&version.commit, version.imported) {
        (_, true) => "imported".to_owned(),
        (Some(commit), _) => format!("commit {}", commit.get(..12).unwrap_or(commit)),
        (None, _) => String::new(),
    };
    let build = version.build.as_deref();
    let build = build.map_or(String::new(), |build| format!("  build {build}"));
    let mut lines = vec![format!("{}  {from}{build}", version.version)];
    lines.extend(version.places.iter().map(place));
    lines
}

fn place(place: &Place) -> String {
    let (suite, since) = (&place.suite, &place.since);
    let phased = place.phased;
    let phased = phased.map_or(String::new(), |percent| {
        format!(", for {percent} percent of the hosts")
    });
    match (&place.withdrawn, &place.removed) {
        (Some(reason), _) => format!("  {suite}, withdrawn: {reason}"),
        (None, Some(until)) => format!("  {suite}, from {since} until {until}"),
        (None, None) => format!("  {suite}, since {since}{phased}"),
    }
}

fn installations(versions: &[Installations]) -> Vec<String> {
    if versions.is_empty() {
        return vec!["nothing of it has been published".to_owned()];
    }
    let lines = versions.iter().flat_map(|one| {
        let failed = one
            .failed
            .iter()
            .map(|(blame, count)| format!("{count} {blame}"));
        let failed = failed.collect::<Vec<_>>().join(", ");
        let failed = if failed.is_empty() {
            "none".to_owned()
        } else {
            failed
        };
        let (version, installed, removed) = (&one.version, one.installed, one.removed);
        let first = format!("{version}  installed {installed}, removed {removed}, failed {failed}");
        let scripts = one.failures.iter().map(script);
        [first]
            .into_iter()
            .chain(one.places.iter().map(roll_out))
            .chain(scripts)
    });
    lines.map(|line| printable(&line, 1000)).collect()
}

fn roll_out(place: &RollOut) -> String {
    let suite = &place.suite;
    match (&place.halted, place.phased) {
        (Some(halt), _) => format!(
            "  {suite}, halted {}: its script failed on {} of {} hosts",
            halt.at, halt.failures, halt.hosts
        ),
        (None, Some(percent)) => format!("  {suite}, for {percent} percent of the hosts"),
        (None, None) => format!("  {suite}"),
    }
}

fn script(failure: &ScriptFailure) -> String {
    let step = failure.step.as_deref();
    let step = step.map_or("a script".to_owned(), |step| format!("`rules {step}`"));
    let status = failure.exit_status;
    let status = status.map_or(String::new(), |status| format!(" with status {status}"));
    format!("  {step} failed{status}: {} times", failure.count)
}
