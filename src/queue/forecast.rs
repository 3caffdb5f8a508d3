//! When what waits is expected to run, and why it waits until then: what runs next is decided on and on, as if each attempt
//! took as long as such attempts did lately.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

use super::decide::{Limits, Queues, Shares};
use super::durations::Durations;
use crate::model::{Actor, BuildId, PluginId, Timestamp};
use crate::store::{QueueView, Took, Waiting};

/// How many builds are looked at. What is behind them is told that it is.
const PLANNED: usize = 5_000;

/// Why a build does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is next.
    Next,
    /// Nothing begins: the reason is given.
    Locked(String),
    /// Its last attempt failed by no fault of the plugin; the next one is not before this time.
    Backoff(Timestamp),
    /// Its partner has as many running builds as may run at once.
    Cap(u32),
    /// Another build of the same plugin runs.
    SamePlugin(BuildId),
    /// Others are before it.
    Behind,
}

/// How a build waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Why.
    pub why: Why,
    /// How many builds are expected to begin before it; none if that cannot be told.
    pub ahead: Option<usize>,
    /// When it is expected to begin: an estimate from how long such attempts took lately.
    pub start: Option<Timestamp>,
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.why {
            Why::Next => f.write_str("it is next, as soon as a worker is free")?,
            Why::Locked(reason) => return write!(f, "the queue is locked: {reason}"),
            Why::Backoff(time) => write!(
                f,
                "its last attempt failed by no fault of the plugin; it is tried again at {time}"
            )?,
            Why::Cap(cap) => write!(
                f,
                "{cap} of the partner's builds run, and no more may at once"
            )?,
            Why::SamePlugin(build) => write!(
                f,
                "build {build} of the same plugin runs; one does at a time"
            )?,
            Why::Behind => {}
        }
        let after = if self.why == Why::Behind { "" } else { "; " };
        match self.ahead {
            None => write!(f, "{after}more than {PLANNED} builds are before it")?,
            Some(0) => {}
            Some(1) => write!(f, "{after}1 build is before it")?,
            Some(count) => write!(f, "{after}{count} builds are before it")?,
        }
        match self.start {
            Some(time) => write!(
                f,
                "; by how long builds took lately, it begins at about {time}"
            ),
            None => Ok(()),
        }
    }
}

/// How everything waits.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    /// What waits, in the order in which it is expected to begin.
    pub order: Vec<BuildId>,
    waits: HashMap<BuildId, Wait>,
}

impl Forecast {
    /// How each build of `view` waits, if attempts take as long as those of `took` did.
    #[must_use]
    pub fn new(view: &QueueView, took: &[Took], limits: Limits, now: Timestamp) -> Self {
        let durations = Durations::new(took);
        let obstacles = Obstacles::new(view, now);
        let starts = Simulation::new(view, &durations, limits, now).run();
        let mut forecast = Self::default();
        for (ahead, (build, start)) in starts.into_iter().enumerate() {
            forecast.order.push(build.clone());
            let start = (view.locked.is_none() && durations.is_known()).then_some(start);
            let ahead = Some(ahead);
            // The reason is found below.
            let why = Why::Behind;
            forecast
                .waits
                .insert(build.clone(), Wait { why, ahead, start });
        }
        for waiting in &view.waiting {
            let wait = forecast.waits.entry(waiting.build.clone()).or_insert(Wait {
                why: Why::Behind,
                ahead: None,
                start: None,
            });
            wait.why = match obstacles.of(waiting) {
                Some(obstacle) => obstacle,
                None if wait.ahead == Some(0) => Why::Next,
                None => Why::Behind,
            };
        }
        forecast
    }

    /// How a build waits; `None` if it does not.
    #[must_use]
    pub fn of(&self, build: &BuildId) -> Option<&Wait> {
        self.waits.get(build)
    }
}

/// What keeps builds from being begun right now.
struct Obstacles<'a> {
    shares: Shares<'a>,
    locked: Option<&'a String>,
    plugins: HashMap<&'a PluginId, &'a BuildId>,
    running: HashMap<&'a Actor, u32>,
    now: Timestamp,
}

impl<'a> Obstacles<'a> {
    fn new(view: &'a QueueView, now: Timestamp) -> Self {
        let mut running = HashMap::new();
        for one in &view.running {
            *running.entry(&one.partner).or_default() += 1;
        }
        let plugins = view.running.iter();
        Self {
            shares: Shares::new(view, now),
            locked: view.locked.as_ref(),
            plugins: plugins.map(|one| (&one.plugin, &one.build)).collect(),
            running,
            now,
        }
    }

    fn of(&self, waiting: &Waiting) -> Option<Why> {
        let running = self.running.get(&waiting.partner).copied().unwrap_or(0);
        let cap = self.shares.cap(&waiting.partner);
        if let Some(reason) = self.locked {
            Some(Why::Locked(reason.clone()))
        } else if waiting.not_before > self.now {
            Some(Why::Backoff(waiting.not_before))
        } else if let Some(build) = self.plugins.get(&waiting.plugin) {
            // Two at once would race for the plugin's next version.
            Some(Why::SamePlugin((*build).clone()))
        } else {
            (running >= cap).then_some(Why::Cap(cap))
        }
    }
}

/// The farm as it is expected to go on.
struct Simulation<'a> {
    shares: Shares<'a>,
    durations: &'a Durations<'a>,
    workers: usize,
    now: Timestamp,
    ready: Queues<'a>,
    /// What may not begin yet.
    later: BTreeMap<Timestamp, Vec<&'a Waiting>>,
    /// What waits for another build of its plugin. Whose plugin is here, one of its builds runs.
    held: HashMap<&'a PluginId, VecDeque<&'a Waiting>>,
    /// When what runs is expected to end; of what ends at once, what began first is first.
    ends: BinaryHeap<Reverse<(Timestamp, usize, &'a Actor, &'a PluginId)>>,
    begun: usize,
    running: HashMap<&'a Actor, u32>,
}

impl<'a> Simulation<'a> {
    fn new(
        view: &'a QueueView,
        durations: &'a Durations<'a>,
        limits: Limits,
        now: Timestamp,
    ) -> Self {
        let mut simulation = Self {
            shares: Shares::new(view, now),
            durations,
            workers: limits.workers.max(1),
            now,
            ready: Queues::default(),
            later: BTreeMap::new(),
            held: HashMap::new(),
            ends: BinaryHeap::new(),
            begun: 0,
            running: HashMap::new(),
        };
        for one in &view.running {
            simulation.begin(one.started_at, &one.partner, &one.plugin);
        }
        for one in &view.waiting {
            if one.not_before > now {
                simulation
                    .later
                    .entry(one.not_before)
                    .or_default()
                    .push(one);
            } else {
                simulation.ready.push(one);
            }
        }
        simulation
    }

    /// What begins, in this order, and when.
    fn run(mut self) -> Vec<(&'a BuildId, Timestamp)> {
        let mut starts = Vec::new();
        while starts.len() < PLANNED {
            self.wake();
            match self.next() {
                Some(one) => {
                    starts.push((&one.build, self.now));
                    self.shares.begin(one.priority, &one.partner);
                    self.begin(self.now, &one.partner, &one.plugin);
                }
                None if self.pass() => {}
                None => break,
            }
        }
        starts
    }

    fn begin(&mut self, at: Timestamp, partner: &'a Actor, plugin: &'a PluginId) {
        let end = after(at, self.durations.of(plugin)).max(after(self.now, 1));
        *self.running.entry(partner).or_default() += 1;
        self.held.entry(plugin).or_default();
        self.begun += 1;
        self.ends.push(Reverse((end, self.begun, partner, plugin)));
    }

    /// Makes ready what may begin by now.
    fn wake(&mut self) {
        while let Some(first) = self.later.first_entry()
            && *first.key() <= self.now
        {
            first
                .remove()
                .into_iter()
                .for_each(|one| self.ready.push(one));
        }
    }

    fn next(&mut self) -> Option<&'a Waiting> {
        if self.ends.len() >= self.workers {
            return None;
        }
        loop {
            let (shares, running) = (&self.shares, &self.running);
            let may =
                |partner: &Actor| running.get(partner).copied().unwrap_or(0) < shares.cap(partner);
            let one = self.ready.next(shares, may)?;
            match self.held.get_mut(&one.plugin) {
                Some(held) => held.push_back(one),
                None => return Some(one),
            }
        }
    }

    /// Lets time pass until something ends, or may begin; says whether anything will.
    fn pass(&mut self) -> bool {
        let end = self.ends.peek().map(|Reverse((end, ..))| *end);
        let free = self.ends.len() < self.workers;
        let later = self.later.keys().next().copied().filter(|_| free);
        match (end, later) {
            (end, Some(later)) if end.is_none_or(|end| later < end) => self.now = later,
            (Some(end), _) => {
                self.now = end;
                self.end();
            }
            _ => return false,
        }
        true
    }

    fn end(&mut self) {
        let Some(Reverse((_, _, partner, plugin))) = self.ends.pop() else {
            return;
        };
        if let Some(running) = self.running.get_mut(partner) {
            *running -= 1;
        }
        let held = self.held.remove(plugin).unwrap_or_default();
        held.into_iter()
            .rev()
            .for_each(|one| self.ready.put_back(one));
    }
}

fn after(time: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_seconds(time.seconds().saturating_add(seconds))
}
