//! `plugfarm serve`.

use tokio::net::TcpListener;

use super::build::stop_signal;
use crate::app::{App, AppError};
use crate::cli::answer::Answer;
use crate::cli::args::ServeArgs;
use crate::cli::output;
use crate::sandbox::Canceller;

pub(in crate::cli) async fn run(app: &App, arguments: &ServeArgs) -> anyhow::Result<Answer> {
    let address = arguments.listen.unwrap_or(app.config.serve.listen);
    let listener = TcpListener::bind(address).await.map_err(AppError::listen)?;
    let address = listener.local_addr().map_err(AppError::listen)?;
    output::progress(&format!("serving at http://{address}"));
    let (canceller, stop) = Canceller::new();
    let asked = tokio::spawn(async move {
        if stop_signal().await.is_ok() {
            canceller.cancel();
        }
    });
    let served = app.serve(listener, stop).await;
    asked.abort();
    served?;
    Ok(Answer::done(
        "the farm has stopped; what ran goes on when it starts again",
    ))
}
