//! `plugfarm key`.

use std::path::Path;

use serde_json::json;

use crate::app::App;
use crate::cli::args::KeyCommand;
use crate::cli::{Exit, output};
use crate::sign::PublicKeys;

pub(in crate::cli) fn run(app: &App, command: &KeyCommand, json: bool) -> anyhow::Result<Exit> {
    let keys = app.keys()?;
    let public = keys.public();
    match command {
        KeyCommand::Show if json => output::json(&json!({
            "archive_fingerprint": public.archive_fingerprint,
            "statement_key_id": public.statement_key_id,
        }))?,
        KeyCommand::Show => {
            output::line(&format!("archive key    {}", public.archive_fingerprint));
            output::line(&format!("statement key  {}", public.statement_key_id));
        }
        KeyCommand::Export { folder } => export(app, public, folder)?,
    }
    Ok(Exit::Done)
}

fn export(app: &App, public: &PublicKeys, folder: &Path) -> anyhow::Result<()> {
    fs_err::create_dir_all(folder)?;
    let farm = &app.config.farm;
    let files: [(String, &[u8]); 3] = [
        (format!("plugfarm-{farm}.gpg"), &public.archive_keyring),
        (
            format!("plugfarm-{farm}.asc"),
            public.archive_armored.as_bytes(),
        ),
        (
            format!("plugfarm-{farm}-statement.pem"),
            public.statement_pem.as_bytes(),
        ),
    ];
    for (name, bytes) in files {
        let path = folder.join(name);
        fs_err::write(&path, bytes)?;
        output::line(&path.display().to_string());
    }
    Ok(())
}
