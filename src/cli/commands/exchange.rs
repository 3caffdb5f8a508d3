//! `plugfarm source watch`, `hook`, `credential`, `private` and `public`: what is built by itself, and what opens it.

use std::path::Path;

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{CredentialArgs, ExchangeCommand, HookCommand, WatchArgs};
use crate::cli::commands::people::OPERATOR;
use crate::cli::usage::WrongUsage;
use crate::forge::RefPattern;
use crate::model::{PluginId, printable};
use crate::pipeline::now;
use crate::source::{Asker, Credential, Location};
use crate::store::{Delivery, Hook, Watch, Watched};
use crate::watch::Watching;

/// The most bytes of a file with a credential.
const MAX_FILE: u64 = 64 << 10;

pub(in crate::cli) async fn run(app: &App, command: &ExchangeCommand) -> anyhow::Result<Answer> {
    let watching = app.watching().await?;
    let store = &watching.store;
    match command {
        ExchangeCommand::Watch(arguments) => watch(app, &watching, arguments).await,
        ExchangeCommand::Unwatch { plugin } => {
            store.remove_watch(plugin, OPERATOR, now()).await?;
            Ok(Answer::done("nothing of it is built by itself any more"))
        }
        ExchangeCommand::Hook(command) => hook(&watching, command).await,
        ExchangeCommand::Credential(arguments) => credential(&watching, arguments).await,
        ExchangeCommand::Private { plugin } => {
            store.set_private(plugin, true, OPERATOR, now()).await?;
            Ok(Answer::done(
                "it is shown to its partner and to auditors alone",
            ))
        }
        ExchangeCommand::Public { plugin } => {
            store.set_private(plugin, false, OPERATOR, now()).await?;
            Ok(Answer::done("it is shown to everybody"))
        }
    }
}

async fn watch(app: &App, watching: &Watching, arguments: &WatchArgs) -> anyhow::Result<Answer> {
    let (plugin, store) = (&arguments.plugin, &watching.store);
    for pattern in arguments.branches.iter().chain(&arguments.tags) {
        pattern.parse::<RefPattern>()?;
    }
    if !arguments.branches.is_empty() || !arguments.tags.is_empty() {
        let channels = &app.config.repository.channels;
        let named = arguments.channel.as_ref();
        let channel = named
            .or(channels.first())
            .filter(|one| channels.contains(one));
        let channel =
            channel.ok_or_else(|| WrongUsage("the farm has no such channel".to_owned()))?;
        let every = u32::try_from(app.config.watch.every.as_secs())?;
        let watch = Watch {
            plugin: plugin.clone(),
            branches: arguments.branches.clone(),
            tags: arguments.tags.clone(),
            target: arguments.target,
            channel: channel.clone(),
            lists: arguments.every.unwrap_or(every),
        };
        store.set_watch(&watch, OPERATOR, now()).await?;
    }
    let found = store.watch(plugin).await?.ok_or_else(|| {
        WrongUsage(format!(
            "nothing of {plugin} is built by itself; name what is with --branch and --tag"
        ))
    })?;
    Ok(Answer::done("this is built by itself")
        .with(json!({ "watch": watched(&found) }))
        .saying([in_words(&found)]))
}

fn watched(found: &Watched) -> Value {
    let watch = &found.watch;
    json!({
        "plugin": watch.plugin.to_string(),
        "branches": watch.branches,
        "tags": watch.tags,
        "target": watch.target.codename(),
        "channel": watch.channel.as_str(),
        "every": watch.lists,
        "next_at": found.next_at.rfc3339(),
        "known": found.known,
        "failures": found.failures,
        "problem": found.problem,
    })
}

fn in_words(found: &Watched) -> String {
    let Watch {
        plugin,
        branches,
        tags,
        target,
        channel,
        lists,
    } = &found.watch;
    let asked = match lists {
        0 => "told by hooks alone".to_owned(),
        _ => format!("asked every {lists} s, next at {}", found.next_at),
    };
    let (branches, tags) = (branches.join(" "), tags.join(" "));
    let problem = found.problem.as_deref();
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

async fn hook(watching: &Watching, command: &HookCommand) -> anyhow::Result<Answer> {
    let store = &watching.store;
    match command {
        HookCommand::Add { plugin, forge } => {
            let (hook, secret) = watching.add_hook(plugin, *forge, OPERATOR, now()).await?;
            let lines = [format!("/hooks/{}", hook.id), secret.clone()];
            let mut shown = described(&hook);
            if let Some(object) = shown.as_object_mut() {
                object.insert("secret".to_owned(), Value::String(secret));
            }
            Ok(
                Answer::done("this is where to send, and the secret, which is shown this once")
                    .with(json!({ "hook": shown }))
                    .saying(lines),
            )
        }
        HookCommand::List { plugin } => {
            let hooks = store.hooks(plugin).await?;
            let words = hooks.iter().map(|hook| {
                let Hook {
                    id,
                    forge,
                    created_at,
                    ..
                } = hook;
                format!("{id}  {forge}  since {created_at}")
            });
            Ok(Answer::done("these are the hooks")
                .with(json!({ "hooks": hooks.iter().map(described).collect::<Vec<_>>() }))
                .saying(words))
        }
        HookCommand::Remove { id } => {
            store.remove_hook(id, OPERATOR, now()).await?;
            Ok(Answer::done("the hook is gone"))
        }
        HookCommand::Deliveries { id } => {
            let all = store.deliveries(id).await?;
            Ok(delivered("this came in", &all))
        }
        HookCommand::Replay { id, delivery } => {
            let missing = |what: &str| WrongUsage(format!("there is no such {what}"));
            let hook = store.hook(id).await?.ok_or_else(|| missing("hook"))?;
            let found = watching.replay(&hook, delivery, now()).await?;
            let found = found.ok_or_else(|| missing("delivery"))?;
            Ok(delivered("this became of it", &[found]))
        }
    }
}

fn described(hook: &Hook) -> Value {
    json!({
        "id": hook.id,
        "plugin": hook.plugin.to_string(),
        "forge": hook.forge.word(),
        "path": format!("/hooks/{}", hook.id),
        "created_at": hook.created_at.rfc3339(),
    })
}

fn delivered(said: &str, all: &[Delivery]) -> Answer {
    let described = |one: &Delivery| {
        json!({
            "id": one.id,
            "delivery": one.delivery,
            "received_at": one.received_at.rfc3339(),
            "event": one.event,
            "ref": one.reference,
            "commit": one.commit,
            "verdict": one.verdict,
            "reason": one.reason,
            "build": one.build.as_ref().map(ToString::to_string),
        })
    };
    let words = all.iter().map(|one| {
        let (id, at, verdict) = (&one.id, one.received_at, &one.verdict);
        printable(&format!("{id}  {at}  {verdict}: {}", one.reason), 1000)
    });
    Answer::done(said)
        .with(json!({ "deliveries": all.iter().map(described).collect::<Vec<_>>() }))
        .saying(words)
}

async fn credential(watching: &Watching, arguments: &CredentialArgs) -> anyhow::Result<Answer> {
    let plugin = &arguments.plugin;
    if arguments.remove {
        watching
            .store
            .remove_credential(plugin, OPERATOR, now())
            .await?;
        return Ok(Answer::done("it is forgotten; the source stays private"));
    }
    let credential = match (&arguments.token_file, &arguments.key_file) {
        (Some(file), _) => Credential::token(&arguments.user, read(file)?.trim())?,
        (None, Some(file)) => Credential::key(&read(file)?)?,
        (None, None) => return Err(WrongUsage("name a token or a key".to_owned()).into()),
    };
    if !fits(watching, plugin, &credential).await? {
        let words = "a token opens https repositories, and a key opens ssh ones: this source is none of that kind";
        return Err(WrongUsage(words.to_owned()).into());
    }
    let kept = watching
        .secrets
        .set_credential(plugin, &credential, OPERATOR, now());
    kept.await?;
    Ok(Answer::done("it is kept, and the source is private"))
}

async fn fits(
    watching: &Watching,
    plugin: &PluginId,
    credential: &Credential,
) -> anyhow::Result<bool> {
    let bound = watching.store.bound_source(plugin).await?;
    let bound = bound.ok_or_else(|| WrongUsage(format!("{plugin} comes from nowhere yet")))?;
    Ok(match Location::parse(&bound.source.url, Asker::Stranger)? {
        Location::Repository(url) => credential.fits(url.scheme()),
        Location::Folder(_) => false,
    })
}

fn read(path: &Path) -> anyhow::Result<String> {
    if fs_err::metadata(path)?.len() > MAX_FILE {
        return Err(WrongUsage("the file is too large for a credential".to_owned()).into());
    }
    Ok(fs_err::read_to_string(path)?)
}
