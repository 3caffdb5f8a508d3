//! The shell functions and passages that the scripts are put together from. They name `$package`, `$state`, `$home`,
//! `$rules` and `$backup`, which a script defines when it names them.

/// Makes the folders of the plugin root's own, from the plugins' folder down: from the top, so that nobody can swap what
/// lies below.
pub(super) const OWN_HOME: &str = r#"
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
"#;

/// Whether root alone could have placed a file.
pub(super) const TRUSTED: &str = r#"
# Succeeds if $1 and all folders above it are root's, and nobody else may write to them.
trusted() {
    step=$1
    while [ -n "$step" ]; do
        [ -n "$(find "$step" -prune ! -type l -uid 0 ! -perm /022 2>/dev/null)" ] || return 1
        step=${step%/*}
    done
    [ -f "$1" ] && [ -x "$1" ]
}
"#;

/// Moves files out of the way of programs that read whole folders, and back.
pub(super) const ASIDE: &str = r#"
# Enters the folder of the file $1 itself: a folder that belongs to a service may have become a link elsewhere.
enter() {
    cd -P -- "${1%/*}" && [ "$(pwd -P)" = "${1%/*}" ] && return 0
    echo "$package: ${1%/*} is no folder of its own, so $1 is not moved; move it by hand" >&2
    return 1
}

# Moves the file $2 below the folder $1 of what is set aside.
set_aside() {
    [ -e "$2" ] || [ -L "$2" ] || return 0
    mkdir -p "$state"
    (umask 077 && mkdir -p "$state/$1/$package${2%/*}")
    (if enter "$2"; then mv -fT -- "./${2##*/}" "$state/$1/$package$2"; fi)
}
"#;

pub(super) const RESTORE: &str = r#"
# Moves the conffiles that are set aside in the folder $1 back, unless something is in their place.
restore() {
    conffiles | while IFS= read -r path; do
        aside=$state/$1/$package$path
        [ -e "$aside" ] || [ -L "$aside" ] || continue
        if [ -e "$path" ] || [ -L "$path" ]; then continue; fi
        mkdir -p "${path%/*}"
        (if enter "$path"; then mv -fT -- "$aside" "./${path##*/}"; fi)
    done
}
"#;

pub(super) const REPLACE: &str = r#"
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

pub(super) const RETIRE: &str = r#"
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

pub(super) const SET_CONFFILES_ASIDE: &str = r#"
# A file that the plugin put into a folder that a service reads must not stay active once the plugin is gone.
set_conffiles_aside() {
    conffiles | while IFS= read -r path; do
        set_aside removed "$path"
    done
}
"#;

/// Ends before the comparisons, which a script adds.
pub(super) const CHECK_WAZO: &str = r#"
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
            echo "$package: no Wazo on this host, so its version is not checked" >&2
            return 0
            ;;
        [!0-9]* | *[!0-9A-Za-z.+~-]*)
            echo "$package: this host's Wazo version is not readable, so it is not checked" >&2
            return 0
            ;;
    esac
"#;

pub(super) const RUN: &str = r#"
# A service that does not run here is no reason to fail.
run() {
    "$@" || echo "$package: \`$*' failed with status $?; run it by hand if this host needs it" >&2
}
"#;

pub(super) const INSTALL: &str = r#"if ! trusted "$rules"; then
    echo "$package: $rules is not root's alone, and is not run; install the package again" >&2
    exit 1
fi
"$rules" install"#;

/// dpkg knows which version was configured last; a plugin that never was is not kept by its own `uninstall`.
pub(super) const UNINSTALL: &str = r#"
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
"#;

pub(super) const REMOVE: &str = r#"if own_home && trusted "$rules"; then
    uninstall
else
    echo "$package: $rules is not root's alone; \`rules uninstall' is skipped" >&2
fi"#;

pub(super) const POSTRM: &str = r#"if trusted "$backup"; then
    run "$backup" postrm
elif [ -e "$backup" ]; then
    echo "$package: $backup is not root's alone; \`rules postrm' is skipped" >&2
fi"#;

/// Folders of the farm's own go when nothing is left in them.
pub(super) const TIDY: &str = r#"for folder in /removed /replaced /rules ''; do
    rmdir "$state$folder" 2>/dev/null || true
done"#;
