//! What can be asked of a farm.

use super::ask::Ask;
use super::{Client, ClientError, Follower};
use crate::http::{Request, Response};
use crate::model::PluginId;
use crate::wire::{
    Binding, Build, Channel, Detailed, DetailedPlugin, Installation, Installations, Lock,
    Namespace, NewToken, Phased, Phasing, Plugin, Promoted, Promotion, Queue, Rollback, RolledBack,
    Secret, Source, Status, Submission, Submitted, Token, Waits, Withdrawal, Withdrawn,
};

/// How much one list may have; the farm has the last word.
const PAGE: &str = "200";

/// How much is listed all together.
const MOST: usize = 100_000;

/// Which builds are listed.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// Only this plugin's.
    pub plugin: Option<String>,
    /// Only in this state.
    pub state: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// Which lines of a log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines {
    /// Which attempt's; without it, the last one's.
    pub attempt: Option<u32>,
    /// The first, from 1.
    pub from: Option<u64>,
    /// The last.
    pub to: Option<u64>,
}

/// Every call has the errors of [`ClientError`].
impl Client {
    /// Submits a build. The same `key` means the same build, however often it is asked for.
    pub async fn submit(
        &self,
        submission: &Submission,
        key: &str,
    ) -> Result<Submitted, ClientError> {
        let request = self.post(self.at(&["builds"]), submission)?;
        self.act(request.with("idempotency-key", key), true).await
    }

    /// Builds, newest first.
    pub async fn builds(&self, listed: &Listed) -> Result<Vec<Build>, ClientError> {
        let mut url = self.at(&["builds"]);
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("limit", &listed.limit.to_string());
            for (name, value) in [("plugin", &listed.plugin), ("state", &listed.state)] {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
        }
        self.read(url).await
    }

    /// A build, with everything that is known of it.
    pub async fn build(&self, id: &str) -> Result<Detailed, ClientError> {
        self.read(self.at(&["builds", id])).await
    }

    /// Why a build waits.
    pub async fn why(&self, id: &str) -> Result<Waits, ClientError> {
        self.read(self.at(&["builds", id, "why"])).await
    }

    /// Stops a build.
    pub async fn cancel(&self, id: &str) -> Result<(), ClientError> {
        let url = self.at(&["builds", id, "cancel"]);
        self.order(Request::post(url, "application/json", "")).await
    }

    /// Tries a build again.
    pub async fn retry(&self, id: &str) -> Result<(), ClientError> {
        let url = self.at(&["builds", id, "retry"]);
        let request = Request::post(url, "application/json", "");
        let again = false;
        self.ask(Ask { request, again }).await.map(drop)
    }

    /// Lines of a build's log with their colours, as a text that comes piece by piece.
    pub async fn log(&self, id: &str, lines: Lines) -> Result<Response, ClientError> {
        let mut url = self.at(&["builds", id, "log"]);
        url.query_pairs_mut().append_pair("colours", "true");
        let numbers = [
            ("attempt", lines.attempt.map(u64::from)),
            ("from", lines.from),
            ("to", lines.to),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                url.query_pairs_mut().append_pair(name, &number.to_string());
            }
        }
        let request = Request::get(url);
        let again = true;
        self.ask(Ask { request, again }).await
    }

    /// A build's log as it grows, over all its attempts, to its end.
    #[must_use]
    pub fn follow(&self, id: &str) -> Follower {
        Follower::new(self.clone(), id)
    }

    /// Plugins, by name; those of `namespace` alone, if one is named.
    pub async fn plugins(&self, namespace: Option<&str>) -> Result<Vec<Plugin>, ClientError> {
        self.all("plugins", namespace, |one: &Plugin| one.plugin.clone())
            .await
    }

    /// Where plugins come from, by their names.
    pub async fn sources(&self, namespace: Option<&str>) -> Result<Vec<Source>, ClientError> {
        self.all("sources", namespace, |one: &Source| one.plugin.clone())
            .await
    }

    /// A list that comes in pieces.
    async fn all<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        namespace: Option<&str>,
        name: impl Fn(&T) -> String,
    ) -> Result<Vec<T>, ClientError> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let mut url = self.at(&[what]);
            {
                let mut query = url.query_pairs_mut();
                query.append_pair("limit", PAGE);
                if let Some(namespace) = namespace {
                    query.append_pair("namespace", namespace);
                }
                if let Some(last) = all.last() {
                    query.append_pair("after", &name(last));
                }
            }
            let found: Vec<T> = self.read(url).await?;
            let last = all.last().map(&name);
            match found.last().map(&name) {
                None => return Ok(all),
                // One that is no farm might never end.
                next if next == last || all.len() > MOST => {
                    let reason = format!("its list of {what} does not end");
                    return Err(ClientError::Answer { reason });
                }
                Some(_) => all.extend(found),
            }
        }
    }

    /// A plugin, with every version that was published of it.
    pub async fn plugin(&self, plugin: &PluginId) -> Result<DetailedPlugin, ClientError> {
        self.read(self.plugin_at(plugin, &[])).await
    }

    fn plugin_at(&self, plugin: &PluginId, verb: &[&str]) -> url::Url {
        let path = ["plugins", plugin.namespace.as_str(), plugin.name.as_str()];
        self.at(&[&path, verb].concat())
    }

    /// What hosts have told of a plugin's versions.
    pub async fn installations(
        &self,
        plugin: &PluginId,
    ) -> Result<Vec<Installations>, ClientError> {
        self.read(self.plugin_at(plugin, &["installations"])).await
    }

    /// Tells what became of an installation. Telling it twice is the same as telling it once.
    pub async fn tell(&self, installation: &Installation) -> Result<(), ClientError> {
        let request = self.post(self.at(&["installations"]), installation)?;
        self.order(request).await
    }

    /// How the farm is.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.read(self.at(&["status"])).await
    }

    /// The channels, in their order.
    pub async fn channels(&self) -> Result<Vec<Channel>, ClientError> {
        self.read(self.at(&["channels"])).await
    }

    /// What waits and what runs.
    pub async fn queue(&self) -> Result<Queue, ClientError> {
        self.read(self.at(&["queue"])).await
    }

    /// Lets no build begin.
    pub async fn lock_queue(&self, lock: &Lock) -> Result<(), ClientError> {
        let request = self.post(self.at(&["queue", "lock"]), lock)?;
        self.order(request).await
    }

    /// Lets builds begin again.
    pub async fn unlock_queue(&self) -> Result<(), ClientError> {
        let url = self.at(&["queue", "unlock"]);
        self.order(Request::post(url, "application/json", "")).await
    }

    /// Lets a version into the next channel.
    pub async fn promote(
        &self,
        plugin: &PluginId,
        promotion: &Promotion,
    ) -> Result<Vec<Promoted>, ClientError> {
        let request = self.post(self.plugin_at(plugin, &["promote"]), promotion)?;
        self.act(request, false).await
    }

    /// Limits who upgrades to a version by themselves.
    pub async fn phase(&self, plugin: &PluginId, phasing: &Phasing) -> Result<Phased, ClientError> {
        let request = self.post(self.plugin_at(plugin, &["phase"]), phasing)?;
        self.act(request, true).await
    }

    /// Takes a version away from hosts.
    pub async fn withdraw(
        &self,
        plugin: &PluginId,
        withdrawal: &Withdrawal,
    ) -> Result<Withdrawn, ClientError> {
        let request = self.post(self.plugin_at(plugin, &["withdraw"]), withdrawal)?;
        self.act(request, true).await
    }

    /// Brings an older version back above the highest.
    pub async fn roll_back(
        &self,
        plugin: &PluginId,
        rollback: &Rollback,
    ) -> Result<Vec<RolledBack>, ClientError> {
        let request = self.post(self.plugin_at(plugin, &["rollback"]), rollback)?;
        self.act(request, false).await
    }

    /// The namespaces, and whose they are.
    pub async fn namespaces(&self) -> Result<Vec<Namespace>, ClientError> {
        self.read(self.at(&["namespaces"])).await
    }

    /// Gives a namespace to a partner.
    pub async fn give_namespace(&self, namespace: &Namespace) -> Result<(), ClientError> {
        let request = self.post(self.at(&["namespaces"]), namespace)?;
        let given: Namespace = self.act(request, false).await?;
        drop(given);
        Ok(())
    }

    /// Binds a plugin to the repository that it comes from.
    pub async fn bind(&self, plugin: &PluginId, binding: &Binding) -> Result<Source, ClientError> {
        let path = ["sources", plugin.namespace.as_str(), plugin.name.as_str()];
        let request = self.post(self.at(&path), binding)?.put();
        self.act(request, true).await
    }

    /// The tokens that the caller may know of.
    pub async fn tokens(&self) -> Result<Vec<Token>, ClientError> {
        self.read(self.at(&["tokens"])).await
    }

    /// Makes a token.
    pub async fn create_token(&self, token: &NewToken) -> Result<Secret, ClientError> {
        let request = self.post(self.at(&["tokens"]), token)?;
        self.act(request, false).await
    }

    /// Ends a token now.
    pub async fn revoke_token(&self, id: &str) -> Result<(), ClientError> {
        self.order(Request::delete(self.at(&["tokens", id]))).await
    }
}
