//! Whether it is the farm that fails again and again, or what somebody does to it.

use std::collections::BTreeSet;

use crate::model::Blame;
use crate::store::Ending;

/// After so many faults of the farm in a row, nothing more begins.
pub(super) const FAULTS: u32 = 5;

/// Whether builds would only fail too: the last attempts all failed by the farm's fault, and neither one plugin nor one
/// partner, where there are several, had a hand in all of them. What one plugin does to a farm must not stop the others.
pub(super) fn is_the_farm(last: &[Ending], partners: usize) -> bool {
    let farm = Blame::Farm.to_string();
    let all = usize::try_from(FAULTS).is_ok_and(|faults| last.len() >= faults);
    let own = |one: &Ending| one.blame.as_ref() == Some(&farm);
    let plugins: BTreeSet<_> = last.iter().map(|one| &one.plugin).collect();
    let whose: BTreeSet<_> = last.iter().map(|one| &one.partner).collect();
    all && last.iter().all(own) && plugins.len() > 1 && whose.len() >= partners.min(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Faults of the farm, in builds of these plugins.
    fn faults(plugins: &[&str]) -> Vec<Ending> {
        let fault = |plugin: &&str| Ending {
            blame: Some("farm".to_owned()),
            partner: plugin.split('/').next().unwrap().to_owned(),
            plugin: (*plugin).to_owned(),
        };
        plugins.iter().map(fault).collect()
    }

    #[test]
    fn neither_one_plugin_nor_one_of_several_partners_stops_the_others() {
        let several = faults(&["a/x", "a/x", "b/y", "a/x", "a/z"]);
        assert!(is_the_farm(&several, 9));
        assert!(!is_the_farm(&several[..4], 9), "too few");
        assert!(!is_the_farm(&faults(&["a/x"; 5]), 1));
        let one_partners = faults(&["a/x", "a/y", "a/z", "a/x", "a/y"]);
        assert!(!is_the_farm(&one_partners, 2));
        assert!(is_the_farm(&one_partners, 1), "there is no other");
        let mut mixed = several;
        mixed[2].blame = Some("partner".to_owned());
        assert!(!is_the_farm(&mixed, 9));
        mixed[2].blame = None;
        assert!(!is_the_farm(&mixed, 9));
    }
}
