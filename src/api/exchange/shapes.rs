//! From what is stored of the exchange with forges and partners to the shapes that the API promises.

use crate::store;
use crate::wire::{Delivery, Hook, Letter, Subscription, Watch};

impl From<store::Hook> for Hook {
    fn from(hook: store::Hook) -> Self {
        Self {
            path: format!("/hooks/{}", hook.id),
            id: hook.id,
            plugin: hook.plugin.to_string(),
            forge: hook.forge.to_string(),
            created_at: hook.created_at.rfc3339(),
            secret: None,
        }
    }
}

impl From<store::Delivery> for Delivery {
    fn from(delivery: store::Delivery) -> Self {
        Self {
            id: delivery.id,
            delivery: delivery.delivery,
            received_at: delivery.received_at.rfc3339(),
            event: delivery.event,
            reference: delivery.reference,
            commit: delivery.commit,
            verdict: delivery.verdict,
            reason: delivery.reason,
            build: delivery.build.map(|build| build.to_string()),
        }
    }
}

impl From<store::Watched> for Watch {
    fn from(found: store::Watched) -> Self {
        let asks = found.watch.lists != 0;
        Self {
            plugin: found.watch.plugin.to_string(),
            branches: found.watch.branches,
            tags: found.watch.tags,
            target: found.watch.target.to_string(),
            channel: found.watch.channel.to_string(),
            every: found.watch.lists,
            next_at: asks.then(|| found.next_at.rfc3339()),
            known: found.known,
            failures: found.failures,
            problem: found.problem,
        }
    }
}

impl From<store::Subscription> for Subscription {
    fn from(one: store::Subscription) -> Self {
        Self {
            id: one.id,
            partner: one.partner.to_string(),
            plugin: one.plugin.map(|plugin| plugin.to_string()),
            kind: one.kind,
            address: one.address,
            events: one.events,
            created_at: one.created_at.rfc3339(),
            secret: None,
        }
    }
}

impl From<store::Posted> for Letter {
    fn from(posted: store::Posted) -> Self {
        Self {
            id: posted.id,
            build: posted.build.to_string(),
            event: posted.event,
            state: posted.state,
            tries: posted.tries,
            problem: posted.problem,
            created_at: posted.created_at.rfc3339(),
        }
    }
}
