//! What runs next, and why the others wait: a function of what the store holds, the limits and the time.
//!
//! Each class of urgency, and in it each partner, has a share of the farm by weight. The one that has used least of its share
//! is next; what was used long ago counts less. So nobody starves: whoever waits falls behind nobody for ever, since only the
//! others' use grows meanwhile. What one partner's builds are, in which order, is first come, first served.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Actor, BuildId, Priority, Timestamp};
use crate::store::{QueueView, Waiting};

/// After this time, in seconds, what was used counts half.
const HALF_LIFE: f64 = 6.0 * 3600.0;

/// How many attempts may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// All together.
    pub workers: usize,
}

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
    /// So many builds are before it.
    Behind(usize),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Next => f.write_str("it is next, as soon as a worker is free"),
            Self::Locked(reason) => write!(f, "the queue is locked: {reason}"),
            Self::Backoff(time) => write!(
                f,
                "its last attempt failed by no fault of the plugin; it is tried again at {time}"
            ),
            Self::Cap(cap) => write!(
                f,
                "{cap} of the partner's builds run, and no more may at once"
            ),
            Self::SamePlugin(build) => {
                write!(
                    f,
                    "build {build} of the same plugin runs; one does at a time"
                )
            }
            Self::Behind(1) => f.write_str("1 build is before it"),
            Self::Behind(count) => write!(f, "{count} builds are before it"),
        }
    }
}

/// The build that begins now, if any may.
#[must_use]
pub fn decide(view: &QueueView, limits: Limits, now: Timestamp) -> Option<BuildId> {
    if view.locked.is_some() || view.running.len() >= limits.workers {
        return None;
    }
    let mut plan = Plan::new(view, now);
    plan.take(now).map(|waiting| waiting.build.clone())
}

/// Why a build waits; `None` if it does not.
#[must_use]
pub fn why(view: &QueueView, build: &BuildId, now: Timestamp) -> Option<Why> {
    let waiting = view
        .waiting
        .iter()
        .find(|waiting| waiting.build == *build)?;
    if let Some(reason) = &view.locked {
        return Some(Why::Locked(reason.clone()));
    }
    let mut plan = Plan::new(view, now);
    if let Some(obstacle) = plan.obstacle(waiting, now) {
        return Some(obstacle);
    }
    // What would begin, one after the other, until it is this one's turn.
    let mut before = 0;
    while let Some(taken) = plan.take(now) {
        if taken.build == *build {
            return Some(match before {
                0 => Why::Next,
                count => Why::Behind(count),
            });
        }
        before += 1;
    }
    // Those before it, or its partner's cap, keep it from being planned; they end some time.
    Some(Why::Behind(before.max(1)))
}

/// What runs and waits, and how much of their share each class and partner has used.
struct Plan<'a> {
    waiting: Vec<&'a Waiting>,
    plugins: BTreeMap<String, BuildId>,
    running: BTreeMap<&'a Actor, u32>,
    partners: BTreeMap<&'a Actor, (u32, u32)>,
    classes: BTreeMap<Priority, f64>,
    shares: BTreeMap<(Priority, &'a Actor), f64>,
    /// What an attempt is expected to use, in seconds.
    expected: f64,
}

impl<'a> Plan<'a> {
    fn new(view: &'a QueueView, now: Timestamp) -> Self {
        let partners = view.partners.iter();
        let partners = partners.map(|one| (&one.name, (one.weight.max(1), one.running_cap.max(1))));
        let mut plan = Self {
            waiting: view.waiting.iter().collect(),
            plugins: BTreeMap::new(),
            running: BTreeMap::new(),
            partners: partners.collect(),
            classes: BTreeMap::new(),
            shares: BTreeMap::new(),
            expected: expected(view),
        };
        for used in &view.used {
            let age = now.seconds().saturating_sub(used.ended_at.seconds()).max(0);
            let seconds = used.seconds.max(1);
            #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
            let decayed = seconds as f64 * (-(age as f64) / HALF_LIFE).exp2();
            plan.charge(used.priority, &used.partner, decayed);
        }
        for running in &view.running {
            // What runs is charged before it ends: else whoever is first begins all at once.
            plan.charge(running.priority, &running.partner, plan.expected);
            plan.start(&running.partner, running.plugin.to_string(), &running.build);
        }
        plan
    }

    fn charge(&mut self, class: Priority, partner: &'a Actor, seconds: f64) {
        let (weight, _) = self.partners.get(partner).copied().unwrap_or((1, 1));
        *self.classes.entry(class).or_default() += seconds / class_weight(class);
        *self.shares.entry((class, partner)).or_default() += seconds / f64::from(weight);
    }

    fn start(&mut self, partner: &'a Actor, plugin: String, build: &BuildId) {
        *self.running.entry(partner).or_default() += 1;
        self.plugins.insert(plugin, build.clone());
    }

    fn obstacle(&self, waiting: &Waiting, now: Timestamp) -> Option<Why> {
        let (_, cap) = self
            .partners
            .get(&waiting.partner)
            .copied()
            .unwrap_or((1, 1));
        let running = self.running.get(&waiting.partner).copied().unwrap_or(0);
        if waiting.not_before > now {
            Some(Why::Backoff(waiting.not_before))
        } else if let Some(build) = self.plugins.get(&waiting.plugin.to_string()) {
            // Two at once would race for the plugin's next version.
            Some(Why::SamePlugin(build.clone()))
        } else if running >= cap {
            Some(Why::Cap(cap))
        } else {
            None
        }
    }

    /// Takes what is next out of the queue, as if it had begun.
    fn take(&mut self, now: Timestamp) -> Option<&'a Waiting> {
        let ready = self.waiting.iter().enumerate();
        let ready: Vec<_> = ready
            .filter(|(_, waiting)| self.obstacle(waiting, now).is_none())
            .map(|(at, waiting)| (at, *waiting))
            .collect();
        let class = least(ready.iter().map(|(_, one)| one.priority), |class| {
            self.classes.get(&class).copied().unwrap_or(0.0)
        })?;
        let of_class = ready.iter().filter(|(_, one)| one.priority == class);
        let partner = least(of_class.clone().map(|(_, one)| &one.partner), |partner| {
            self.shares.get(&(class, partner)).copied().unwrap_or(0.0)
        })?;
        let (at, taken) = of_class.clone().find(|(_, one)| one.partner == *partner)?;
        self.waiting.remove(*at);
        self.charge(class, &taken.partner, self.expected);
        self.start(&taken.partner, taken.plugin.to_string(), &taken.build);
        Some(taken)
    }
}

/// The share of a class, relative to others'.
fn class_weight(class: Priority) -> f64 {
    match class {
        Priority::Urgent => 16.0,
        Priority::Normal => 4.0,
        Priority::Low => 1.0,
    }
}

/// What an attempt uses on average, in seconds, at least 1.
fn expected(view: &QueueView) -> f64 {
    let total: u64 = view.used.iter().map(|used| used.seconds.max(1)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
    let average = total as f64 / view.used.len().max(1) as f64;
    average.max(1.0)
}

/// The one that has used least; of several, the first in their order.
fn least<T: Ord + Copy>(all: impl Iterator<Item = T>, used: impl Fn(T) -> f64) -> Option<T> {
    let all: BTreeSet<T> = all.collect();
    all.into_iter().min_by(|a, b| used(*a).total_cmp(&used(*b)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Channel, Target};
    use crate::store::{Partner, Running, Use};

    const LIMITS: Limits = Limits { workers: 2 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_769_860_800 + seconds)
    }

    fn id(number: usize) -> BuildId {
        BuildId::from_uuid(uuid::Uuid::from_u128(number as u128))
    }

    fn actor(number: usize) -> Actor {
        Actor::new(&format!("p{number}")).unwrap()
    }

    fn waiting(number: usize, partner: usize, priority: Priority) -> Waiting {
        Waiting {
            build: id(number),
            partner: actor(partner),
            plugin: format!("n{partner}/plugin-{number}").parse().unwrap(),
            target: Target::Bookworm,
            channel: Channel::stable(),
            priority,
            not_before: at(0),
        }
    }

    fn view(partners: &[(u32, u32)], waiting: Vec<Waiting>) -> QueueView {
        let partners = partners.iter().enumerate();
        QueueView {
            waiting,
            partners: partners
                .map(|(number, (weight, running_cap))| Partner {
                    name: actor(number),
                    weight: *weight,
                    running_cap: *running_cap,
                })
                .collect(),
            ..QueueView::default()
        }
    }

    /// Begins what is next.
    fn begin(view: &mut QueueView, now: Timestamp) -> Option<Waiting> {
        let next = decide(view, LIMITS, now)?;
        let at = view
            .waiting
            .iter()
            .position(|one| one.build == next)
            .unwrap();
        let begun = view.waiting.remove(at);
        view.running.push(Running {
            build: begun.build.clone(),
            partner: begun.partner.clone(),
            plugin: begun.plugin.clone(),
            priority: begun.priority,
            started_at: now,
        });
        Some(begun)
    }

    /// Ends what began first, after so many seconds.
    fn end(view: &mut QueueView, seconds: u64, now: Timestamp) {
        let ended = view.running.remove(0);
        view.used.push(Use {
            partner: ended.partner,
            priority: ended.priority,
            seconds,
            ended_at: now,
        });
    }

    #[test]
    fn whoever_has_used_less_is_next() {
        let class = Priority::Normal;
        let mut view = view(
            &[(1, 9), (1, 9)],
            vec![waiting(0, 0, class), waiting(1, 1, class)],
        );
        view.used.push(Use {
            partner: actor(0),
            priority: class,
            seconds: 60,
            ended_at: at(0),
        });
        assert_eq!(decide(&view, LIMITS, at(1)), Some(id(1)));
        assert_eq!(why(&view, &id(0), at(1)), Some(Why::Behind(1)));
        assert_eq!(why(&view, &id(1), at(1)), Some(Why::Next));
        assert_eq!(why(&view, &id(7), at(1)), None);
    }

    #[test]
    fn each_reason_to_wait_is_told() {
        let class = Priority::Normal;
        let mut view = view(&[(1, 1)], vec![waiting(0, 0, class), waiting(1, 0, class)]);
        view.waiting[1].not_before = at(90);
        assert_eq!(why(&view, &id(1), at(0)), Some(Why::Backoff(at(90))));
        begin(&mut view, at(0)).unwrap();
        assert_eq!(why(&view, &id(1), at(99)), Some(Why::Cap(1)));
        view.waiting[0].plugin = view.running[0].plugin.clone();
        assert_eq!(why(&view, &id(1), at(99)), Some(Why::SamePlugin(id(0))));
        view.locked = Some("no disk".to_owned());
        let said = why(&view, &id(1), at(99)).unwrap().to_string();
        assert_eq!(said, "the queue is locked: no disk");
        assert_eq!(decide(&view, LIMITS, at(99)), None);
    }

    proptest! {
        #[test]
        fn a_worker_is_idle_only_while_nobody_could_use_it(
            builds in proptest::collection::vec((0_usize..4, 0_usize..3), 1..30),
            cap in 1_u32..3,
        ) {
            let all = builds.iter().enumerate();
            let all = all.map(|(number, (partner, class))| waiting(number, *partner, Priority::ALL[*class]));
            let mut view = view(&[(1, cap), (2, cap), (3, cap), (4, cap)], all.collect());
            let mut done = 0;
            while !view.waiting.is_empty() || !view.running.is_empty() {
                while begin(&mut view, at(done)).is_some() {}
                let busy: BTreeSet<_> = view.running.iter().map(|one| one.partner.clone()).collect();
                let free = view.waiting.iter().any(|one| !busy.contains(&one.partner));
                prop_assert!(view.running.len() == LIMITS.workers || !free);
                prop_assert!(view.running.iter().filter(|one| one.partner == actor(0)).count() <= cap as usize);
                end(&mut view, 1, at(done));
                done += 1;
            }
            prop_assert_eq!(usize::try_from(done).unwrap(), builds.len());
        }

        #[test]
        fn nobody_starves_however_many_urgent_builds_come(
            class in 1_usize..3,
            seconds in proptest::collection::vec(1_u64..100, 300),
        ) {
            let patient = waiting(9999, 1, Priority::ALL[class]);
            let mut view = view(&[(1000, 9), (1, 9)], vec![patient]);
            for (number, seconds) in seconds.into_iter().enumerate() {
                // As long as it waits there is always something more urgent, of a partner with a thousand times its weight.
                view.waiting.push(waiting(number, 0, Priority::Urgent));
                let now = at(i64::try_from(number).unwrap());
                if begin(&mut view, now).unwrap().build == id(9999) {
                    return Ok(());
                }
                end(&mut view, seconds, now);
            }
            prop_assert!(false, "it never began");
        }

        #[test]
        fn shares_are_as_the_weights(seconds in proptest::collection::vec(5_u64..15, 400)) {
            let both = (0..800).map(|number| waiting(number, number % 2, Priority::Normal));
            let mut view = view(&[(1, 9), (3, 9)], both.collect());
            for seconds in seconds {
                begin(&mut view, at(0)).unwrap();
                end(&mut view, seconds, at(0));
            }
            let of = |partner| -> u64 {
                let used = view.used.iter().filter(|used| used.partner == actor(partner));
                used.map(|used| used.seconds).sum()
            };
            // Within one build of the longest kind.
            let (light, heavy) = (of(0), of(1));
            prop_assert!(heavy.abs_diff(3 * light) <= 4 * 15, "{light} {heavy}");
        }
    }
}
