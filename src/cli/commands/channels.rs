//! `plugfarm channels`: where a farm's packages go.

use serde_json::json;

use crate::cli::answer::Answer;
use crate::cli::args::FarmArgs;
use crate::cli::farm;
use crate::model::printable;
use crate::wire::Channel;

pub(in crate::cli) async fn run(arguments: &FarmArgs) -> anyhow::Result<Answer> {
    let channels = farm::required(arguments)?.channels().await?;
    let words: Vec<_> = channels.iter().map(in_a_line).collect();
    Ok(Answer::done("these are the channels")
        .with(json!({ "channels": channels }))
        .saying(words))
}

fn in_a_line(channel: &Channel) -> String {
    let enters = match channel.approvals {
        None => "builds enter it".to_owned(),
        Some(1) => "takes what one person approved".to_owned(),
        Some(count) => format!("takes what {count} people approved"),
    };
    let suites = channel.suites.iter();
    let suites = suites.map(|one| format!("{} ({} packages)", one.suite, one.packages));
    let suites: Vec<_> = suites.collect();
    let line = format!("{}  {enters}  {}", channel.channel, suites.join(", "));
    printable(line.trim_end(), 1000)
}
