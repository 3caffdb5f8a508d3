//! A web server that has a repository: asked with limits, and never led to another host.

use std::io::Write;

use url::Url;

use super::ImportError;
use crate::http::{Client, HttpError, Reach};

/// A web server's folder.
#[derive(Debug)]
pub struct Server {
    /// It ends with a slash.
    url: Url,
    client: Client,
}

impl Server {
    pub(super) fn new(mut url: Url) -> Result<Self, ImportError> {
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        // Who imports sits at this machine.
        let client = Client::new(Reach::Anywhere).map_err(|error| ImportError::Fetch {
            url: url.to_string(),
            reason: format!("this machine trusts no certificate authority: {error}"),
        })?;
        Ok(Self { url, client })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// How a message names what is at `key`.
    pub(super) fn place(&self, key: &str) -> String {
        self.at(key).to_string()
    }

    fn at(&self, key: &str) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(key.split('/'));
        }
        url
    }

    /// Writes what is at `key` to `out`; gives whether there is anything.
    pub(super) async fn copy(
        &self,
        key: &str,
        limit: u64,
        out: &mut (dyn Write + Send),
    ) -> Result<bool, ImportError> {
        let url = self.at(key);
        let Some(mut answer) = self.client.get(&url).await? else {
            return Ok(false);
        };
        let mut received = 0_u64;
        while let Some(bytes) = answer.chunk().await? {
            received = received.saturating_add(bytes.len() as u64);
            if received > limit {
                return Err(ImportError::TooLarge {
                    place: url.to_string(),
                    limit,
                    what: "bytes",
                });
            }
            out.write_all(&bytes).map_err(|error| ImportError::Fetch {
                url: url.to_string(),
                reason: format!("it cannot be kept: {error}"),
            })?;
        }
        Ok(true)
    }
}

impl From<HttpError> for ImportError {
    fn from(error: HttpError) -> Self {
        Self::Fetch {
            url: error.url,
            reason: error.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_servers_folder_and_keeps_its_letters() {
        let server = Server::new(Url::parse("https://apt.example.org/debian").unwrap()).unwrap();
        assert_eq!(server.url().as_str(), "https://apt.example.org/debian/");
        assert_eq!(
            server.place("pool/a/a_1.0+x~rc1%2f?_all.deb"),
            "https://apt.example.org/debian/pool/a/a_1.0+x~rc1%252f%3F_all.deb"
        );
    }
}
