//! `plugfarm source watch`, `hook`, `credential`, `private` and `public`: what is built by itself, and what opens it. The same
//! of this machine's farm, and of one elsewhere.

mod here;

use std::path::Path;

use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{CredentialArgs, ExchangeCommand, HookCommand, WatchArgs};
use crate::cli::usage::WrongUsage;
use crate::client::Client;
use crate::model::printable;
use crate::wire::{Delivery, Hook, NewCredential, NewHook, NewWatch, Watch};

/// The most bytes of a file with a credential.
const MAX_FILE: u64 = 64 << 10;

pub(in crate::cli) async fn run(
    app: &App,
    farm: Option<&Client>,
    command: &ExchangeCommand,
) -> anyhow::Result<Answer> {
    match command {
        ExchangeCommand::Watch(arguments) => {
            let watch = match farm {
                Some(farm) => watch(farm, arguments).await?,
                None => here::watch(app, arguments).await?,
            };
            Ok(Answer::done("this is built by itself")
                .saying([watched(&watch)])
                .with(json!({ "watch": watch })))
        }
        ExchangeCommand::Unwatch { plugin } => {
            match farm {
                Some(farm) => farm.unwatch(plugin).await?,
                None => here::unwatch(app, plugin).await?,
            }
            Ok(Answer::done("nothing of it is built by itself any more"))
        }
        ExchangeCommand::Hook(command) => hook(app, farm, command).await,
        ExchangeCommand::Credential(arguments) => credential(app, farm, arguments).await,
        ExchangeCommand::Private { plugin } => {
            match farm {
                Some(farm) => farm.set_private(plugin, true).await?,
                None => here::set_private(app, plugin, true).await?,
            }
            let words = "it is shown to its partner and to auditors alone";
            Ok(Answer::done(words))
        }
        ExchangeCommand::Public { plugin } => {
            match farm {
                Some(farm) => farm.set_private(plugin, false).await?,
                None => here::set_private(app, plugin, false).await?,
            }
            Ok(Answer::done("it is shown to everybody"))
        }
    }
}

/// What of a source of a farm elsewhere is built by itself, once that is as it was asked for.
async fn watch(farm: &Client, arguments: &WatchArgs) -> anyhow::Result<Watch> {
    let plugin = &arguments.plugin;
    if arguments.branches.is_empty() && arguments.tags.is_empty() {
        return Ok(farm.watch(plugin).await?);
    }
    let watch = NewWatch {
        branches: arguments.branches.clone(),
        tags: arguments.tags.clone(),
        target: Some(arguments.target.to_string()),
        channel: arguments.channel.as_ref().map(ToString::to_string),
        every: arguments.every,
    };
    Ok(farm.set_watch(plugin, &watch).await?)
}

fn watched(watch: &Watch) -> String {
    let Watch {
        plugin,
        branches,
        tags,
        target,
        channel,
        every,
        ..
    } = watch;
    let asked = match &watch.next_at {
        None => "told by hooks alone".to_owned(),
        Some(next) => format!("asked every {every} s, next at {next}"),
    };
    let (branches, tags) = (branches.join(" "), tags.join(" "));
    let problem = watch.problem.as_deref();
    let problem = problem.map_or(String::new(), |problem| {
        format!("; it could not be asked: {problem}")
    });
    printable(
        &format!(
            "{plugin}  branches: {branches}  tags: {tags}  for {target} in {channel}; {asked}{problem}"
        ),
        2000,
    )
}

async fn hook(app: &App, farm: Option<&Client>, command: &HookCommand) -> anyhow::Result<Answer> {
    match command {
        HookCommand::Add { plugin, forge } => {
            let hook = match farm {
                Some(farm) => {
                    let forge = forge.to_string();
                    farm.add_hook(plugin, &NewHook { forge }).await?
                }
                None => here::add_hook(app, plugin, *forge).await?,
            };
            let lines = [Some(hook.path.clone()), hook.secret.clone()];
            let words = "this is where to send, and the secret, which is shown this once";
            Ok(Answer::done(words).with(json!({ "hook": hook })).saying(
                lines
                    .into_iter()
                    .flatten()
                    .map(|line| printable(&line, 500)),
            ))
        }
        HookCommand::List { plugin } => {
            let hooks = match farm {
                Some(farm) => farm.hooks(plugin).await?,
                None => here::hooks(app, plugin).await?,
            };
            let words: Vec<_> = hooks.iter().map(in_a_line).collect();
            Ok(Answer::done("these are the hooks")
                .with(json!({ "hooks": hooks }))
                .saying(words))
        }
        HookCommand::Remove { plugin, id } => {
            match farm {
                Some(farm) => farm.remove_hook(plugin, id).await?,
                None => here::remove_hook(app, plugin, id).await?,
            }
            Ok(Answer::done("the hook is gone"))
        }
        HookCommand::Deliveries { plugin, id } => {
            let all = match farm {
                Some(farm) => farm.deliveries(plugin, id).await?,
                None => here::deliveries(app, plugin, id).await?,
            };
            Ok(delivered("this came in", all))
        }
        HookCommand::Replay {
            plugin,
            id,
            delivery,
        } => {
            let one = match farm {
                Some(farm) => farm.replay(plugin, id, delivery).await?,
                None => here::replay(app, plugin, id, delivery).await?,
            };
            Ok(delivered("this became of it", vec![one]))
        }
    }
}

fn in_a_line(hook: &Hook) -> String {
    let Hook {
        id,
        forge,
        created_at,
        ..
    } = hook;
    printable(&format!("{id}  {forge}  since {created_at}"), 500)
}

fn delivered(said: &str, all: Vec<Delivery>) -> Answer {
    let words = all.iter().map(|one| {
        let (id, at, verdict) = (&one.id, &one.received_at, &one.verdict);
        printable(&format!("{id}  {at}  {verdict}: {}", one.reason), 1000)
    });
    let words: Vec<_> = words.collect();
    Answer::done(said)
        .with(json!({ "deliveries": all }))
        .saying(words)
}

async fn credential(
    app: &App,
    farm: Option<&Client>,
    arguments: &CredentialArgs,
) -> anyhow::Result<Answer> {
    let plugin = &arguments.plugin;
    if arguments.remove {
        match farm {
            Some(farm) => farm.remove_credential(plugin).await?,
            None => here::remove_credential(app, plugin).await?,
        }
        return Ok(Answer::done("it is forgotten; the source stays private"));
    }
    let text = |file: &Option<_>| file.as_deref().map(read).transpose();
    let key = text(&arguments.key_file)?;
    let token = text(&arguments.token_file)?.map(|token| token.trim().to_owned());
    let user = token.is_some().then(|| arguments.user.clone());
    let credential = NewCredential { user, token, key };
    match farm {
        Some(farm) => farm.set_credential(plugin, &credential).await?,
        None => here::set_credential(app, plugin, &credential).await?,
    }
    Ok(Answer::done("it is kept, and the source is private"))
}

fn read(path: &Path) -> anyhow::Result<String> {
    if fs_err::metadata(path)?.len() > MAX_FILE {
        return Err(WrongUsage("the file is too large for a credential".to_owned()).into());
    }
    Ok(fs_err::read_to_string(path)?)
}
