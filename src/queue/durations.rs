//! How long attempts are expected to take: as long as those of the same plugin did lately, by their median.

use std::collections::HashMap;

use crate::model::PluginId;
use crate::store::Took;

/// What an attempt is believed to take, in seconds, while none has ended yet.
const UNKNOWN: u64 = 60;

/// Medians, in seconds.
pub(super) struct Durations<'a> {
    plugins: HashMap<&'a PluginId, u64>,
    all: Option<u64>,
}

impl<'a> Durations<'a> {
    pub(super) fn new(took: &'a [Took]) -> Self {
        let mut plugins: HashMap<_, Vec<_>> = HashMap::new();
        for one in took {
            plugins.entry(&one.plugin).or_default().push(one.seconds);
        }
        let plugins = plugins.into_iter();
        Self {
            all: median(took.iter().map(|one| one.seconds).collect()),
            plugins: plugins
                .filter_map(|(plugin, all)| Some((plugin, median(all)?)))
                .collect(),
        }
    }

    /// Whether any attempt has ended.
    pub(super) fn is_known(&self) -> bool {
        self.all.is_some()
    }

    /// A plugin's own; else everybody's.
    pub(super) fn of(&self, plugin: &PluginId) -> u64 {
        let own = self.plugins.get(plugin).copied();
        own.or(self.all).unwrap_or(UNKNOWN)
    }
}

fn median(mut all: Vec<u64>) -> Option<u64> {
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_takes_as_long_as_it_did_and_a_new_one_as_long_as_others() {
        let took = |plugin: &str, seconds| Took {
            plugin: plugin.parse().unwrap(),
            seconds,
        };
        let took = [
            took("a/slow", 900),
            took("a/slow", 30),
            took("a/slow", 80),
            took("a/fast", 2),
        ];
        let durations = Durations::new(&took);
        let of = |plugin: &str| durations.of(&plugin.parse().unwrap());
        assert_eq!((of("a/slow"), of("a/fast"), of("a/new")), (80, 2, 80));
        assert!(!Durations::new(&[]).is_known());
    }
}
