//! Which farm is asked: the one that is named, with the token that is there for it.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use super::args::{FarmArgs, Named};
use super::output;
use super::usage::WrongUsage;
use crate::client::Client;
use crate::config::environment;
use crate::http::Proxies;
use crate::model::{Actor, PluginId};

/// The most bytes that a token's file may have.
const MAX_TOKEN: u64 = 4096;

/// The farm that is named, if one is.
pub(super) fn named(arguments: &FarmArgs) -> anyhow::Result<Option<Client>> {
    let Some(farm) = arguments.farm.as_deref().filter(|farm| !farm.is_empty()) else {
        return Ok(None);
    };
    let token = token(arguments.token_file.as_deref())?;
    let notice = Arc::new(|words: &str| output::progress(words));
    let client = Client::new(farm, token, notice)?;
    Ok(Some(client.with_proxies(&proxies())?))
}

/// The proxies that this machine's environment names, as for other programs.
fn proxies() -> Proxies {
    let first = |names: &[&str]| {
        let mut values = names.iter().filter_map(|name| std::env::var(name).ok());
        values.find(|value| !value.is_empty()).unwrap_or_default()
    };
    Proxies::new(
        &first(&environment::HTTPS_PROXY),
        &first(&environment::HTTP_PROXY),
        &first(&environment::NO_PROXY),
    )
}

/// The farm that must be named.
pub(super) fn required(arguments: &FarmArgs) -> anyhow::Result<Client> {
    let missing = || WrongUsage("name the farm, with --farm URL or PLUGFARM_FARM".to_owned());
    Ok(named(arguments)?.ok_or_else(missing)?)
}

/// The plugin whose package is named, for a farm that knows by the token who decides.
pub(super) fn plugin(named: &Named, by: Option<&Actor>) -> anyhow::Result<PluginId> {
    nobody_named(by)?;
    let package = &named.package;
    let none = || {
        WrongUsage(format!(
            "`{package}` is no plugin's package: those are wazo-plugind-NAME-NAMESPACE"
        ))
    };
    Ok(PluginId::of_package(package).ok_or_else(none)?)
}

/// Refuses a name: the token says who it is.
pub(super) fn nobody_named(by: Option<&Actor>) -> anyhow::Result<()> {
    if by.is_none() {
        return Ok(());
    }
    let message = "the farm knows by the token who decides: leave --by out";
    Err(WrongUsage(message.to_owned()).into())
}

/// The token: the environment's, or the file's.
fn token(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    let given = std::env::var(environment::TOKEN).unwrap_or_default();
    let found = match file {
        _ if !given.is_empty() => Some(given),
        Some(file) if !file.as_os_str().is_empty() => Some(read(file)?),
        _ => None,
    };
    let Some(found) = found else { return Ok(None) };
    let token = found.trim();
    // What it is not says nothing of what it is.
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message =
            "what is given as the token is none: it must be one word of letters and digits";
        return Err(WrongUsage(message.to_owned()).into());
    }
    Ok(Some(token.to_owned()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let file = fs_err::File::open(path)?;
    let found = file.metadata()?;
    let mine = found.uid() == rustix::process::geteuid().as_raw();
    if !found.is_file() || !mine || found.mode() & 0o077 != 0 {
        let message = format!(
            "{shown} is no secret: the token's file must be yours, and readable by nobody else; `chmod 600` it"
        );
        return Err(WrongUsage(message).into());
    }
    let mut text = String::new();
    file.take(MAX_TOKEN).read_to_string(&mut text)?;
    Ok(text)
}
