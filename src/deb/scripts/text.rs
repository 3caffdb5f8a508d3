//! The texts of the four scripts.

use super::functions::{
    ASIDE, CHECK_WAZO, INSTALL, OWN_HOME, POSTRM, REMOVE, REPLACE, RESTORE, RETIRE, RUN,
    SET_CONFFILES_ASIDE, TIDY, TRUSTED, UNINSTALL,
};
use super::shell::{command, list_function, quote};
use super::{Hooks, PluginScripts};

pub(super) fn preinst(spec: &PluginScripts<'_>) -> String {
    let mut script = Script::default();
    let mut lines = Vec::new();
    if let Some(check) = check_wazo(spec) {
        script.functions.push(check);
        lines.push("check_wazo");
    }
    script.add(&[OWN_HOME]);
    lines.push("own_home");
    if !spec.conffiles.is_empty() {
        script.functions.push(conffiles(spec));
        script.add(&[ASIDE, RESTORE, REPLACE]);
        lines.push("restore removed");
        lines.push("if [ \"$1\" = upgrade ]; then replace_plain_files; fi");
    }
    script.when("install | upgrade", &lines);
    script.text(spec)
}

pub(super) fn postinst(spec: &PluginScripts<'_>) -> String {
    let mut script = Script::default();
    script.add(&[OWN_HOME, ASIDE, RETIRE]);
    let mut lines = vec![
        "own_home",
        "rm -rf -- \"$state/replaced/$package\"",
        "if [ -n \"${2:-}\" ]; then retire_conffiles; fi",
    ];
    let commands;
    match spec.hooks {
        Hooks::Rules { .. } => {
            script.add(&[TRUSTED]);
            lines.push(INSTALL);
        }
        Hooks::Commands(recorded) => {
            script.add(&[RUN]);
            commands = run_all(recorded.install());
            lines.push(&commands);
        }
    }
    script.when("configure", &lines);
    script.text(spec)
}

pub(super) fn prerm(spec: &PluginScripts<'_>) -> String {
    let mut script = Script::default();
    if let Hooks::Rules { .. } = spec.hooks {
        script.add(&[OWN_HOME, TRUSTED, UNINSTALL]);
        script.when("remove", &[REMOVE]);
    }
    script.text(spec)
}

pub(super) fn postrm(spec: &PluginScripts<'_>) -> String {
    let mut script = Script::default();
    let mut remove = Vec::new();
    let mut purge = vec!["rm -rf -- \"$state/removed/$package\" \"$state/replaced/$package\""];
    if !spec.conffiles.is_empty() {
        script.functions.push(conffiles(spec));
        script.add(&[ASIDE, RESTORE, SET_CONFFILES_ASIDE]);
        remove.push("set_conffiles_aside");
        script.when(
            "abort-install",
            &["if [ -n \"${2:-}\" ]; then set_conffiles_aside; fi"],
        );
        script.when("abort-upgrade", &["restore replaced"]);
    }
    let commands;
    match spec.hooks {
        Hooks::Rules { postrm } => {
            if *postrm {
                script.add(&[TRUSTED, RUN]);
                remove.push(POSTRM);
            }
            remove.push("rm -f -- \"$backup\"");
            purge.push("rm -f -- \"$backup\"");
        }
        Hooks::Commands(recorded) => {
            script.add(&[RUN]);
            commands = run_all(recorded.uninstall());
            remove.push(&commands);
        }
    }
    purge.push(TIDY);
    script.when("remove", &remove);
    script.when("purge", &purge);
    script.text(spec)
}

fn conffiles(spec: &PluginScripts<'_>) -> String {
    format!("\n{}", list_function("conffiles", spec.conffiles))
}

fn run_all(commands: &[Vec<String>]) -> String {
    let lines: Vec<String> = commands
        .iter()
        .map(|words| format!("run {}", command(words)))
        .collect();
    lines.join("\n")
}

/// The function that refuses a host whose Wazo is too old or too new.
fn check_wazo(spec: &PluginScripts<'_>) -> Option<String> {
    let ends = [
        ("lowest", &spec.wazo.min, "lt", "or later"),
        ("highest", &spec.wazo.max, "gt", "or earlier"),
    ];
    let mut text = CHECK_WAZO.to_owned();
    for (name, end, relation, words) in ends {
        let Some(version) = end else { continue };
        text.push_str(&format!(
            "    {name}={}\n    if dpkg --compare-versions \"$found\" {relation} \"${name}\"; then\n        \
             echo \"$package: this plugin needs Wazo ${name} {words}, and this host has $found\" >&2\n        \
             exit 1\n    fi\n",
            quote(version.as_str())
        ));
    }
    text.push_str("}\n");
    (spec.wazo.min.is_some() || spec.wazo.max.is_some()).then_some(text)
}

/// A script that is being put together.
#[derive(Default)]
struct Script {
    functions: Vec<String>,
    cases: String,
}

impl Script {
    fn add(&mut self, functions: &[&str]) {
        self.functions
            .extend(functions.iter().map(|function| (*function).to_owned()));
    }

    /// What happens when dpkg says one of `words`. Whatever else it says is no error.
    fn when(&mut self, words: &str, passages: &[&str]) {
        self.cases.push_str(&format!("    {words})\n"));
        for line in passages.iter().flat_map(|passage| passage.lines()) {
            self.cases.push_str(&format!("        {line}\n"));
        }
        self.cases.push_str("        ;;\n");
    }

    /// The whole text: the variables that are named, the functions, the cases.
    fn text(self, spec: &PluginScripts<'_>) -> String {
        let mut body = self.functions.concat();
        if !self.cases.is_empty() {
            body.push_str(&format!("\ncase \"$1\" in\n{}esac\n", self.cases));
        }
        let variables = variables(spec, &body);
        format!(
            "#!/bin/sh\n# Written by plugfarm.\nset -e\nexec </dev/null\ncd /\n{variables}{body}\nexit 0\n"
        )
    }
}

/// The definitions of the variables that `body`, or one of the definitions, names.
fn variables(spec: &PluginScripts<'_>, body: &str) -> String {
    let plugin = spec.plugin;
    let backup = format!(
        "/var/lib/plugfarm/rules/rules.{}.{}",
        plugin.name, plugin.namespace
    );
    let all = [
        ("package", plugin.package()),
        ("state", "/var/lib/plugfarm".to_owned()),
        ("home", format!("/{}", plugin.home())),
        ("rules", format!("/{}/wazo/rules", plugin.home())),
        ("backup", backup),
    ];
    let named = all.into_iter().filter(|(name, _)| {
        body.contains(&format!("${name}")) || body.contains(&format!("${{{name}"))
    });
    let lines: String = named
        .map(|(name, value)| format!("{name}={}\n", quote(&value)))
        .collect();
    if lines.is_empty() {
        lines
    } else {
        format!("\n{lines}")
    }
}
