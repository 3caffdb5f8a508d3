//! Where a repository's URL leads on to: its submodules, and the redirects of its host. Credentials stay with their host.

use super::location::{Asker, Location, LocationError, RepositoryUrl, breaks};
use super::url_parts::checked_path;

impl RepositoryUrl {
    /// The same repository host, by which credentials may be shared and redirects followed.
    pub(super) fn has_origin_of(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.host == other.host && self.port() == other.port()
    }

    /// The URL that a `.gitmodules` of this repository means: relative to this one if it begins with `./` or `../`. The
    /// credential stays with its host.
    pub(super) fn submodule(&self, text: &str) -> Result<Self, LocationError> {
        let mut url = if text.starts_with("./") || text.starts_with("../") {
            self.relative(text)?
        } else {
            match Location::parse(text, Asker::Stranger)? {
                Location::Repository(url) => url,
                Location::Folder(_) => return Err(breaks("it must be a URL")),
            }
        };
        if url.secret.is_none() && url.has_origin_of(self) {
            url.secret = self.secret.clone();
        }
        Ok(url)
    }

    fn relative(&self, text: &str) -> Result<Self, LocationError> {
        let mut parts: Vec<&str> = self.path.trim_matches('/').split('/').collect();
        for part in text.split('/') {
            match part {
                "." | "" => {}
                ".." => {
                    parts
                        .pop()
                        .ok_or(breaks("it leads above the host's root"))?;
                }
                name => parts.push(name),
            }
        }
        Ok(Self {
            path: checked_path(&parts.join("/"))?,
            ..self.clone()
        })
    }

    /// Where the remote's `Location` header leads, if that is the same host: the URL to fetch from instead.
    pub(super) fn redirected(&self, location: &str) -> Option<Self> {
        let (base, _) = location.split_once("/info/refs")?;
        let moved = match base.strip_prefix('/') {
            Some(path) => Self {
                path: checked_path(path).ok()?,
                ..self.clone()
            },
            None => match Location::parse(base, Asker::Stranger).ok()? {
                Location::Repository(url) if url.secret.is_none() => Self {
                    secret: self.secret.clone(),
                    ..url
                },
                _ => return None,
            },
        };
        (moved.has_origin_of(self) && moved.path != self.path).then_some(moved)
    }
}

/// Whether `text`, which a forge calls a repository, is the one at `own`: the same host and the same path, but for `.git` at
/// its end, and for the letters' case, which no forge minds. Forges name one repository by https and by ssh.
#[must_use]
pub fn same_repository(own: &RepositoryUrl, text: &str) -> bool {
    // Whether it was named with or without TLS says nothing about which it is.
    let text = match text.strip_prefix("http://") {
        Some(rest) => format!("https://{rest}"),
        None => text.to_owned(),
    };
    let Ok(Location::Repository(other)) = Location::parse(&text, Asker::Stranger) else {
        return false;
    };
    let path = |url: &RepositoryUrl| {
        let path = url.path.to_ascii_lowercase();
        let path = path.strip_prefix("/~").unwrap_or(&path);
        path.strip_suffix(".git").unwrap_or(path).to_owned()
    };
    // Ports differ by protocol, and behind proxies.
    own.host == other.host && path(own) == path(&other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(text: &str) -> RepositoryUrl {
        match Location::parse(text, Asker::Stranger) {
            Ok(Location::Repository(url)) => url,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn submodules_are_found_beside_and_elsewhere() {
        let parent = repository("https://joe:pw@host/group/plugin.git");
        let said = |text: &str| parent.submodule(text).map(|url| url.to_string());
        assert_eq!(said("../lib.git").unwrap(), "https://host/group/lib.git");
        assert_eq!(said("./lib").unwrap(), "https://host/group/plugin.git/lib");
        assert_eq!(said("../../other/lib").unwrap(), "https://host/other/lib");
        assert_eq!(said("git@other:lib").unwrap(), "ssh://git@other/~/lib");
        for bad in [
            "../../../../x",
            "../..",
            "/srv/lib",
            "lib",
            "file:///etc",
            "ext::id",
            "-u",
            "http://host/x",
        ] {
            assert!(said(bad).is_err(), "{bad}");
        }
        let secret = |text: &str| parent.submodule(text).unwrap().secret().is_some();
        assert!(secret("../lib") && secret("https://host/x") && secret("https://HOST:443/x"));
        assert!(
            !secret("https://host:444/x") && !secret("https://evil/x") && !secret("ssh://host/x")
        );
    }

    #[test]
    fn a_repository_has_many_names() {
        let own = repository("https://forge.example.org/Acme/plugin.git");
        for same in [
            "https://forge.example.org/acme/plugin",
            "http://forge.example.org:3000/Acme/plugin.git",
            "git@forge.example.org:Acme/plugin.git",
            "ssh://git@forge.example.org:2222/Acme/plugin.git",
        ] {
            assert!(same_repository(&own, same), "{same}");
        }
        for other in [
            "https://forge.example.org/acme/plugin2",
            "https://forge.example.org/x/acme/plugin",
            "https://other.example.org/acme/plugin",
            "file:///acme/plugin",
            "",
        ] {
            assert!(!same_repository(&own, other), "{other}");
        }
    }

    #[test]
    fn redirects_stay_on_their_host() {
        let url = repository("https://joe:pw@host/old");
        let moved = |to: &str| url.redirected(to).map(|url| url.to_string());
        let query = "/info/refs?service=git-upload-pack";
        assert_eq!(
            moved(&format!("/new.git{query}")).as_deref(),
            Some("https://host/new.git")
        );
        assert_eq!(
            moved(&format!("https://host/new{query}")).as_deref(),
            Some("https://host/new")
        );
        assert!(
            url.redirected(&format!("https://host/new{query}"))
                .unwrap()
                .secret()
                .is_some()
        );
        for to in [
            "https://evil/old",
            "https://host:444/old",
            "http://host/old",
            "https://host/old",
            "https://u:p@host/new",
            "//evil/x",
            "file:///etc/passwd",
            "ssh://host/x",
            "https://169.254.169.254/x",
            "/../x",
        ] {
            assert_eq!(moved(&format!("{to}{query}")), None, "{to}");
        }
        assert_eq!(moved("https://host/login"), None);
    }
}
