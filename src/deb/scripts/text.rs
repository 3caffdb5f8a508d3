//! The texts of the four scripts, put together from functions that each script needs.

use super::shell::{command, list_function, quote};
use super::{Hooks, PluginScripts};

/// What makes a path root's own, from the plugins' folder down. From the top, so that nobody can swap what lies below.
const OWN_HOME: &str = r#"
# dpkg keeps the owner that a directory has, and packages that hosts built gave them to a service user.
own_home() {
    for folder in /usr/lib/wazo-plugind /usr/lib/wazo-plugind/plugins "${home%/*}" "$home"; do
        if [ -L "$folder" ] || { [ -e "$folder" ] && [ ! -d "$folder" ]; }; then
            echo "$package: $folder is no directory; remove it and install again" >&2
            exit 1
        fi
        [ -d "$folder" ] || return 0
        make_roots "$folder" -prune
    done
    make_roots "$home" -xdev
}

make_roots() {
    find "$@" -type d ! -uid 0 -exec chown -h root:root {} \;
    find "$@" -type d -perm /022 -exec chmod go-w {} \;
}
"#;

/// Whether root alone could have placed a file.
const TRUSTED: &str = r#"
# Succeeds if $1 and all directories above it are root's, and nobody else may write to them.
trusted() {
    step=$1
    while [ -n "$step" ]; do
        [ -n "$(find "$step" -prune ! -type l -uid 0 ! -perm /022 2>/dev/null)" ] || return 1
        step=${step%/*}
    done
    [ -f "$1" ] && [ -x "$1" ]
}
"#;

/// Moves files out of the way of programs that read whole directories, and back.
const ASIDE: &str = r#"
# Moves the file $2 below the folder $1 of what is set aside.
set_aside() {
    [ -e "$2" ] || [ -L "$2" ] || return 0
    mkdir -p "$state"
    (umask 077 && mkdir -p "$state/$1/$package${2%/*}")
    mv -fT -- "$2" "$state/$1/$package$2"
}
"#;

const RESTORE: &str = r#"
# Moves the conffiles that are set aside in the folder $1 back, unless something is in their place.
restore() {
    conffiles | while IFS= read -r path; do
        aside=$state/$1/$package$path
        [ -e "$aside" ] || [ -L "$aside" ] || continue
        if [ -e "$path" ] || [ -L "$path" ]; then continue; fi
        mkdir -p "${path%/*}"
        mv -fT -- "$aside" "$path"
    done
}
"#;

const REPLACE: &str = r#"
# A package that a host built has plain files where this one has conffiles, and dpkg would ask which to keep. A file that
# is as it was shipped goes out of the way; one that was edited stays, and dpkg asks.
replace_plain_files() {
    sums=$(dpkg-query --control-path "$package" md5sums 2>/dev/null) || return 0
    [ -r "$sums" ] || return 0
    recorded=$(dpkg-query -W -f='${Conffiles}\n' "$package" 2>/dev/null) || recorded=
    conffiles | while IFS= read -r path; do
        if [ -L "$path" ] || [ ! -f "$path" ]; then continue; fi
        case $recorded in *" $path "*) continue ;; esac
        sum=$(md5sum <"$path")
        if grep -Fxq -e "${sum%% *}  ${path#/}" "$sums"; then
            set_aside replaced "$path"
        fi
    done
}
"#;

const RETIRE: &str = r#"
# A conffile that this version no longer has would stay active; dpkg calls it obsolete.
retire_conffiles() {
    dpkg-query -W -f='${Conffiles}\n' "$package" | while IFS= read -r line; do
        case $line in *' obsolete') ;; *) continue ;; esac
        line=${line% obsolete}
        line=${line% *}
        path=${line# }
        if [ "$(dpkg-query -S "$path" 2>/dev/null)" = "$package: $path" ]; then
            set_aside removed "$path"
        fi
    done
}
"#;

const WAZO_VERSION: &str = r#"
# The version of Wazo on this host, if there is one.
wazo_version() {
    if [ -n "${WAZO_VERSION:-}" ]; then
        printf '%s\n' "$WAZO_VERSION"
    elif [ -r /usr/share/wazo/WAZO-VERSION ]; then
        head -n 1 /usr/share/wazo/WAZO-VERSION
    fi
}

check_wazo() {
    found=$(wazo_version)
    case $found in
        '')
            echo "$package: no Wazo on this host, its version is not checked" >&2
            return 0
            ;;
        [!0-9]* | *[!0-9A-Za-z.+~-]*)
            echo "$package: this host's Wazo version is not readable and not checked" >&2
            return 0
            ;;
    esac
"#;

const RUN: &str = r#"
# A service that does not run here is no reason to fail.
run() {
    "$@" || echo "$package: \`$*' failed with status $?; run it by hand if this host needs it" >&2
}
"#;

/// What every script starts with; the variables are those that its functions name.
fn start(spec: &PluginScripts<'_>, variables: &[Variable]) -> String {
    let plugin = spec.plugin;
    let package = quote(&plugin.package());
    let mut text = format!(
        "#!/bin/sh\n# Written by plugfarm.\nset -e\nexec </dev/null\ncd /\n\n\
         package={package}\nstate=/var/lib/plugfarm\n"
    );
    for variable in variables {
        text.push_str(&match variable {
            Variable::Home => format!("home={}\n", quote(&format!("/{}", plugin.home()))),
            Variable::Rules => "rules=$home/wazo/rules\n".to_owned(),
            Variable::Backup => {
                let name = format!("rules.{}.{}", plugin.name, plugin.namespace);
                format!("backup=$state/rules/{}\n", quote(&name))
            }
        });
    }
    text
}

/// What the functions of a script may name besides the package and the farm's folder.
#[derive(Clone, Copy)]
enum Variable {
    Home,
    Rules,
    Backup,
}

fn conffiles(spec: &PluginScripts<'_>) -> String {
    format!("\n{}", list_function("conffiles", spec.conffiles))
}

/// A `case` over the word that dpkg says; an unknown word is no error.
fn cases(branches: &[(&str, Vec<String>)]) -> String {
    let mut text = "\ncase \"$1\" in\n".to_owned();
    for (words, lines) in branches.iter().filter(|(_, lines)| !lines.is_empty()) {
        text.push_str(&format!("    {words})\n"));
        for line in lines.iter().flat_map(|line| line.lines()) {
            text.push_str(&format!("        {line}\n"));
        }
        text.push_str("        ;;\n");
    }
    text.push_str("esac\n\nexit 0\n");
    text
}

fn lines(text: &[&str]) -> Vec<String> {
    text.iter().map(|line| (*line).to_owned()).collect()
}

pub(super) fn preinst(spec: &PluginScripts<'_>) -> String {
    let mut text = start(spec, &[Variable::Home]);
    let mut every = Vec::new();
    let mut upgrade = Vec::new();
    text.push_str(OWN_HOME);
    if let Some(check) = check_wazo(spec) {
        text.push_str(&check);
        every.push("check_wazo".to_owned());
    }
    every.push("own_home".to_owned());
    if !spec.conffiles.is_empty() {
        text.extend([&conffiles(spec), ASIDE, RESTORE, REPLACE]);
        every.push("restore removed".to_owned());
        upgrade = lines(&["if [ \"$1\" = upgrade ]; then replace_plain_files; fi"]);
    }
    every.extend(upgrade);
    text + &cases(&[("install | upgrade", every)])
}

/// The function that refuses a host whose Wazo is too old or too new.
fn check_wazo(spec: &PluginScripts<'_>) -> Option<String> {
    let ends = [
        (&spec.wazo.min, "lt", "or later"),
        (&spec.wazo.max, "gt", "or earlier"),
    ];
    let mut text = WAZO_VERSION.to_owned();
    for (end, relation, words) in ends {
        let Some(version) = end else { continue };
        let version = quote(version.as_str());
        text.push_str(&format!(
            "    if dpkg --compare-versions \"$found\" {relation} {version}; then\n        \
             echo \"$package: this plugin needs Wazo \"{version}\" {words}, and this host has $found\" >&2\n        \
             exit 1\n    fi\n"
        ));
    }
    text.push_str("}\n");
    (spec.wazo.min.is_some() || spec.wazo.max.is_some()).then_some(text)
}

pub(super) fn postinst(spec: &PluginScripts<'_>) -> String {
    let mut configure = lines(&[
        "own_home",
        "rm -rf -- \"$state/replaced/$package\"",
        "if [ -n \"${2:-}\" ]; then retire_conffiles; fi",
    ]);
    let mut text;
    match spec.hooks {
        Hooks::Rules { .. } => {
            text = start(spec, &[Variable::Home, Variable::Rules]);
            text.push_str(TRUSTED);
            configure.push(INSTALL.to_owned());
        }
        Hooks::Commands(commands) => {
            text = start(spec, &[Variable::Home]);
            text.push_str(RUN);
            configure.extend(run_all(commands.install()));
        }
    }
    text.extend([OWN_HOME, ASIDE, RETIRE]);
    text + &cases(&[("configure", configure)])
}

const INSTALL: &str = r#"if ! trusted "$rules"; then
    echo "$package: $rules is not root's alone, and is not run; install the package again" >&2
    exit 1
fi
"$rules" install"#;

fn run_all(commands: &[Vec<String>]) -> impl Iterator<Item = String> {
    commands
        .iter()
        .map(|words| format!("run {}", command(words)))
}

pub(super) fn prerm(spec: &PluginScripts<'_>) -> String {
    let Hooks::Rules { postrm } = spec.hooks else {
        return start(spec, &[]) + "\nexit 0\n";
    };
    let mut text;
    let mut remove = lines(&["own_home"]);
    if *postrm {
        text = start(spec, &[Variable::Home, Variable::Rules, Variable::Backup]);
        text.push_str(BACK_UP);
        remove.push(UNINSTALL_WITH_BACKUP.to_owned());
    } else {
        text = start(spec, &[Variable::Home, Variable::Rules]);
        remove.push(UNINSTALL.to_owned());
    }
    text.extend([OWN_HOME, TRUSTED, SKIPPED, FAILED]);
    text + &cases(&[("remove", remove)])
}

const BACK_UP: &str = r#"
# `rules postrm` runs once the plugin's files are gone, from a copy that is root's.
back_up() {
    mkdir -p "$state/rules"
    cp -f -- "$rules" "$backup"
    chmod 0755 "$backup"
}
"#;

const SKIPPED: &str = r#"
skipped() {
    echo "$package: $rules is not root's alone; \`rules uninstall' is skipped" >&2
}
"#;

const FAILED: &str = r#"
failed() {
    echo "$package: \`rules uninstall' failed with status $1, so the plugin stays; mend it and remove it again" >&2
    exit "$1"
}
"#;

const UNINSTALL: &str = r#"if trusted "$rules"; then
    "$rules" uninstall || failed $?
else
    skipped
fi"#;

const UNINSTALL_WITH_BACKUP: &str = r#"if trusted "$rules"; then
    back_up
    "$rules" uninstall || { status=$?; rm -f -- "$backup"; failed $status; }
else
    skipped
fi"#;

pub(super) fn postrm(spec: &PluginScripts<'_>) -> String {
    let mut remove = Vec::new();
    let mut abort_install = Vec::new();
    let mut abort_upgrade = Vec::new();
    let mut purge = lines(&["rm -rf -- \"$state/removed/$package\" \"$state/replaced/$package\""]);
    let mut functions = Vec::new();
    let list = conffiles(spec);
    if !spec.conffiles.is_empty() {
        functions.extend([list.as_str(), ASIDE, RESTORE, ASIDE_ALL]);
        remove.push("set_conffiles_aside".to_owned());
        abort_install.push("if [ -n \"${2:-}\" ]; then set_conffiles_aside; fi".to_owned());
        abort_upgrade.push("restore replaced".to_owned());
    }
    let mut variables = Vec::new();
    match spec.hooks {
        Hooks::Rules { postrm: true } => {
            variables.push(Variable::Backup);
            functions.extend([TRUSTED, RUN]);
            remove.push("if trusted \"$backup\"; then run \"$backup\" postrm; fi".to_owned());
            remove.push("rm -f -- \"$backup\"".to_owned());
            purge.push("rm -f -- \"$backup\"".to_owned());
        }
        Hooks::Rules { postrm: false } => {}
        Hooks::Commands(commands) => {
            functions.push(RUN);
            remove.extend(run_all(commands.uninstall()));
        }
    }
    purge.push(TIDY.to_owned());
    let mut text = start(spec, &variables);
    text.extend(functions);
    text + &cases(&[
        ("remove", remove),
        ("purge", purge),
        ("abort-install", abort_install),
        ("abort-upgrade", abort_upgrade),
    ])
}

const TIDY: &str = r#"for folder in /removed /replaced /rules ''; do
    rmdir "$state$folder" 2>/dev/null || true
done"#;

const ASIDE_ALL: &str = r#"
# A file that the plugin put into a directory that a service reads must not stay active once the plugin is gone.
set_conffiles_aside() {
    conffiles | while IFS= read -r path; do
        set_aside removed "$path"
    done
}
"#;
