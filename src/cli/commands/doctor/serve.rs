//! What `doctor` says of the farm as a service: its state, its disk, where it listens, what it sends mail with, whether hosts
//! get at it, and for how long.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::fs::statvfs;
use tokio::net::TcpListener;

use super::{Examined, State, good, missing, warning};
use crate::app::App;
use crate::cli::commands::key;
use crate::http::{Client, Reach, Request};
use crate::import::{Origin, look};
use crate::model::Timestamp;
use crate::notify::mail_program;
use crate::secrets::Secrets;
use crate::sign::Vault;
use crate::store::{DATABASE, Standing, Store};
use crate::wire::Status;

/// The least free bytes with which a farm builds for some time, and with which it builds at all.
const ROOM: [u64; 2] = [5 << 30, 1 << 30];
/// The least free files (inodes).
const FILES: u64 = 100_000;
/// The most bytes of what a farm says of itself.
const MAX_STATUS: u64 = 1 << 20;
/// How long it has to say that.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at what serving needs. On a machine that has never served, what is missing is only worth knowing.
pub(super) async fn examine(app: &App, now: Timestamp) -> Vec<Examined> {
    let (mut all, store) = state(app).await;
    let serves = store.is_some() || app.config.serve.database.is_some();
    all.extend(disk(app));
    let (found, runs) = listener(app).await;
    all.extend(found);
    all.extend(public_address(app, runs, now).await);
    all.extend(mail(app));
    if let Some(store) = &store {
        all.push(secrets(app, store).await);
    }
    all.extend(expiry(app));
    if !serves {
        let broken = all.iter_mut().filter(|one| one.state == State::Missing);
        broken.for_each(|one| one.state = State::Warning);
    }
    all
}

/// The farm's state, which is opened only if that changes nothing.
async fn state(app: &App) -> (Vec<Examined>, Option<Store>) {
    const WHAT: &str = "database";
    let url = app.config.serve.database.as_deref();
    let path = app.data().join(DATABASE);
    let (place, standing) = match url {
        Some(url) => (
            "PostgreSQL".to_owned(),
            Standing::of_postgres(url).await.map(Some),
        ),
        None if !path.exists() => (String::new(), Ok(None)),
        None => (
            path.display().to_string(),
            Standing::of_sqlite(&path).await.map(Some),
        ),
    };
    let examined = match standing {
        Ok(Some(Standing::Current)) => match app.store().await {
            Ok(store) => return (vec![good(WHAT, place)], Some(store)),
            Err(error) => missing(WHAT, error.to_string(), error.hint().unwrap_or_default()),
        },
        Ok(Some(Standing::Older(steps))) => warning(
            WHAT,
            format!("{place} is of an older plugfarm: {steps} steps behind this one"),
            "plugfarm backup FILE; the next start of the farm brings it up to date",
        ),
        Ok(Some(Standing::Newer)) => missing(
            WHAT,
            format!("{place} was used by a newer plugfarm, and this one does not open it"),
            "install the newer plugfarm again",
        ),
        Ok(None) => good(WHAT, "not there yet: `plugfarm serve` makes it".to_owned()),
        Err(error) => missing(
            WHAT,
            format!("{error}: {}", cause(&error)),
            "see that it runs and lets this user in; `serve: {database: …}` says where it is",
        ),
    };
    (vec![examined], None)
}

fn cause(error: &dyn std::error::Error) -> String {
    let source = error.source().map(ToString::to_string);
    source.unwrap_or_else(|| "no reason is known".to_owned())
}

/// Room for builds, logs and packages.
fn disk(app: &App) -> Option<Examined> {
    const MEND: &str = "make room, or keep less: see `serve: {keep_artifacts: …, keep_logs: …}` and `repository: {keep: …}`";
    let stat = statvfs(app.data()).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    // Some file systems do not count files.
    let files = Some(stat.f_favail).filter(|_| stat.f_files > 0);
    let room = bytesize::ByteSize::b(free);
    let [little, too_little] = ROOM;
    Some(match files {
        _ if free < too_little => {
            missing("disk", format!("{room} free: too little to build"), MEND)
        }
        _ if free < little => warning("disk", format!("only {room} free"), MEND),
        Some(files) if files < FILES => {
            warning("disk", format!("room for only {files} files"), MEND)
        }
        _ => good("disk", format!("{room} free")),
    })
}

/// Where the farm listens, and whether it does already.
async fn listener(app: &App) -> (Vec<Examined>, bool) {
    const WHAT: &str = "address";
    let address = app.config.serve.listen;
    let name = app.config.farm.as_str();
    let (mut all, runs) = match TcpListener::bind(address).await {
        Ok(_) => (vec![good(WHAT, format!("{address} is free"))], false),
        Err(error) if error.kind() == ErrorKind::AddrInUse => match serves(address).await {
            Some(farm) if farm == name => (
                vec![good(WHAT, format!("the farm serves at {address}"))],
                true,
            ),
            _ => {
                let words = format!("another program listens at {address}");
                let mend = "stop it, or choose another address: `serve: {listen: 127.0.0.1:8081}`";
                (vec![missing(WHAT, words, mend)], false)
            }
        },
        Err(error) => {
            let words = format!("nobody can listen at {address}: {error}");
            let mend =
                "name an address of this machine, and a port above 1023: `serve: {listen: …}`";
            (vec![missing(WHAT, words, mend)], false)
        }
    };
    if !address.ip().is_loopback() {
        let words = format!(
            "{address} is reached from elsewhere, and the farm speaks no TLS: tokens can be read on the way"
        );
        let mend =
            "put a web server that speaks TLS before it, and let the farm listen at 127.0.0.1";
        all.push(warning("TLS", words, mend));
    } else if app.config.serve.proxies.is_empty() {
        let words = "whoever comes through a web server on this machine is taken for one caller, with one caller's limits";
        let mend = "name it: `serve: {proxies: [127.0.0.1, \"::1\"]}`";
        all.push(warning("proxies", words.to_owned(), mend));
    }
    (all, runs)
}

/// The name of the farm that serves at an address, if one does.
async fn serves(address: SocketAddr) -> Option<String> {
    let mut here = address;
    if here.ip().is_unspecified() {
        here.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let url = format!("http://{here}/status").parse().ok()?;
    let asked = async {
        let client = Client::new(Reach::Anywhere).ok()?;
        let answer = client.send(Request::get(url)).await.ok()?;
        let text = answer.bytes(MAX_STATUS).await.ok()?;
        serde_json::from_slice::<Status>(&text).ok()
    };
    // What says nothing is no farm of this machine's.
    let status = tokio::time::timeout(PATIENCE, asked).await.ok()??;
    Some(status.farm)
}

/// Whether hosts find at the public address what is published.
async fn public_address(app: &App, runs: bool, now: Timestamp) -> Option<Examined> {
    const WHAT: &str = "hosts";
    let url = app.config.repository.url.as_deref()?;
    let keys = app.public_keys().ok()?;
    let suites = app.repository().ok()?.suites().ok()?;
    let mut suites = suites.into_iter().map(|one| one.suite);
    let suite = suites.find(|suite| !suite.channel.is_preview())?;
    let looked = async {
        let origin = Origin::parse(url)?;
        look(&origin, &suite.to_string(), &keys.archive_keyring, &[], now).await
    };
    Some(match looked.await {
        Ok(_) => good(WHAT, format!("get {suite} from {url}")),
        Err(error) if runs => missing(
            WHAT,
            format!("do not get {suite} from {url}: {error}"),
            "see whether `repository.url` is where hosts find the repository, and what answers there",
        ),
        Err(error) => warning(
            WHAT,
            format!("do not get {suite} from {url} now: {error}"),
            "start the farm: systemctl start plugfarm",
        ),
    })
}

fn mail(app: &App) -> Option<Examined> {
    let config = app.config.notify.mail.as_ref()?;
    Some(match mail_program(config) {
        Some(program) => good("mail", format!("sent by {}", program.display())),
        None => {
            let named = config.command.first().map_or("sendmail", String::as_str);
            let words = format!("the program that sends mail, {named}, is not there");
            missing(
                "mail",
                words,
                "apt-get install msmtp-mta, or name another one: `notify: {mail: {command: …}}`",
            )
        }
    })
}

/// Whether what opens private repositories can itself be opened.
async fn secrets(app: &App, store: &Store) -> Examined {
    const WHAT: &str = "secrets";
    const MEND: &str = "restore secrets/vault.key from the backup that the state comes from, or set the secrets anew";
    // Looking makes no new key: with that, the old secrets would be lost without a word.
    if !Vault::is_in(&app.secrets_folder()) {
        return match store.sealed().await {
            Ok(sealed) if sealed.is_empty() => good(WHAT, "none are sealed yet".to_owned()),
            Ok(sealed) => {
                let count = sealed.len();
                let words = format!(
                    "secrets/vault.key is not there, and {count} cannot be opened without it"
                );
                missing(WHAT, words, MEND)
            }
            Err(error) => missing(WHAT, error.to_string(), error.hint()),
        };
    }
    let vault = match app.vault() {
        Ok(vault) => vault,
        Err(error) => return missing(WHAT, error.to_string(), MEND),
    };
    match Secrets::new(store.clone(), vault).broken().await {
        Ok((0, count)) => good(WHAT, format!("{count} sealed, and all can be opened")),
        Ok((broken, count)) => {
            let words = format!("{broken} of {count} cannot be opened with secrets/vault.key");
            missing(WHAT, words, MEND)
        }
        Err(error) => missing(WHAT, error.to_string(), error.hint()),
    }
}

/// For how long hosts accept what is published.
fn expiry(app: &App) -> Option<Examined> {
    const WHAT: &str = "signatures";
    match key::refusal(app) {
        Ok(None) => Some(good(
            WHAT,
            "hosts accept them for a year at least".to_owned(),
        )),
        Ok(Some((words, mend))) => Some(warning(WHAT, words, mend)),
        // What is wrong with keys or repository is said where those are looked at.
        Err(_) => None,
    }
}
