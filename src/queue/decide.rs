//! What runs next: a function of what the store holds, the limits and the time.
//!
//! Each class of urgency, and in it each partner, has a share of the farm by weight. The one that has used least of its share
//! is next; what was used long ago counts less. So nobody starves: whoever waits falls behind nobody for ever, since only the
//! others' use grows meanwhile. What one partner's builds are, in which order, is first come, first served.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

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

/// The build that begins now, if any may.
#[must_use]
pub fn decide(view: &QueueView, limits: Limits, now: Timestamp) -> Option<BuildId> {
    if view.locked.is_some() || view.running.len() >= limits.workers {
        return None;
    }
    let shares = Shares::new(view, now);
    let busy: BTreeSet<_> = view.running.iter().map(|one| &one.plugin).collect();
    let mut running: BTreeMap<&Actor, u32> = BTreeMap::new();
    for one in &view.running {
        *running.entry(&one.partner).or_default() += 1;
    }
    let may = |one: &&Waiting| one.not_before <= now && !busy.contains(&one.plugin);
    let mut queues = Queues::default();
    view.waiting
        .iter()
        .filter(may)
        .for_each(|one| queues.push(one));
    let next = queues.next(&shares, |partner| {
        running.get(partner).copied().unwrap_or(0) < shares.cap(partner)
    });
    next.map(|one| one.build.clone())
}

/// How much of their share each class and partner has used.
pub(super) struct Shares<'a> {
    /// Weight and cap.
    partners: BTreeMap<&'a Actor, (u32, u32)>,
    classes: BTreeMap<Priority, f64>,
    used: BTreeMap<(Priority, &'a Actor), f64>,
    /// What an attempt is expected to use, in seconds.
    expected: f64,
}

impl<'a> Shares<'a> {
    pub(super) fn new(view: &'a QueueView, now: Timestamp) -> Self {
        let partners = view.partners.iter();
        let partners = partners.map(|one| (&one.name, (one.weight.max(1), one.running_cap.max(1))));
        let mut shares = Self {
            partners: partners.collect(),
            classes: BTreeMap::new(),
            used: BTreeMap::new(),
            expected: expected(view),
        };
        for used in &view.used {
            let age = now.seconds().saturating_sub(used.at.seconds()).max(0);
            let seconds = used.seconds.max(used.attempts);
            #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
            let decayed = seconds as f64 * (-(age as f64) / HALF_LIFE).exp2();
            shares.charge(used.priority, &used.partner, decayed);
        }
        for running in &view.running {
            // What runs is charged before it ends: else whoever is first begins all at once.
            shares.begin(running.priority, &running.partner);
        }
        shares
    }

    fn charge(&mut self, class: Priority, partner: &'a Actor, seconds: f64) {
        let (weight, _) = self.partners.get(partner).copied().unwrap_or((1, 1));
        *self.classes.entry(class).or_default() += seconds / class_weight(class);
        *self.used.entry((class, partner)).or_default() += seconds / f64::from(weight);
    }

    /// Charges an attempt that begins.
    pub(super) fn begin(&mut self, class: Priority, partner: &'a Actor) {
        self.charge(class, partner, self.expected);
    }

    /// How many builds of a partner may run at once.
    pub(super) fn cap(&self, partner: &Actor) -> u32 {
        self.partners.get(partner).map_or(1, |(_, cap)| *cap)
    }

    fn of_class(&self, class: Priority) -> f64 {
        self.classes.get(&class).copied().unwrap_or(0.0)
    }

    fn of_partner(&self, class: Priority, partner: &'a Actor) -> f64 {
        self.used.get(&(class, partner)).copied().unwrap_or(0.0)
    }
}

/// What is ready: by class, by partner, in the order in which it came.
#[derive(Default)]
pub(super) struct Queues<'a> {
    classes: BTreeMap<Priority, BTreeMap<&'a Actor, VecDeque<&'a Waiting>>>,
}

impl<'a> Queues<'a> {
    fn of(&mut self, one: &'a Waiting) -> &mut VecDeque<&'a Waiting> {
        let class = self.classes.entry(one.priority).or_default();
        class.entry(&one.partner).or_default()
    }

    pub(super) fn push(&mut self, one: &'a Waiting) {
        self.of(one).push_back(one);
    }

    /// Puts one back that was before all others.
    pub(super) fn put_back(&mut self, one: &'a Waiting) {
        self.of(one).push_front(one);
    }

    /// Takes what is next, among the partners that may have something begun: of the class that has used least, and in it of
    /// the partner that has. Of several, the first in their order.
    pub(super) fn next(
        &mut self,
        shares: &Shares<'a>,
        may: impl Fn(&Actor) -> bool,
    ) -> Option<&'a Waiting> {
        let classes = self.classes.iter_mut().filter_map(|(class, partners)| {
            let ready = partners.iter_mut().filter(|(partner, _)| may(partner));
            let least = ready.min_by(|(a, _), (b, _)| {
                let of = |partner| shares.of_partner(*class, partner);
                of(a).total_cmp(&of(b))
            });
            Some((*class, *least?.0))
        });
        let of = |class| shares.of_class(class);
        let (class, partner) = classes.min_by(|(a, _), (b, _)| of(*a).total_cmp(&of(*b)))?;
        let partners = self.classes.get_mut(&class)?;
        let queue = partners.get_mut(partner)?;
        let one = queue.pop_front();
        if queue.is_empty() {
            partners.remove(partner);
        }
        one
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
    let total: u64 = view
        .used
        .iter()
        .map(|used| used.seconds.max(used.attempts))
        .sum();
    let attempts: u64 = view.used.iter().map(|used| used.attempts).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
    let average = total as f64 / attempts.max(1) as f64;
    average.max(1.0)
}
