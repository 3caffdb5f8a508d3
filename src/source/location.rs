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

    /// Whether it says more than where the repository is: a secret.
    #[must_use]
    pub fn has_credential(&self) -> bool {
        self.secret.is_some()
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
mod tests;
