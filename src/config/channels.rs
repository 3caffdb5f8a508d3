//! The order of channels: which one a package goes to next.

use crate::model::Channel;

/// The channels that a package is promoted from and to, where one or both are left open; none, if there is no next one. That
/// those that are named are in this order is not said.
#[must_use]
pub fn step(
    channels: &[Channel],
    from: Option<&Channel>,
    to: Option<&Channel>,
) -> Option<(Channel, Channel)> {
    let place = |channel: &Channel| channels.iter().position(|one| one == channel);
    let before = to
        .and_then(place)
        .and_then(|to| channels.get(to.checked_sub(1)?));
    let from = from.or(before).or(channels.first())?;
    let after = place(from).and_then(|from| channels.get(from + 1));
    Some((from.clone(), to.or(after)?.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_open_is_next_to_what_is_named() {
        let channels = ["testing", "candidate", "stable"].map(|name| Channel::new(name).unwrap());
        let [testing, candidate, stable] = channels.each_ref();
        let found = |from, to| step(&channels, from, to);
        let pair = |from: &Channel, to: &Channel| Some((from.clone(), to.clone()));
        assert_eq!(found(None, None), pair(testing, candidate));
        assert_eq!(found(None, Some(stable)), pair(candidate, stable));
        assert_eq!(found(Some(candidate), None), pair(candidate, stable));
        assert_eq!(found(Some(testing), Some(stable)), pair(testing, stable));
        assert_eq!(found(Some(stable), None), None);
        assert_eq!(step(&channels[..1], None, None), None);
    }
}
