//! A package's life on a real host, told by dpkg: installed, upgraded, removed, purged, and everything that goes wrong in
//! between. Whatever happens, dpkg stays healthy.

use plugfarm::deb::scripts::{Hooks, ServiceCommands};

use crate::deb_fixture::{PACKAGE, Plugin, RULES, on_a_host};

/// A dialplan file, as the plugins that need a reload ship it.
const CONF: &str = "etc/asterisk/extensions_extra.d/hello.conf";

fn plugin(version: &'static str) -> Plugin {
    Plugin::new(version).file(CONF, 0o644, "one\n")
}

#[test]
fn a_plugin_is_installed_upgraded_removed_and_purged() {
    let packages = [
        ("one", plugin("1.0-0+deb12u1").package()),
        (
            "two",
            plugin("1.1-0+deb12u1")
                .file("usr/share/hello", 0o644, "x")
                .package(),
        ),
    ];
    on_a_host(
        &packages,
        r#"
conf=/etc/asterisk/extensions_extra.d/hello.conf
dpkg -i one.deb
healthy 'ii '
called "install in / reading ''"
[ -z "$(find /usr/lib/wazo-plugind $conf ! -uid 0)" ] || fail 'not all is root'"'"'s'

echo edited > $conf
dpkg -i two.deb
healthy 'ii '
called "install in / reading ''"
holds $conf edited

dpkg -r $package
healthy 'rc '
called "uninstall in / reading ''
postrm in / reading ''"
absent $conf
absent /usr/lib/wazo-plugind
absent /var/lib/plugfarm/rules/rules.hello.demo
holds /var/lib/plugfarm/removed/$package$conf edited
[ "$(stat -c %a /var/lib/plugfarm/removed)" = 700 ] || fail 'others may look into what is set aside'

dpkg -i two.deb
healthy 'ii '
holds $conf edited
absent /var/lib/plugfarm/removed/$package$conf

dpkg -r $package
calls
dpkg -P $package
healthy none
called ''
absent $conf
absent /var/lib/plugfarm
"#,
    );
}

#[test]
fn a_purge_in_one_go_leaves_nothing() {
    on_a_host(
        &[("one", plugin("1.0").package())],
        r#"
dpkg -i one.deb
dpkg -P $package
healthy none
absent /etc/asterisk/extensions_extra.d/hello.conf
absent /var/lib/plugfarm
absent /usr/lib/wazo-plugind
"#,
    );
}

#[test]
fn format_0_calls_no_postrm() {
    let package = plugin("1.0")
        .hooks(Hooks::Rules { postrm: false })
        .package();
    on_a_host(
        &[("one", package)],
        r#"
dpkg -i one.deb
calls
dpkg -r $package
healthy 'rc '
called "uninstall in / reading ''"
dpkg -P $package
healthy none
"#,
    );
}

#[test]
fn a_failed_install_is_mended_by_the_next_version_or_a_removal() {
    let broken = plugin("1.0")
        .rules("#!/bin/sh\n[ \"$1\" != install ]\n")
        .package();
    on_a_host(
        &[("broken", broken), ("mended", plugin("1.1").package())],
        r#"
if dpkg -i broken.deb; then fail 'the install did not fail'; fi
[ "$(state)" = 'iF ' ] || fail "$(state)"
dpkg -i mended.deb
healthy 'ii '
dpkg -P $package
healthy none

if dpkg -i broken.deb; then fail 'the install did not fail'; fi
if dpkg -i broken.deb; then fail 'the second install did not fail'; fi
dpkg -r $package
healthy 'rc '
dpkg -i mended.deb
healthy 'ii '
"#,
    );
}

#[test]
fn a_failed_uninstall_keeps_the_plugin_and_says_so() {
    let broken = plugin("1.0")
        .rules("#!/bin/sh\n[ \"$1\" != uninstall ]\n")
        .package();
    on_a_host(
        &[("broken", broken), ("mended", plugin("1.1").package())],
        r#"
dpkg -i broken.deb
if said=$(dpkg -r $package 2>&1); then fail 'the removal did not fail'; fi
says "$said" '`rules uninstall'"'"' failed with status 1'
[ "$(state)" = 'ri ' ] || fail "$(state)"
[ -z "$(dpkg --audit)" ] || fail 'dpkg is not healthy'
absent /var/lib/plugfarm/rules/rules.hello.demo
dpkg -i mended.deb
dpkg -r $package
healthy 'rc '
"#,
    );
}

#[test]
fn a_plugin_that_never_worked_can_be_removed() {
    let broken = plugin("1.0").rules("#!/bin/sh\nexit 3\n").package();
    on_a_host(
        &[("broken", broken)],
        r#"
if dpkg -i broken.deb; then fail 'the install did not fail'; fi
said=$(dpkg -r $package 2>&1)
says "$said" 'was never installed whole'
healthy 'rc '
dpkg -P $package
healthy none
absent /var/lib/plugfarm
"#,
    );
}

#[test]
fn a_failed_postrm_does_not_keep_the_plugin() {
    let broken = plugin("1.0")
        .rules("#!/bin/sh\n[ \"$1\" != postrm ]\n")
        .package();
    on_a_host(
        &[("broken", broken)],
        r#"
dpkg -i broken.deb
said=$(dpkg -r $package 2>&1)
says "$said" 'failed with status 1'
healthy 'rc '
dpkg -P $package
healthy none
"#,
    );
}

#[test]
fn the_hosts_wazo_must_be_in_the_range() {
    on_a_host(
        &[("one", plugin("1.0").wazo("24.9", "24.10").package())],
        r#"
for version in 24.8 23.10 24.11 25.01; do
    if said=$(WAZO_VERSION=$version dpkg -i one.deb 2>&1); then fail "$version was accepted"; fi
    says "$said" "this plugin needs Wazo 24."
    says "$said" "and this host has $version"
    healthy 'in '
done
for version in 24.9 24.09 24.10; do
    WAZO_VERSION=$version dpkg -i one.deb
    healthy 'ii '
    dpkg -P $package
done
mkdir -p /usr/share/wazo
echo 23.01 > /usr/share/wazo/WAZO-VERSION
if dpkg -i one.deb; then fail 'the file did not matter'; fi
healthy 'in '
echo 'no $(version)' > /usr/share/wazo/WAZO-VERSION
said=$(dpkg -i one.deb 2>&1)
says "$said" 'is not readable'
healthy 'ii '
dpkg -P $package
rm /usr/share/wazo/WAZO-VERSION
said=$(dpkg -i one.deb 2>&1)
says "$said" 'no Wazo on this host'
"#,
    );
}

#[test]
fn a_conffile_that_a_version_drops_does_not_stay_active() {
    let packages = [
        (
            "one",
            plugin("1.0")
                .file("etc/hello/with space.conf", 0o644, "x")
                .package(),
        ),
        (
            "two",
            Plugin::new("1.1")
                .file("etc/hello/other.conf", 0o644, "x")
                .package(),
        ),
        ("three", plugin("1.2").package()),
    ];
    on_a_host(
        &packages,
        r#"
dpkg -i one.deb
dpkg -i two.deb
healthy 'ii '
absent /etc/asterisk/extensions_extra.d/hello.conf
absent '/etc/hello/with space.conf'
dpkg -i three.deb
healthy 'ii '
holds /etc/asterisk/extensions_extra.d/hello.conf one
dpkg -P $package
healthy none
absent /var/lib/plugfarm
"#,
    );
}

#[test]
fn files_that_install_edits_are_no_conffiles() {
    let rules = "#!/bin/sh\ncase $1 in install) echo edited >> /etc/hello.conf ;; esac\n";
    let version = |version| {
        let plugin = plugin(version)
            .rules(rules)
            .file("etc/hello.conf", 0o644, "shipped\n");
        plugin.not_conffile("/etc/hello.conf").package()
    };
    on_a_host(
        &[("one", version("1.0")), ("two", version("1.1"))],
        r#"
dpkg -i one.deb
dpkg -i two.deb
healthy 'ii '
holds /etc/hello.conf 'shipped
edited'
dpkg -r $package
absent /etc/hello.conf
"#,
    );
}

#[test]
fn the_commands_of_the_old_layout_run_once_each_way() {
    let command = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let reload: Vec<String> = command(&["asterisk", "-x", "dialplan reload"]);
    let install = vec![reload.clone(), command(&["wazo-missing", "it's"])];
    let hooks = Hooks::Commands(ServiceCommands::new(install, vec![reload]).unwrap());
    on_a_host(
        &[("one", plugin("1.0").hooks(hooks).package())],
        r#"
conf=/etc/asterisk/extensions_extra.d/hello.conf
printf '#!/bin/sh\nif [ -e %s ]; then echo "with: $*"; else echo "without: $*"; fi >> /calls\n' $conf > /usr/bin/asterisk
chmod +x /usr/bin/asterisk
said=$(dpkg -i one.deb 2>&1)
says "$said" "\`wazo-missing it's' failed with status 127"
healthy 'ii '
called 'with: -x dialplan reload'
dpkg -r $package
healthy 'rc '
called 'without: -x dialplan reload'
dpkg -P $package
healthy none
called ''
"#,
    );
}

#[test]
fn a_package_that_disappears_is_no_error() {
    let one = Plugin::new("1.0").rules(RULES).package();
    on_a_host(
        &[("one", one)],
        r#"
dpkg -i one.deb
dpkg-deb -x one.deb other
mkdir other/DEBIAN
printf 'Package: other\nVersion: 1\nArchitecture: all\nReplaces: %s\nMaintainer: x <x@y>\nDescription: x\n' $package > other/DEBIAN/control
dpkg-deb --build other other.deb
dpkg -i other.deb
[ "$(state)" = none ] || [ "$(state)" = 'un ' ] || fail "$(state)"
[ -z "$(dpkg --audit)" ] || fail 'dpkg is not healthy'
"#,
    );
    assert_eq!(
        PACKAGE, "wazo-plugind-hello-demo",
        "the story's own name for the package"
    );
}
