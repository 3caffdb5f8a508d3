//! What hosts have told of a plugin's versions, for whoever answers for it.

use maud::{Markup, html};

use super::Web;
use super::fault::Fault;
use super::layout::nothing;
use super::plugin::listed;
use super::words::{ago, exact};
use crate::model::{PluginId, Timestamp};
use crate::pipeline::now;
use crate::repo::Entry;
use crate::store::{Halt, ScriptFailures, Totals};

/// The section of the plugin's page.
pub(super) async fn section(
    web: &Web,
    plugin: &PluginId,
    entries: &[Entry],
) -> Result<Markup, Fault> {
    let package = plugin.package();
    let tallies = web.store.installations(&package).await?;
    let halts = web.store.halted(Some(&package)).await?;
    let rows: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| (entry, Totals::of(&entry.published.version, &tallies)))
        .filter(|(entry, totals)| *totals != Totals::default() || is_rolled_out(web, entry))
        .collect();
    Ok(html! {
        section.own aria-labelledby="installations" {
            h2 #installations { "On hosts" }
            @for halt in &halts { (halted(halt, now())) }
            @if rows.is_empty() {
                (nothing("No host has told of an installation yet. Hosts do that which are set up to, with `farm.report_outcomes`."))
            } @else { (table(web, &rows)) }
        }
    })
}

fn table(web: &Web, rows: &[(&Entry, Totals)]) -> Markup {
    html! {
        div.scroll role="group" tabindex="0" aria-label="Table: installations" {
            table {
                thead { tr { th scope="col" { "Version" } th scope="col" { "Installed" } th scope="col" { "Removed" } th scope="col" { "Failed, by whose fault" } th scope="col" { "Rolled out to" } } }
                tbody {
                    @for (entry, totals) in rows {
                        tr {
                            th scope="row" { code { (entry.published.version) } }
                            td { (totals.installed) }
                            td { (totals.removed) }
                            td { (failed(totals)) }
                            td { (shares(web, entry)) }
                        }
                    }
                }
            }
        }
    }
}

fn failed(totals: &Totals) -> Markup {
    html! {
        @if totals.failed.is_empty() { span.dim { "none" } }
        @for (blame, count) in &totals.failed { span.tag { (count) " " b { (blame) } } " " }
        @for way in totals.scripts.iter().take(3) { p.small { (way.count) " × " (script(way)) } }
    }
}

fn script(way: &ScriptFailures) -> Markup {
    html! {
        @match way.step { Some(step) => code { "rules " (step) }, None => "a script" }
        @if let Some(status) = way.exit_status { " with status " (status) }
    }
}

fn is_rolled_out(web: &Web, entry: &Entry) -> bool {
    let listed = listed(web, entry);
    listed.iter().any(|(_, share)| share.is_some())
}

fn shares(web: &Web, entry: &Entry) -> Markup {
    html! {
        @for (suite, share) in listed(web, entry) {
            span.tag { (suite) " " b { (share.unwrap_or(100)) " %" } }
            " "
        }
    }
}

fn halted(halt: &Halt, now: Timestamp) -> Markup {
    let Halt {
        version,
        suite,
        failures,
        hosts,
        ..
    } = halt;
    html! {
        p role="status" title=(exact(halt.at)) {
            b { "Halted " (ago(halt.at, now)) ": " }
            "no other host upgrades to " code { (version) } " in " (suite) " by itself, for its script failed on " (failures) " of "
            (hosts) " hosts. Publish a mended version, or withdraw this one; if it is good after all, change the share of its hosts, and it goes on."
        }
    }
}
