//! What comes in by hooks.

use super::submit::means;
use super::{WatchError, Watching};
use crate::forge::{self, Forge, Incoming, Push};
use crate::model::{CommitId, PluginId, Timestamp};
use crate::secrets::draw;
use crate::source::{Asker, Location, RequestedRef, same_repository};
use crate::store::{Delivery, Hook};

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// It is not signed with the hook's secret.
    Refused,
    /// It is signed, and makes no sense; why.
    Unreadable(String),
    /// It is known, and this became of it. Whether it is new, or was known before.
    Known(Box<Delivery>, bool),
}

impl Watching {
    /// Adds a hook, and gives the secret, which is known to nobody again.
    ///
    /// # Errors
    ///
    /// [`WatchError`].
    pub async fn add_hook(
        &self,
        plugin: &PluginId,
        forge: Forge,
        actor: &str,
        now: Timestamp,
    ) -> Result<(Hook, String), WatchError> {
        let (id, secret) = (uuid::Uuid::new_v4().to_string(), draw("hook"));
        let sealed = self.secrets.seal(&id, &secret)?;
        let hook = Hook {
            id,
            plugin: plugin.clone(),
            forge,
            sealed,
            created_at: now,
        };
        self.store.add_hook(&hook, actor).await?;
        Ok((hook, secret))
    }

    /// Takes a request that came in by a hook.
    ///
    /// # Errors
    ///
    /// [`WatchError`].
    pub async fn receive(
        &self,
        hook: &Hook,
        incoming: Incoming<'_>,
        now: Timestamp,
    ) -> Result<Received, WatchError> {
        let secret = self.secrets.open(&hook.id, &hook.sealed)?;
        let mut delivery = Delivery {
            id: uuid::Uuid::now_v7().to_string(),
            delivery: String::new(),
            received_at: now,
            event: String::new(),
            reference: None,
            commit: None,
            verdict: "refused".to_owned(),
            reason: "it is not signed with the hook's secret".to_owned(),
            build: None,
        };
        if !forge::verify(hook.forge, incoming, &secret) {
            // What it calls itself is nobody's word: it must not stand in the way of what is signed.
            delivery.delivery.clone_from(&delivery.id);
            self.store.add_delivery(&hook.id, &delivery).await?;
            return Ok(Received::Refused);
        }
        let news = match forge::read(hook.forge, incoming) {
            Ok(news) => news,
            Err(error) => return Ok(Received::Unreadable(error.to_string())),
        };
        delivery.delivery = news.delivery;
        delivery.event = news.event;
        "received".clone_into(&mut delivery.verdict);
        delivery.reason = "it is no push".to_owned();
        if let Some(push) = news.push {
            self.describe(&mut delivery, hook, push).await?;
        }
        let known = self.store.add_delivery(&hook.id, &delivery).await?;
        if known.verdict != "received" {
            return Ok(Received::Known(Box::new(known), false));
        }
        let concluded = self.conclude(hook, known, now).await?;
        Ok(Received::Known(Box::new(concluded), true))
    }

    /// Notes what was pushed, if that was to the hook's own repository.
    async fn describe(
        &self,
        delivery: &mut Delivery,
        hook: &Hook,
        push: Push,
    ) -> Result<(), WatchError> {
        let bound = self.store.bound_source(&hook.plugin).await?;
        let own =
            bound.and_then(
                |bound| match Location::parse(&bound.source.url, Asker::Stranger) {
                    Ok(Location::Repository(url)) => Some(url),
                    _ => None,
                },
            );
        let same = |text: &String| own.as_ref().is_some_and(|own| same_repository(own, text));
        if !push.repository.iter().any(same) {
            delivery.reason = format!(
                "it is about another repository than the one that {} comes from",
                hook.plugin
            );
            return Ok(());
        }
        if RequestedRef::new(&push.reference).is_err() {
            "its ref is the name of none".clone_into(&mut delivery.reason);
            return Ok(());
        }
        delivery.commit = push.commit.map(|commit| commit.to_string());
        if delivery.commit.is_none() {
            delivery.reason = format!("{} is gone", push.reference);
        }
        delivery.reference = Some(push.reference);
        Ok(())
    }

    /// Decides once more about a delivery that led to no build.
    ///
    /// # Errors
    ///
    /// [`WatchError`].
    pub async fn replay(
        &self,
        hook: &Hook,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Delivery>, WatchError> {
        let mut known = self.store.deliveries(&hook.id).await?.into_iter();
        let Some(delivery) = known.find(|one| one.id == id) else {
            return Ok(None);
        };
        if delivery.build.is_some() || delivery.verdict == "refused" {
            return Ok(Some(delivery));
        }
        self.conclude(hook, delivery, now).await.map(Some)
    }

    /// Decides about a delivery, does it, and notes it.
    async fn conclude(
        &self,
        hook: &Hook,
        mut delivery: Delivery,
        now: Timestamp,
    ) -> Result<Delivery, WatchError> {
        let (verdict, reason) = self.decide(hook, &mut delivery, now).await?;
        let build = delivery.build.as_ref();
        self.store
            .end_delivery(&delivery.id, verdict, &reason, build)
            .await?;
        verdict.clone_into(&mut delivery.verdict);
        delivery.reason = reason;
        Ok(delivery)
    }

    async fn decide(
        &self,
        hook: &Hook,
        delivery: &mut Delivery,
        now: Timestamp,
    ) -> Result<(&'static str, String), WatchError> {
        let plugin = &hook.plugin;
        let commit = delivery.commit.as_deref().map(CommitId::new);
        let (Some(reference), Some(Ok(commit))) = (&delivery.reference, commit) else {
            return Ok(("ignored", delivery.reason.clone()));
        };
        let Some(watched) = self.store.watch(plugin).await? else {
            let words = format!(
                "nothing of {plugin} is built by itself; say what is with `plugfarm source watch`"
            );
            return Ok(("ignored", words));
        };
        if !means(&watched.watch, reference) {
            let words = format!("no pattern of what is built by itself means {reference}");
            return Ok(("ignored", words));
        }
        let Some(bound) = self.store.bound_source(plugin).await? else {
            return Ok(("ignored", format!("{plugin} comes from nowhere")));
        };
        let actor = format!("hook:{}", hook.id);
        let pushed = (reference.as_str(), &commit);
        match self
            .submit(&watched.watch, &bound, pushed, &actor, now)
            .await
        {
            Ok(submitted) => {
                let words = match submitted.fresh {
                    true => format!("{reference} is built at {commit}"),
                    false => format!("{reference} at {commit} was heard of before"),
                };
                delivery.build = Some(submitted.build);
                Ok(("built", words))
            }
            Err(error) => Ok(("failed", format!("{error}; {}", error.hint()))),
        }
    }
}
