//! Where a source is: a folder of this machine, or a git repository's URL. Whatever holds a credential here prints without it.

use std::fmt;
use std::path::PathBuf;

use super::credential::{Secret, decode_percent};
use super::url_parts::{checked_host, checked_path, checked_user, split_port};

/// The most characters that a location may have.
const MAX_LENGTH: usize = 2048;

/// Who names a location. Only whoever sits at this machine may name its folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The local command line.
    CommandLine,
    /// Anybody else: a partner, a webhook, a `.gitmodules` file.
    Stranger,
}

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine, taken as it is.
    Folder(PathBuf),
    /// A git repository.
    Repository(RepositoryUrl),
}

/// A text that is no location. It never repeats the text, which may hold a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no location of a plugin: {rule}")]
pub struct LocationError {
    /// The rule that the text breaks, as a sentence without a final stop.
    pub rule: &'static str,
}

pub(super) fn breaks(rule: &'static str) -> LocationError {
    LocationError { rule }
}

/// The protocols that the farm fetches with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP over TLS.
    Https,
    /// SSH, to hosts with a pinned key.
    Ssh,
    /// Git's own protocol, which authenticates nobody.
    Git,
    /// A repository in a folder of this machine.
    File,
}

impl Scheme {
    /// The scheme as URLs, and git's settings, have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Ssh => "ssh",
            Self::Git => "git",
            Self::File => "file",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Https, Self::Ssh, Self::Git, Self::File]
            .into_iter()
            .find(|scheme| text.eq_ignore_ascii_case(scheme.word()))
    }
}

/// A git repository's URL. Displays, and debugs, without its credential.
#[derive(Clone, PartialEq, Eq)]
pub struct RepositoryUrl {
    pub(super) scheme: Scheme,
    pub(super) user: Option<String>,
    pub(super) secret: Option<Secret>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// Begins with a slash.
    pub(super) path: String,
}

impl Location {
    /// Reads what a person, or a file, names as a plugin's location: `https://…`, `ssh://…`, `user@host:path`, `git://…`;
    /// from the command line also a folder or a `file:///…` repository.
    ///
    /// # Errors
    ///
    /// A [`LocationError`] that says which rule the text breaks, and does not repeat the text.
    pub fn parse(text: &str, asker: Asker) -> Result<Self, LocationError> {
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(breaks("it must have 1 to 2048 characters"));
        }
        if text.starts_with('-') {
            return Err(breaks("it must not begin with a dash"));
        }
        if text.chars().any(char::is_control) {
            return Err(breaks("it must have no control characters"));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            if text.contains(['\\', ' ']) {
                return Err(breaks("a URL has no backslashes and no blanks"));
            }
            return RepositoryUrl::from_parts(scheme, rest, asker).map(Self::Repository);
        }
        if let Some(url) = RepositoryUrl::from_scp_form(text) {
            return url.map(Self::Repository);
        }
        if text.contains("::") {
            return Err(breaks("helpers such as `ext::` are never run"));
        }
        match asker {
            Asker::CommandLine => Ok(Self::Folder(PathBuf::from(text))),
            Asker::Stranger => Err(breaks("it must be an https, ssh or git URL")),
        }
    }
}

impl RepositoryUrl {
    fn from_parts(scheme: &str, rest: &str, asker: Asker) -> Result<Self, LocationError> {
        let scheme = match Scheme::parse(scheme) {
            Some(Scheme::File) if asker == Asker::Stranger => {
                return Err(breaks("it must be an https, ssh or git URL"));
            }
            Some(scheme) => scheme,
            None if scheme.eq_ignore_ascii_case("http") => {
                return Err(breaks("http is not encrypted; use https"));
            }
            None => return Err(breaks("its scheme must be https, ssh or git")),
        };
        let (authority, path) = rest
            .split_once('/')
            .ok_or_else(|| breaks("it must have a path after the host"))?;
        let (userinfo, place) = match authority.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place)?;
        if scheme == Scheme::File && !(authority.is_empty()) {
            return Err(breaks("a file URL has three slashes and no host"));
        }
        let mut url = Self {
            scheme,
            user: None,
            secret: None,
            host: match scheme {
                Scheme::File => String::new(),
                _ => checked_host(host)?,
            },
            port,
            path: checked_path(path)?,
        };
        if let Some(userinfo) = userinfo {
            url.take_userinfo(userinfo)?;
        }
        Ok(url)
    }

    /// `user@host:path`, git's short form of ssh.
    fn from_scp_form(text: &str) -> Option<Result<Self, LocationError>> {
        let (user_and_host, path) = text.split_once(':')?;
        let (user, host) = user_and_host.split_once('@')?;
        if user_and_host.contains('/') {
            return None;
        }
        // A path without a slash in front is relative to the user's home, which a URL says with `~`.
        let path = match path.strip_prefix('/') {
            Some(path) => path.to_owned(),
            None if path.is_empty() => String::new(),
            None => format!("~/{path}"),
        };
        let build = || {
            Ok(Self {
                scheme: Scheme::Ssh,
                user: Some(checked_user(user)?),
                secret: None,
                host: checked_host(host)?,
                port: None,
                path: checked_path(&path)?,
            })
        };
        Some(build())
    }

    fn take_userinfo(&mut self, userinfo: &str) -> Result<(), LocationError> {
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (userinfo, None),
        };
        match (self.scheme, password) {
            (Scheme::Https, _) => {
                let decode = |text| decode_percent(text).ok_or(breaks("its credential is no text"));
                let user = decode(user)?;
                let password = decode(password.unwrap_or_default())?;
                if user.contains(':') {
                    return Err(breaks("a user's name has no colon"));
                }
                self.secret = Some(Secret::new(format!("{user}:{password}")));
            }
            (Scheme::Ssh, None) => self.user = Some(checked_user(user)?),
            (Scheme::Ssh, Some(_)) => return Err(breaks("ssh takes a key, not a password")),
            (Scheme::Git | Scheme::File, _) => {
                return Err(breaks("its scheme knows no users; use https or ssh"));
            }
        }
        Ok(())
    }

    /// The protocol.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, a name or an address; empty for a file URL. An IPv6 address has no brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that is connected to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.scheme {
            Scheme::Https => 443,
            Scheme::Ssh => 22,
            Scheme::Git => 9418,
            Scheme::File => 0,
        })
    }

    /// The path, which begins with a slash.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// `user:password`, if the URL has it.
    pub(super) fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.word())?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

impl fmt::Debug for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepositoryUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn repository(text: &str) -> RepositoryUrl {
        match Location::parse(text, Asker::CommandLine) {
            Ok(Location::Repository(url)) => url,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_form_of_a_url_is_read() {
        for (text, written, port) in [
            (
                "https://github.com/acme/hello",
                "https://github.com/acme/hello",
                443,
            ),
            (
                "HTTPS://GitHub.com:8443/a/b.git/",
                "https://github.com:8443/a/b.git",
                8443,
            ),
            (
                "git@github.com:acme/hello.git",
                "ssh://git@github.com/~/acme/hello.git",
                22,
            ),
            ("git@host:/srv/x.git", "ssh://git@host/srv/x.git", 22),
            (
                "ssh://git@host:2222/srv/x.git",
                "ssh://git@host:2222/srv/x.git",
                2222,
            ),
            ("git://192.0.2.7/x", "git://192.0.2.7/x", 9418),
            (
                "https://[2001:db8::1]:444/x",
                "https://[2001:db8::1]:444/x",
                444,
            ),
            ("file:///srv/x/.git", "file:///srv/x/.git", 0),
        ] {
            let url = repository(text);
            assert_eq!(url.to_string(), written);
            assert_eq!(url.port(), port, "{text}");
            assert_eq!(repository(written), url, "it reads what it writes");
        }
    }

    #[test]
    fn anything_else_is_a_folder_for_whoever_sits_here() {
        for text in ["/srv/hello", "hello", "./a:b", "../x", "C:x"] {
            let folder = Location::Folder(PathBuf::from(text));
            assert_eq!(Location::parse(text, Asker::CommandLine), Ok(folder));
            assert!(Location::parse(text, Asker::Stranger).is_err(), "{text}");
        }
        assert!(Location::parse("file:///srv/x", Asker::Stranger).is_err());
    }

    #[test]
    fn what_git_could_misread_is_refused() {
        for text in [
            "",
            "-x",
            "--upload-pack=touch",
            "ext::sh -c id",
            "fd::17",
            "http://host/x",
            "ftp://host/x",
            "ssh://-oProxyCommand=id/x",
            "-oProxyCommand=id@host:x",
            "git@-oProxyCommand=id:x",
            "ssh://-x@host/y",
            "ssh://git:secret@host/x",
            "git://user@host/x",
            "https://host",
            "https:///x",
            "https://host/",
            "https://host/../x",
            "https://host/a/%2e%2e/b",
            "https://host/a%0ahost:x",
            "https://host/%00",
            "https://host/a b",
            "https://host/a?x=1",
            "https://host/a#b",
            "https://host/a//b",
            "https://ho st/x",
            "https://host:0/x",
            "https://host:70000/x",
            "https://host:+1/x",
            "https://host:x/y",
            "https://[::1/x",
            "https://[host]/x",
            "https://0x7f.1/x",
            "https://127.1/x",
            "https://2130706433/x",
            "https://1.2.3.4.5/x",
            "https://é.example/x",
            "https://host./x",
            "https://a..b/x",
            "https://.a/x",
            "https://host\\@evil/x",
            "https://host/x\ny",
            "file://host/x",
            "file://u@/x",
            "git@host:",
            "git@host:../x",
            "git@host:a\nb",
            "git@host:-x/../y",
        ] {
            assert!(
                Location::parse(text, Asker::CommandLine).is_err(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_credential_is_used_and_never_printed() {
        let url = repository("https://joe:hunt%40er2@git.example.org/x");
        assert_eq!(
            url.secret().map(Secret::basic).as_deref(),
            Some("am9lOmh1bnRAZXIy")
        );
        assert_eq!(url.to_string(), "https://git.example.org/x");
        assert_eq!(
            format!("{url:?}"),
            "RepositoryUrl(https://git.example.org/x)"
        );
        let token = repository("https://ghp_token@git.example.org/x");
        assert!(token.secret().is_some() && !format!("{token:?}{token}").contains("ghp"));
        let broken = Location::parse("https://joe:hunter2@bad host/x", Asker::Stranger);
        assert!(!format!("{broken:?} {}", broken.clone().unwrap_err()).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn a_url_reads_what_it_writes(text in "(https|ssh|git)://([a-z]{0,3}@)?[a-z0-9.:\\[\\]-]{1,12}/[a-z0-9/.%~_-]{1,12}") {
            if let Ok(Location::Repository(url)) = Location::parse(&text, Asker::Stranger) {
                let again = repository(&url.to_string());
                prop_assert_eq!(again.to_string(), url.to_string());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            if let Ok(Location::Repository(url)) = Location::parse(&text, Asker::Stranger) {
                prop_assert!(!url.to_string().contains(char::is_control));
            }
        }
    }
}
