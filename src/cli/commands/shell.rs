//! `plugfarm completions` and `plugfarm man`: what shells and manuals are told of the commands.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use serde_json::json;

use crate::cli::answer::Answer;
use crate::cli::args::Cli;

pub(in crate::cli) fn completions(shell: Shell) -> anyhow::Result<Answer> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "plugfarm", &mut script);
    let script = String::from_utf8(script)?;
    let words = script.trim_end().to_owned();
    Ok(Answer::done(format!("this completes commands in {shell}"))
        .with(json!({ "script": script }))
        .saying([words]))
}

pub(in crate::cli) fn man(folder: &Path) -> anyhow::Result<Answer> {
    fs_err::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    let mut pages = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        pages.push(entry?.file_name().to_string_lossy().into_owned());
    }
    pages.retain(|name| name.starts_with("plugfarm") && name.ends_with(".1"));
    pages.sort();
    let message = format!("{} manual pages are in {}", pages.len(), folder.display());
    Ok(Answer::done(message.clone())
        .with(json!({ "pages": pages }))
        .saying([message]))
}
