//! What a request says: the event, and of a push its repository, its ref and its commit.

use serde::Deserialize;

use super::{Forge, Incoming};
use crate::model::{CommitId, Sha256, printable};

/// The most characters of what a forge calls a delivery, and an event.
const MAX_ID: usize = 100;

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The forge's own id of the delivery; without one, the digest of the body.
    pub delivery: String,
    /// The event, in the forge's word.
    pub event: String,
    /// Of a push, what was pushed; of anything else, nothing.
    pub push: Option<Push>,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The addresses of the repository, in each form that the forge gives.
    pub repository: Vec<String>,
    /// The full name of the ref.
    pub reference: String,
    /// The commit; none if the ref is gone.
    pub commit: Option<CommitId>,
}

/// A body that is none of its forge's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is none that {forge} sends: {reason}")]
pub struct UnreadableNews {
    /// The forge.
    pub forge: Forge,
    /// What is wrong with it.
    pub reason: String,
}

/// The fields of all forges that matter here. Whatever else they send is passed over.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    #[serde(rename = "ref")]
    reference: Option<String>,
    after: Option<String>,
    checkout_sha: Option<String>,
    commit: Option<String>,
    deleted: bool,
    head_commit: Option<Commit>,
    repository: Option<Repository>,
    project: Option<Addresses>,
}

#[derive(Deserialize)]
struct Commit {
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Repository {
    Url(String),
    Addresses(Addresses),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Addresses {
    clone_url: Option<String>,
    ssh_url: Option<String>,
    html_url: Option<String>,
    git_http_url: Option<String>,
    git_ssh_url: Option<String>,
    web_url: Option<String>,
}

impl Addresses {
    fn all(self) -> Vec<String> {
        let all = [
            self.clone_url,
            self.ssh_url,
            self.html_url,
            self.git_http_url,
            self.git_ssh_url,
            self.web_url,
        ];
        all.into_iter().flatten().collect()
    }
}

/// Reads a request whose signature was verified.
///
/// # Errors
///
/// [`UnreadableNews`].
pub fn read(forge: Forge, incoming: Incoming<'_>) -> Result<News, UnreadableNews> {
    let (id, event): (&[&str], &[&str]) = match forge {
        Forge::Github => (&["x-github-delivery"], &["x-github-event"]),
        Forge::Gitlab => (
            &["idempotency-key", "x-gitlab-event-uuid"],
            &["x-gitlab-event"],
        ),
        Forge::Gitea => (
            &["x-forgejo-delivery", "x-gitea-delivery"],
            &["x-forgejo-event", "x-gitea-event", "x-github-event"],
        ),
        Forge::Plain => (&["x-delivery"], &[]),
    };
    let plain = |id: &String| id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_graphic());
    let delivery = incoming.first(id).filter(|id| !id.is_empty() && plain(id));
    let event = incoming.first(event).unwrap_or_else(|| "push".to_owned());
    let pushes = ["push", "Push Hook", "Tag Push Hook"].contains(&event.as_str());
    let push = if pushes {
        Some(push(forge, incoming)?)
    } else {
        None
    };
    Ok(News {
        delivery: delivery.unwrap_or_else(|| Sha256::of(incoming.body).to_string()),
        event: printable(&event, MAX_ID),
        push,
    })
}

fn push(forge: Forge, incoming: Incoming<'_>) -> Result<Push, UnreadableNews> {
    let unreadable = |reason: String| UnreadableNews { forge, reason };
    let text =
        payload(incoming).ok_or_else(|| unreadable("it is no form with a payload".to_owned()))?;
    let body: Body =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    let reference = body
        .reference
        .ok_or_else(|| unreadable("it names no `ref`".to_owned()))?;
    let repository = match (body.project, body.repository) {
        (Some(project), _) if forge == Forge::Gitlab => project.all(),
        (_, Some(Repository::Url(url))) => vec![url],
        (_, Some(Repository::Addresses(addresses))) => addresses.all(),
        _ => Vec::new(),
    };
    // Of an annotated tag, `after` may be the tag's own object.
    let head = body.head_commit.and_then(|commit| commit.id);
    let named = head.or(body.checkout_sha).or(body.commit).or(body.after);
    let gone = |id: &String| body.deleted || id.bytes().all(|digit| digit == b'0');
    let commit = match named.filter(|id| !gone(id)) {
        Some(id) => Some(CommitId::new(&id).map_err(|error| unreadable(error.to_string()))?),
        None => None,
    };
    Ok(Push {
        repository,
        reference,
        commit,
    })
}

/// The JSON of a body, which GitHub may send as the field of a form.
fn payload(incoming: Incoming<'_>) -> Option<Vec<u8>> {
    let kind = (incoming.header)("content-type").unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Some(incoming.body.to_vec());
    }
    let mut fields = url::form_urlencoded::parse(incoming.body);
    let (_, value) = fields.find(|(name, _)| name == "payload")?;
    Some(value.into_owned().into_bytes())
}

#[cfg(test)]
mod tests;
