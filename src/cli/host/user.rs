//! Becoming the user that the agent is told to serve as.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, bail};
use rustix::process::geteuid;

use crate::host::accounts::Account;

/// Goes on as `user`: from root, this program is run once more without any right but theirs.
pub(super) fn become_user(user: &str) -> anyhow::Result<()> {
    let account = Account::find(user)?;
    let account = account.with_context(|| {
        format!("there is no user {user} in /etc/passwd; make it, or leave --user out")
    })?;
    let now = geteuid();
    if now.as_raw() == account.user {
        return Ok(());
    }
    if !now.is_root() {
        bail!("only root can serve as somebody else; start it as {user}, or leave --user out");
    }
    let program = std::env::current_exe().context("this program cannot be found again")?;
    let error = Command::new("/usr/bin/setpriv")
        .arg(format!("--reuid={}", account.user))
        .arg(format!("--regid={}", account.group))
        .args(["--init-groups", "--inh-caps=-all", "--no-new-privs", "--"])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(error).context("cannot run setpriv, of util-linux, to become another user")
}
