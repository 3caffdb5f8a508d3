//! What single commands do: which paths they write, whether they need the network, root or git's history.

use crate::plugin::script::Command;

/// The absolute paths that `command` writes, apart from scratch folders and devices.
pub(super) fn absolute_outputs(command: &Command) -> Vec<&str> {
    let operands: Vec<_> = command.operands().collect();
    let has_option = |name: &str| command.arguments().iter().any(|word| word == name);
    let mut written: Vec<&str> = command.outputs.iter().map(String::as_str).collect();
    match command.name() {
        "install" if has_option("-d") => written.extend(operands),
        "cp" | "mv" | "ln" | "install" | "rsync" => written.extend(operands.last()),
        "mkdir" | "touch" | "tee" | "rm" | "chown" | "chmod" | "chgrp" => written.extend(operands),
        "tar" | "unzip" => written.extend(extraction_folder(command)),
        _ => {}
    }
    let is_outside = |path: &&str| {
        path.starts_with('/')
            && !["/tmp", "/var/tmp", "/dev"]
                .iter()
                .any(|scratch| is_at_or_below(path, scratch))
    };
    written.into_iter().filter(is_outside).collect()
}

fn extraction_folder(command: &Command) -> Option<&str> {
    let mut words = command
        .arguments()
        .iter()
        .skip_while(|word| !matches!(word.as_str(), "-C" | "--directory" | "-d"));
    words.nth(1).map(String::as_str)
}

/// Whether `path` is `folder`, or lies in it.
pub(super) fn is_at_or_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the command reads the history of the repository.
pub(super) fn reads_history(command: &Command) -> bool {
    const SUBCOMMANDS: &[&str] = &[
        "archive",
        "branch",
        "checkout",
        "describe",
        "diff",
        "log",
        "ls-files",
        "rev-list",
        "rev-parse",
        "shortlog",
        "show",
        "status",
        "tag",
    ];
    command.name() == "git"
        && command
            .operands()
            .next()
            .is_some_and(|word| SUBCOMMANDS.contains(&word))
}

/// Whether the command fetches something.
pub(super) fn uses_network(command: &Command) -> bool {
    let arguments = command.arguments();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let pip_fetches = || {
        (has("install") || has("download")) && !has("--no-index") && !has("--no-build-isolation")
    };
    match command.name() {
        "curl" | "wget" | "npm" | "yarn" | "npx" | "cargo" => true,
        "git" => ["clone", "fetch", "pull", "submodule"]
            .iter()
            .any(|word| has(word)),
        "go" => ["get", "mod", "install"].iter().any(|word| has(word)),
        "pip" | "pip3" => pip_fetches(),
        "python" | "python3" => has("-m") && has("pip") && pip_fetches(),
        _ => false,
    }
}

/// Whether the command wants to be root, or to change the system.
pub(super) fn needs_root(command: &Command) -> bool {
    match command.name() {
        "sudo" | "su" | "apt" | "apt-get" | "aptitude" | "systemctl" | "service" | "useradd"
        | "adduser" | "usermod" | "mount" | "sysctl" | "chroot" | "docker" => true,
        "dpkg" => command
            .arguments()
            .iter()
            .any(|word| matches!(word.as_str(), "-i" | "--install" | "-r" | "-P")),
        _ => false,
    }
}

/// Whether the command runs what it is given on its input.
pub(super) fn runs_input(command: &Command) -> bool {
    matches!(
        command.name(),
        "sh" | "bash" | "dash" | "zsh" | "python" | "python3" | "perl" | "sudo"
    )
}

/// Whether the command, in a script for `sh`, is bash's own.
pub(super) fn is_bashism(command: &Command) -> bool {
    matches!(
        command.name(),
        "[[" | "source"
            | "pushd"
            | "popd"
            | "declare"
            | "typeset"
            | "let"
            | "shopt"
            | "function"
            | "mapfile"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::script::commands;

    fn first(line: &str) -> Command {
        commands(line).into_iter().next().unwrap()
    }

    #[test]
    fn absolute_outputs_are_seen() {
        for (line, expected) in [
            ("cp -R etc /", vec!["/"]),
            ("cp /etc/a ${pkgdir}/etc/a", vec![]),
            ("install -d /opt/x", vec!["/opt/x"]),
            ("install -D -m 644 a ${pkgdir}/a", vec![]),
            ("tar xf a.tar -C /usr", vec!["/usr"]),
            ("echo x > /etc/y", vec!["/etc/y"]),
            ("echo x > /dev/null", vec![]),
            ("mkdir -p /tmp/x /tmpx", vec!["/tmpx"]),
        ] {
            assert_eq!(absolute_outputs(&first(line)), expected, "{line}");
        }
    }

    #[test]
    fn what_a_command_needs_is_seen() {
        assert!(
            reads_history(&first("git -C . describe --tags"))
                || reads_history(&first("git describe --tags"))
        );
        assert!(!reads_history(&first("git --version")));
        assert!(uses_network(&first("python3 -m pip install x")));
        assert!(!uses_network(&first("pip3 install --no-index x")));
        assert!(uses_network(&first("git clone x")));
        assert!(needs_root(&first("sudo make install")));
        assert!(needs_root(&first("dpkg -i x.deb")));
        assert!(!needs_root(&first("dpkg --print-architecture")));
        assert!(is_bashism(&first("[[ -f x ]] && y")));
    }
}
