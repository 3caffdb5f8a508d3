//! The texts of the scripts. What they do on a host is shown in `tests/it/deb_lifecycle.rs`.

use super::*;
use crate::model::{Namespace, PluginName};

fn plugin() -> PluginId {
    PluginId {
        namespace: Namespace::new("demo").unwrap(),
        name: PluginName::new("hello").unwrap(),
    }
}

fn scripts(conffiles: &[&str], wazo: &WazoVersions, hooks: &Hooks) -> ScriptSet {
    let conffiles: Vec<String> = conffiles.iter().map(|path| (*path).to_owned()).collect();
    for_plugin(&PluginScripts {
        plugin: &plugin(),
        conffiles: &conffiles,
        wazo,
        hooks,
    })
}

#[test]
fn a_plugin_that_needs_little_gets_short_scripts() {
    let hooks = Hooks::Rules { postrm: false };
    let set = scripts(&[], &WazoVersions::default(), &hooks);
    insta::assert_snapshot!(set.prerm.unwrap(), @r#"
    #!/bin/sh
    # Written by plugfarm.
    set -e
    exec </dev/null
    cd /

    package='wazo-plugind-hello-demo'
    state='/var/lib/plugfarm'
    home='/usr/lib/wazo-plugind/plugins/demo/hello'
    rules='/usr/lib/wazo-plugind/plugins/demo/hello/wazo/rules'
    backup='/var/lib/plugfarm/rules/rules.hello.demo'

    # dpkg keeps the owner that a folder has, and packages that hosts built gave them to a service user.
    own_home() {
        for folder in /usr/lib/wazo-plugind /usr/lib/wazo-plugind/plugins "${home%/*}" "$home"; do
            if [ -L "$folder" ] || { [ -e "$folder" ] && [ ! -d "$folder" ]; }; then
                echo "$package: $folder is no folder; remove it and try again" >&2
                return 1
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

    # Succeeds if $1 and all folders above it are root's, and nobody else may write to them.
    trusted() {
        step=$1
        while [ -n "$step" ]; do
            [ -n "$(find "$step" -prune ! -type l -uid 0 ! -perm /022 2>/dev/null)" ] || return 1
            step=${step%/*}
        done
        [ -f "$1" ] && [ -x "$1" ]
    }

    # Keeps a copy of the rules that is root's, for when the plugin's files are gone.
    uninstall() {
        mkdir -p "$state/rules"
        cp -f -- "$rules" "$backup"
        chmod 0755 "$backup"
        "$rules" uninstall || failed $?
    }

    failed() {
        if [ -n "$(dpkg-query -W -f='${Config-Version}' "$package")" ]; then
            rm -f -- "$backup"
            echo "$package: \`rules uninstall' failed with status $1, so the plugin stays; mend it and remove it again" >&2
            exit "$1"
        fi
        echo "$package: \`rules uninstall' failed with status $1; the plugin was never installed whole, and goes" >&2
    }

    case "$1" in
        remove)
            if own_home && trusted "$rules"; then
                uninstall
            else
                echo "$package: $rules is not root's alone; \`rules uninstall' is skipped" >&2
            fi
            ;;
    esac

    exit 0
    "#);
    insta::assert_snapshot!(set.postrm.unwrap(), @r#"
    #!/bin/sh
    # Written by plugfarm.
    set -e
    exec </dev/null
    cd /

    package='wazo-plugind-hello-demo'
    state='/var/lib/plugfarm'
    backup='/var/lib/plugfarm/rules/rules.hello.demo'

    case "$1" in
        remove)
            rm -f -- "$backup"
            ;;
        purge)
            rm -rf -- "$state/removed/$package" "$state/replaced/$package"
            rm -f -- "$backup"
            for folder in /removed /replaced /rules ''; do
                rmdir "$state$folder" 2>/dev/null || true
            done
            ;;
    esac

    exit 0
    "#);
}

#[test]
fn the_wazo_versions_are_compared_by_dpkg() {
    let wazo = WazoVersions {
        min: Some(DebianVersion::new("24.10").unwrap()),
        max: None,
    };
    let set = scripts(&[], &wazo, &Hooks::Rules { postrm: false });
    let preinst = set.preinst.unwrap();
    assert!(preinst.contains("lowest='24.10'\n"), "{preinst}");
    assert!(!preinst.contains(" gt "), "{preinst}");
}

#[test]
fn names_of_conffiles_are_data_and_no_code() {
    let path = "/etc/$(touch x)/it's `y` \\";
    let set = scripts(
        &[path],
        &WazoVersions::default(),
        &Hooks::Rules { postrm: true },
    );
    let list = format!("cat <<'END_OF_LIST'\n{path}\nEND_OF_LIST\n");
    assert!(set.preinst.unwrap().contains(&list));
    assert!(set.postrm.unwrap().contains(&list));
}

#[test]
fn recorded_commands_run_once_and_are_quoted() {
    let command = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let install = vec![command(&["asterisk", "-x", "dialplan 'reload'"])];
    let uninstall = vec![command(&["systemctl", "$(x)"])];
    let hooks = Hooks::Commands(ServiceCommands::new(install, uninstall).unwrap());
    let set = scripts(&[], &WazoVersions::default(), &hooks);
    assert!(
        set.postinst
            .unwrap()
            .contains("run 'asterisk' '-x' 'dialplan '\\''reload'\\'''\n")
    );
    assert!(set.postrm.unwrap().contains("run 'systemctl' '$(x)'\n"));
    assert_eq!(set.prerm.unwrap().lines().last(), Some("exit 0"));
}
