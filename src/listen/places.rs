//! How many may be here at once: all together, and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Whom a server counts as one: an IPv4 address, or the network of an IPv6 address, of which one machine has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin(IpAddr);

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// Places, of which there are so many. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Places {
    most: usize,
    most_each: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    each: HashMap<Origin, usize>,
}

/// A place that somebody has, until it is dropped.
#[derive(Debug)]
pub struct Place {
    origin: Option<Origin>,
    taken: Arc<Mutex<Taken>>,
}

/// There is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// For nobody.
    Full,
    /// For the one who asks: it has as many as one may have.
    Own,
}

impl Places {
    /// Places for so many at once, and for so many of one origin.
    #[must_use]
    pub fn new(most: usize, most_each: usize) -> Self {
        Self {
            most,
            most_each,
            taken: Arc::default(),
        }
    }

    /// Takes a place for `origin`; for none, it counts only among all.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn take(&self, origin: Option<Origin>) -> Result<Place, Refused> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.most {
            return Err(Refused::Full);
        }
        if let Some(origin) = origin {
            let own = taken.each.entry(origin).or_default();
            if *own >= self.most_each {
                return Err(Refused::Own);
            }
            *own += 1;
        }
        taken.all += 1;
        Ok(Place {
            origin,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(origin) = self.origin
            && let Some(own) = taken.each.get_mut(&origin)
        {
            *own -= 1;
            if *own == 0 {
                taken.each.remove(&origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Option<Origin> {
        Some(text.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn nobody_has_more_places_than_one_may_and_all_have_no_more_than_there_are() {
        let places = Places::new(3, 2);
        let first = places.take(origin("192.0.2.1")).unwrap();
        let _second = places.take(origin("::ffff:192.0.2.1")).unwrap();
        assert_eq!(places.take(origin("192.0.2.1")).unwrap_err(), Refused::Own);
        let _third = places.take(origin("2001:db8::1")).unwrap();
        assert_eq!(places.take(None).unwrap_err(), Refused::Full);
        drop(first);
        let _again = places.take(origin("192.0.2.1")).unwrap();
    }

    #[test]
    fn an_ipv6_network_is_one() {
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:1"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        let places = Places::new(9, 1);
        drop(places.take(origin("2001:db8::1")).unwrap());
        assert!(places.taken.lock().unwrap().each.is_empty());
    }
}
