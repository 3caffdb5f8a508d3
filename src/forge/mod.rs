//! What forges send when somebody has pushed: who says so, which repository, which ref, which commit. Bytes in, values out.
//!
//! The formats are those of GitHub, GitLab, Gitea and Forgejo, and a plain one for whatever else can sign a request. What
//! the farm itself sends is signed in the same way as what it takes. What becomes of a push is decided above.

mod pattern;
mod push;
mod signature;

use std::fmt;
use std::str::FromStr;

use crate::model::InvalidValue;

pub use pattern::RefPattern;
pub use push::{News, Push, UnreadableNews, read};
pub use signature::{sign, verify};

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forge {
    /// GitHub: `X-Hub-Signature-256`, HMAC with SHA-256.
    Github,
    /// GitLab: the secret itself, in `X-Gitlab-Token`.
    Gitlab,
    /// Gitea and Forgejo: `X-Gitea-Signature` or `X-Forgejo-Signature`, HMAC with SHA-256.
    Gitea,
    /// Whoever else: `X-Hub-Signature-256`, and a body with `repository`, `ref` and `commit`.
    Plain,
}

impl Forge {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Github, Self::Gitlab, Self::Gitea, Self::Plain];

    /// Its word, as in the API and in the farm's state.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
            Self::Plain => "plain",
        }
    }
}

impl fmt::Display for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Forge {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must be github, gitlab, gitea (for Forgejo, too) or plain";
        let found = match text {
            "forgejo" => Some(Self::Gitea),
            text => Self::ALL.into_iter().find(|forge| forge.word() == text),
        };
        found.ok_or_else(|| InvalidValue::new("forge", text, RULE))
    }
}

/// Looks a header up by its name.
pub type Header<'a> = dyn Fn(&str) -> Option<String> + Send + Sync + 'a;

/// A request as it came: its headers by their names in lower case, and its body.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// Looks a header up.
    pub header: &'a Header<'a>,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

impl Incoming<'_> {
    /// The first of these headers that is there.
    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| (self.header)(name))
    }
}
