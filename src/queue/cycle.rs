//! Builds that would wait for each other for ever.

use std::collections::BTreeMap;

use crate::model::{BuildId, PluginId};
use crate::store::Parked;

/// A circle of plugins that depend on each other, none of which is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cycle {
    /// The newest build of the circle: the one that closed it.
    pub(super) build: BuildId,
    /// From its plugin to its plugin again.
    pub(super) plugins: Vec<PluginId>,
}

impl Cycle {
    /// The circle in words, without the names of what is `hidden` from whoever is told.
    pub(super) fn told(&self, hidden: &[PluginId]) -> String {
        let name = |plugin: &PluginId| match hidden.contains(plugin) {
            true => "a private plugin".to_owned(),
            false => plugin.to_string(),
        };
        let plugins: Vec<_> = self.plugins.iter().map(name).collect();
        plugins.join(" -> ")
    }
}

/// A circle among what is parked, if there is one. Only what is built for one channel and release waits for each other.
pub(super) fn find(parked: &[Parked]) -> Option<Cycle> {
    let key = |one: &Parked, plugin: &PluginId| {
        (
            one.channel.to_string(),
            one.target.codename(),
            plugin.clone(),
        )
    };
    let nodes: BTreeMap<_, _> = parked
        .iter()
        .map(|one| (key(one, &one.plugin), one))
        .collect();
    let mut done = std::collections::BTreeSet::new();
    for start in nodes.values() {
        // The way from the start, and which of each one's dependencies is next.
        let mut way: Vec<(&Parked, usize)> = vec![(start, 0)];
        while let Some((one, at)) = way.last_mut() {
            let (one, next) = (*one, one.awaits.get(*at));
            *at += 1;
            let Some(next) = next else {
                done.insert(&one.build);
                way.pop();
                continue;
            };
            let Some(next) = nodes.get(&key(one, next)) else {
                continue;
            };
            if let Some(begins) = way.iter().position(|(one, _)| one.build == next.build) {
                let circle: Vec<_> = way.iter().skip(begins).map(|(one, _)| *one).collect();
                return Some(from_newest(&circle));
            }
            if !done.contains(&next.build) {
                way.push((next, 0));
            }
        }
    }
    None
}

fn from_newest(circle: &[&Parked]) -> Cycle {
    // Ids are UUIDs of version 7: the newest is the greatest.
    let newest = circle
        .iter()
        .enumerate()
        .max_by_key(|(_, one)| one.build.as_str());
    let newest = newest.map_or(0, |(at, _)| at);
    let round = circle.iter().cycle().skip(newest).take(circle.len() + 1);
    let plugins: Vec<_> = round.map(|one| one.plugin.clone()).collect();
    Cycle {
        build: circle[newest].build.clone(),
        plugins,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Channel, Target};

    fn parked(number: u128, awaits: &[u128]) -> Parked {
        let plugin = |number: &u128| format!("demo/p{number}").parse().unwrap();
        Parked {
            build: BuildId::from_uuid(uuid::Uuid::from_u128(number)),
            plugin: plugin(&number),
            channel: Channel::stable(),
            target: Target::Bookworm,
            awaits: awaits.iter().map(plugin).collect(),
        }
    }

    #[test]
    fn a_circle_is_named_from_the_build_that_closed_it() {
        let all = [
            parked(1, &[2, 9]),
            parked(2, &[3]),
            parked(3, &[1]),
            parked(4, &[1]),
        ];
        let found = find(&all).unwrap();
        assert_eq!(found.build, all[2].build);
        assert_eq!(found.told(&[]), "demo/p3 -> demo/p1 -> demo/p2 -> demo/p3");
        assert_eq!(
            found.told(&[all[0].plugin.clone()]),
            "demo/p3 -> a private plugin -> demo/p2 -> demo/p3"
        );
        let mut other = all.clone();
        other[1].target = Target::Trixie;
        assert_eq!(find(&other), None, "it waits for another build");
        assert_eq!(find(&all[..2]), None);
    }

    #[test]
    fn a_long_chain_is_no_circle_and_takes_no_time() {
        let chain: Vec<_> = (0..5000)
            .map(|number| parked(number, &[number + 1]))
            .collect();
        assert_eq!(find(&chain), None);
        let wide: Vec<_> = (0..60)
            .map(|number| parked(number, &[number + 1, number + 2]))
            .collect();
        assert_eq!(find(&wide), None);
    }

    proptest! {
        /// Until none is found, each circle's last build is refused: then somebody can always go on.
        #[test]
        fn whoever_is_left_can_be_built_in_some_order(
            edges in proptest::collection::vec(proptest::collection::vec(0_u128..12, 0..3), 12),
        ) {
            let all = edges.iter().enumerate();
            let mut left: Vec<_> = all.map(|(number, awaits)| parked(number as u128, awaits)).collect();
            while let Some(cycle) = find(&left) {
                prop_assert_eq!(cycle.plugins.first(), cycle.plugins.last());
                for pair in cycle.plugins.windows(2) {
                    let of = |one: &&Parked| one.plugin == pair[0];
                    prop_assert!(left.iter().find(of).unwrap().awaits.contains(&pair[1]));
                }
                left.retain(|one| one.build != cycle.build);
            }
            // What is refused may be submitted again without the dependency: it counts as published.
            while !left.is_empty() {
                let names: BTreeSet<_> = left.iter().map(|one| one.plugin.clone()).collect();
                let count = left.len();
                left.retain(|one| one.awaits.iter().any(|plugin| names.contains(plugin)));
                prop_assert!(left.len() < count, "{left:?}");
            }
        }
    }
}
