//! The agent and the bus together.

use tokio::task::JoinSet;

use super::agent::Agent;
use super::machine::Machine;
use super::outbox::tell;
use crate::bus::Bus;
use crate::sandbox::Canceller;

/// Works off jobs, and tells `bus` of them as coming from the Wazo that stands beside it, until somebody asks the agent to stop;
/// what happened last is told too, if the bus takes it soon.
pub async fn run<M: Machine>(agent: Agent<M>, bus: Option<(Bus, Option<String>)>) {
    let (canceller, stop) = Canceller::new();
    let jobs = agent.jobs.clone();
    // It ends with this one, whoever ends that.
    let mut telling = JoinSet::new();
    match bus {
        Some((bus, origin)) => drop(telling.spawn(tell(jobs, bus, origin, stop))),
        None => jobs.be_silent(),
    }
    agent.run().await;
    canceller.cancel();
    while telling.join_next().await.is_some() {}
}
