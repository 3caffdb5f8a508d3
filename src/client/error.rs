//! Why the farm did not do what it was asked, in words that say what to do.

use url::Url;

use crate::http::{HttpError, Trouble};
use crate::model::{FailureCode, printable};
use crate::wire::Problem;

/// The most characters of what a farm says that are shown.
const SAID: usize = 2000;

/// The farm did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The farm's address is none.
    #[error("`{text}` is no farm's address: {reason}")]
    Address {
        /// What was named.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// This machine cannot ask anybody.
    #[error("this machine trusts no certificate authority")]
    Setup {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The farm did not answer.
    #[error("the farm does not answer: {source}")]
    Unanswered {
        /// Why.
        #[source]
        source: HttpError,
    },
    /// Something answered that is no farm.
    #[error("{url} answers {status}, but not as a farm does")]
    NoFarm {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The farm answered, and it cannot be understood.
    #[error("the farm's answer cannot be read: {reason}")]
    Answer {
        /// Why.
        reason: String,
    },
    /// The farm refused.
    #[error("the farm refuses: {}{}", problem.detail, in_words(*wait))]
    Refused {
        /// What it says.
        problem: Problem,
        /// How long it wants to be left alone, in seconds, if it says so.
        wait: Option<u64>,
        /// Whether a token was shown.
        token: bool,
    },
}

fn in_words(wait: Option<u64>) -> String {
    wait.map_or(String::new(), |seconds| {
        format!("; it wants to be left alone for {seconds} seconds")
    })
}

impl ClientError {
    /// What the farm says of a request that it refuses.
    pub(super) fn refused(problem: Problem, wait: Option<u64>, token: bool) -> Self {
        // A farm is somebody else's machine: nothing of it goes to a terminal as it came.
        let problem = Problem {
            title: printable(&problem.title, SAID),
            detail: printable(&problem.detail, SAID),
            hint: printable(&problem.hint, SAID),
            ..problem
        };
        Self::Refused {
            problem,
            wait,
            token,
        }
    }

    /// The HTTP status that the farm refused with.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { problem, .. } => Some(problem.status),
            Self::NoFarm { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The code that programs compare, and with it the blame.
    #[must_use]
    pub fn code(&self) -> FailureCode {
        match self {
            Self::Address { .. } | Self::NoFarm { .. } => FailureCode::Usage,
            Self::Refused { problem, .. } => match problem.status {
                429 | 500.. => FailureCode::FarmUnavailable,
                _ => FailureCode::Usage,
            },
            Self::Setup { .. } | Self::Unanswered { .. } | Self::Answer { .. } => {
                FailureCode::FarmUnavailable
            }
        }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        let words = match self {
            Self::Address { .. } => "name the farm as in https://farm.example.org",
            Self::NoFarm { .. } => {
                "check the address in --farm or PLUGFARM_FARM: it is the one below which /status is"
            }
            Self::Setup { .. } => {
                "install ca-certificates, or name a file of certificates with SSL_CERT_FILE"
            }
            Self::Unanswered { source } => match source.trouble {
                Trouble::Tls => {
                    "check the address; if the farm's certificate is by an authority of your own, name its file with SSL_CERT_FILE"
                }
                Trouble::Redirect => "name the address that it sends on to",
                _ => {
                    "check the address in --farm or PLUGFARM_FARM and your network; if both are right, the farm is down: try again later"
                }
            },
            Self::Answer { .. } => {
                "try again; if it stays, the farm's plugfarm and yours are too far apart"
            }
            Self::Refused { problem, token, .. } => match (problem.status, token) {
                (401, true) => {
                    "check that the token is this farm's and has not ended, or ask its operator for a new one"
                }
                (401, false) => {
                    "set PLUGFARM_TOKEN, or name a file that has the token with --token-file; the farm's operator makes tokens"
                }
                _ => return problem.hint.clone(),
            },
        };
        words.to_owned()
    }
}

/// A farm's address, ending with a slash.
pub(super) fn address(text: &str) -> Result<Url, ClientError> {
    let wrong = |reason| ClientError::Address {
        text: printable(text, 200),
        reason,
    };
    let url = Url::parse(text).map_err(|_| wrong("it is no URL"))?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err(wrong("it must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ClientError::Address {
            text: url.host_str().unwrap_or_default().to_owned(),
            reason: "a token is not part of it",
        });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has neither `?` nor `#`"));
    }
    let mut url = url;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_farms_address_is_a_folder_of_the_web() {
        let good = |text: &str| address(text).unwrap().to_string();
        assert_eq!(
            good("https://farm.example.org"),
            "https://farm.example.org/"
        );
        assert_eq!(
            good("http://10.0.0.1:8080/farm"),
            "http://10.0.0.1:8080/farm/"
        );
        let said = |text: &str| address(text).unwrap_err().to_string();
        insta::assert_snapshot!(said("farm.example.org"), @"`farm.example.org` is no farm's address: it is no URL");
        insta::assert_snapshot!(said("ftp://farm"), @"`ftp://farm` is no farm's address: it must begin with https:// or http://");
        insta::assert_snapshot!(said("https://farm/?a=b"), @"`https://farm/?a=b` is no farm's address: it has neither `?` nor `#`");
        assert!(!said("https://me:hunter2@farm/").contains("hunter2"));
    }

    #[test]
    fn nothing_of_a_farm_goes_to_a_terminal_as_it_came() {
        let problem = Problem {
            status: 403,
            title: "Forbidden".to_owned(),
            detail: "\u{1b}]0;owned\u{7}".to_owned(),
            hint: "\u{1b}[2J".to_owned(),
            retry_after: None,
        };
        let error = ClientError::refused(problem, None, true);
        let said = format!("{error}{}", error.hint());
        assert!(!said.chars().any(char::is_control), "{said:?}");
    }
}
