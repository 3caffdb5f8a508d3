//! What a farm builds by itself, what opens its sources, and whom it tells.

use url::Url;

use super::{Client, ClientError};
use crate::http::Request;
use crate::model::PluginId;
use crate::wire::{
    Delivery, Hook, Letter, NewCredential, NewHook, NewPrivacy, NewSubscription, NewWatch,
    Subscription, Watch,
};

impl Client {
    fn source_at(&self, plugin: &PluginId, more: &[&str]) -> Url {
        let path = ["sources", plugin.namespace.as_str(), plugin.name.as_str()];
        self.at(&[&path, more].concat())
    }

    /// What of a source is built by itself.
    pub async fn watch(&self, plugin: &PluginId) -> Result<Watch, ClientError> {
        self.read(self.source_at(plugin, &["watch"])).await
    }

    /// Says what of a source is built by itself.
    pub async fn set_watch(
        &self,
        plugin: &PluginId,
        watch: &NewWatch,
    ) -> Result<Watch, ClientError> {
        let request = self.post(self.source_at(plugin, &["watch"]), watch)?.put();
        self.act(request, true).await
    }

    /// Lets nothing of a source be built by itself any more.
    pub async fn unwatch(&self, plugin: &PluginId) -> Result<(), ClientError> {
        let url = self.source_at(plugin, &["watch"]);
        self.order(Request::delete(url)).await
    }

    /// The hooks of a source.
    pub async fn hooks(&self, plugin: &PluginId) -> Result<Vec<Hook>, ClientError> {
        self.read(self.source_at(plugin, &["hooks"])).await
    }

    /// Adds a hook, whose secret is known once.
    pub async fn add_hook(&self, plugin: &PluginId, hook: &NewHook) -> Result<Hook, ClientError> {
        let request = self.post(self.source_at(plugin, &["hooks"]), hook)?;
        self.act(request, false).await
    }

    /// Removes a hook.
    pub async fn remove_hook(&self, plugin: &PluginId, id: &str) -> Result<(), ClientError> {
        let url = self.source_at(plugin, &["hooks", id]);
        self.order(Request::delete(url)).await
    }

    /// What came in by a hook, newest first.
    pub async fn deliveries(
        &self,
        plugin: &PluginId,
        id: &str,
    ) -> Result<Vec<Delivery>, ClientError> {
        let url = self.source_at(plugin, &["hooks", id, "deliveries"]);
        self.read(url).await
    }

    /// Has it decided once more about what came in.
    pub async fn replay(
        &self,
        plugin: &PluginId,
        id: &str,
        delivery: &str,
    ) -> Result<Delivery, ClientError> {
        let url = self.source_at(plugin, &["hooks", id, "deliveries", delivery, "replay"]);
        // What led to a build leads to no other one.
        self.act(Request::post(url, "application/json", ""), true)
            .await
    }

    /// Sets what opens a source's repository.
    pub async fn set_credential(
        &self,
        plugin: &PluginId,
        credential: &NewCredential,
    ) -> Result<(), ClientError> {
        let url = self.source_at(plugin, &["credential"]);
        self.order(self.post(url, credential)?.put()).await
    }

    /// Forgets what opens a source's repository.
    pub async fn remove_credential(&self, plugin: &PluginId) -> Result<(), ClientError> {
        let url = self.source_at(plugin, &["credential"]);
        self.order(Request::delete(url)).await
    }

    /// Says whether a source is shown to its partner and to auditors alone.
    pub async fn set_private(&self, plugin: &PluginId, private: bool) -> Result<(), ClientError> {
        let url = self.source_at(plugin, &["private"]);
        self.order(self.post(url, &NewPrivacy { private })?.put())
            .await
    }

    /// Who is told of outcomes.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, ClientError> {
        self.read(self.at(&["subscriptions"])).await
    }

    /// Has somebody told, whose secret, if there is one, is known once.
    pub async fn subscribe(&self, new: &NewSubscription) -> Result<Subscription, ClientError> {
        let request = self.post(self.at(&["subscriptions"]), new)?;
        self.act(request, false).await
    }

    /// Has somebody told no more.
    pub async fn unsubscribe(&self, id: &str) -> Result<(), ClientError> {
        let url = self.at(&["subscriptions", id]);
        self.order(Request::delete(url)).await
    }

    /// What somebody was, or is to be, told.
    pub async fn letters(&self, id: &str) -> Result<Vec<Letter>, ClientError> {
        self.read(self.at(&["subscriptions", id, "letters"])).await
    }
}
