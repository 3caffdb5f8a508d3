//! `plugfarm key`.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::KeyCommand;
use crate::sign::PublicKeys;

pub(in crate::cli) fn run(app: &App, command: &KeyCommand) -> anyhow::Result<Answer> {
    let public = app.public_keys()?;
    match command {
        KeyCommand::Show => Ok(show(&public)),
        KeyCommand::Export { folder } => {
            let paths = export(app, &public, folder)?;
            Ok(Answer::done("the public keys are written")
                .with(json!({ "files": paths }))
                .saying(paths.iter().map(|path| path.display().to_string())))
        }
    }
}

fn show(public: &PublicKeys) -> Answer {
    let (archive, statement) = (&public.archive_fingerprint, &public.statement_key_id);
    Answer::done("these are the farm's keys")
        .with(json!({
            "archive_fingerprint": archive,
            "statement_key_id": statement,
        }))
        .saying([
            format!("archive key    {archive}"),
            format!("statement key  {statement}"),
        ])
}

fn export(app: &App, public: &PublicKeys, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
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
    let mut written = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        fs_err::write(&path, bytes)?;
        written.push(path);
    }
    Ok(written)
}
