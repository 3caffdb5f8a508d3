//! Whether apt failed because its lists were older than what they are of.

use super::{Cause, Diagnosis};

/// Whose lists are to be fetched before apt is asked once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::host::helper) enum Lists {
    /// The farms' alone.
    Farms,
    /// Those of every source of this host: what a plugin needs of Debian has been replaced there since.
    All,
}

/// The lists that these failures may come from, if any may.
pub(in crate::host::helper) fn stale(failures: &[Diagnosis]) -> Option<Lists> {
    let of = |one: &Diagnosis| match (one.code.as_str(), one.cause) {
        ("not-found" | "hash-mismatch", Cause::Farm) => Some(Lists::Farms),
        ("not-found" | "hash-mismatch" | "unmet-dependency", Cause::Apt) => Some(Lists::All),
        _ => None,
    };
    let mut found: Vec<_> = failures.iter().filter_map(of).collect();
    found.sort_by_key(|lists| *lists == Lists::Farms);
    found.first().copied()
}

#[cfg(test)]
mod tests {
    use super::super::plain;
    use super::*;

    #[test]
    fn lists_are_fetched_where_they_may_be_too_old() {
        let one = |cause, code: &str| plain(cause, code, "what".to_owned(), "do");
        let farm = one(Cause::Farm, "not-found");
        let debian = one(Cause::Apt, "not-found");
        assert_eq!(stale(std::slice::from_ref(&farm)), Some(Lists::Farms));
        assert_eq!(stale(&[farm, debian]), Some(Lists::All));
        let missing = one(Cause::Apt, "unmet-dependency");
        assert_eq!(stale(&[missing]), Some(Lists::All));
        assert_eq!(stale(&[one(Cause::Farm, "unreachable")]), None);
        assert_eq!(stale(&[one(Cause::Plugin, "script-failed")]), None);
        assert_eq!(stale(&[]), None);
    }
}
