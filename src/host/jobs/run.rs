//! The agent and the bus together.

use tokio::task::JoinSet;

use super::agent::Agent;
use super::machine::Machine;
use super::{outbox, report};
use crate::bus::Bus;
use crate::sandbox::Canceller;

/// Works off jobs, and tells `bus` of them as coming from the Wazo that stands beside it, and the farm if it is to know, until somebody asks the agent to stop;
/// what happened last is told too, if the bus takes it soon.
pub async fn run<M: Machine>(agent: Agent<M>, bus: Option<(Bus, Option<String>)>) {
    let (canceller, stop) = Canceller::new();
    let jobs = agent.jobs.clone();
    // It ends with this one, whoever ends that.
    let mut telling = JoinSet::new();
    match bus {
        Some((bus, origin)) => {
            telling.spawn(outbox::tell(jobs.clone(), bus, origin, stop.clone()));
        }
        None => jobs.be_silent(),
    }
    if let (Some(farm), Some(_)) = (&agent.farm, agent.reporting) {
        telling.spawn(report::tell(jobs, farm.clone(), stop));
    }
    agent.run().await;
    canceller.cancel();
    while telling.join_next().await.is_some() {}
}
