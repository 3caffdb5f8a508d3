//! `plugfarm signer`: the process that holds the keys.

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::SignerArgs;
use crate::cli::output;
use crate::cli::usage::WrongUsage;
use crate::model::FailureCode;
use crate::sign::SignerServer;

/// What to do when the socket cannot be had.
const HINT: &str =
    "see that the folder of the socket is this user's, and that no other signer runs there";

pub(in crate::cli) fn run(app: &App, arguments: &SignerArgs) -> anyhow::Result<Answer> {
    let configured = &app.config.signer;
    let Some(socket) = arguments.socket.as_ref().or(configured.socket.as_ref()) else {
        let message =
            "there is no socket to listen at; name one with --socket, or in the configuration";
        return Err(WrongUsage(message.to_owned()).into());
    };
    SignerServer::harden()?;
    let users = [arguments.users.as_slice(), &configured.users].concat();
    let served = SignerServer::bind(app.keys()?, socket, &users).and_then(|server| {
        output::line(&format!("signing at {}", socket.display()));
        server.run()
    });
    let message = match served {
        Ok(never) => match never {},
        Err(error) => format!("cannot listen at {}: {error}", socket.display()),
    };
    Ok(Answer::failed(FailureCode::SignUnavailable, message, HINT))
}
