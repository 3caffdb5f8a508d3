//! Which addresses a farm connects to: public ones, and those of its own network where the operator says so. A repository's
//! host is whatever a stranger's DNS says it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not connected to, as words that follow "is": none if it is. `private_networks` opens the ranges of
/// company networks (RFC 1918, RFC 6598, RFC 4193), never the machine itself, its neighbours on the link, or the metadata
/// services of clouds.
#[must_use]
pub fn refusal(address: IpAddr, private_networks: bool) -> Option<&'static str> {
    let kind = match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    };
    match kind {
        Kind::Public => None,
        Kind::Private if private_networks => None,
        Kind::Private => Some("in a private network"),
        Kind::Never(words) => Some(words),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    Never(&'static str),
}

const METADATA: Kind = Kind::Never("a cloud's metadata service");
const LOOPBACK: Kind = Kind::Never("the machine itself");
const LINK: Kind = Kind::Never("a link-local address");
const SPECIAL: Kind = Kind::Never("reserved for other uses than hosts");

/// The special ranges of IPv4 (IANA's registry, RFC 6890): network, prefix length, kind. The first that matches counts.
const V4: &[([u8; 4], u32, Kind)] = &[
    ([169, 254, 169, 254], 32, METADATA),
    ([169, 254, 170, 2], 32, METADATA),
    ([100, 100, 100, 200], 32, METADATA),
    ([192, 0, 0, 192], 32, METADATA),
    ([168, 63, 129, 16], 32, METADATA),
    ([0, 0, 0, 0], 8, SPECIAL),
    ([10, 0, 0, 0], 8, Kind::Private),
    ([100, 64, 0, 0], 10, Kind::Private),
    ([127, 0, 0, 0], 8, LOOPBACK),
    ([169, 254, 0, 0], 16, LINK),
    ([172, 16, 0, 0], 12, Kind::Private),
    ([192, 0, 0, 0], 24, SPECIAL),
    ([192, 0, 2, 0], 24, SPECIAL),
    ([192, 88, 99, 0], 24, SPECIAL),
    ([192, 168, 0, 0], 16, Kind::Private),
    ([198, 18, 0, 0], 15, SPECIAL),
    ([198, 51, 100, 0], 24, SPECIAL),
    ([203, 0, 113, 0], 24, SPECIAL),
    ([224, 0, 0, 0], 4, SPECIAL),
    ([240, 0, 0, 0], 4, SPECIAL),
];

/// The special ranges of IPv6 inside 2000::/3 and beside it. What is in none of them and not in 2000::/3 is no host's.
const V6: &[(&str, u32, Kind)] = &[
    ("fd00:ec2::", 32, METADATA),
    ("::1", 128, LOOPBACK),
    ("fc00::", 7, Kind::Private),
    ("fe80::", 10, LINK),
    ("2001::", 23, SPECIAL),
    ("2001:db8::", 32, SPECIAL),
    ("3fff::", 20, SPECIAL),
    ("2000::", 3, Kind::Public),
];

fn kind_of_v4(address: Ipv4Addr) -> Kind {
    let bits = u32::from(address);
    V4.iter()
        .find(|(network, prefix, _)| {
            let network = u32::from(Ipv4Addr::from(*network));
            (bits ^ network).leading_zeros() >= *prefix
        })
        .map_or(Kind::Public, |(_, _, kind)| *kind)
}

fn kind_of_v6(address: Ipv6Addr) -> Kind {
    if let Some(inner) = embedded(address) {
        return kind_of_v4(inner);
    }
    let bits = u128::from(address);
    V6.iter()
        .find(|(network, prefix, _)| {
            network
                .parse::<Ipv6Addr>()
                .is_ok_and(|network| (bits ^ u128::from(network)).leading_zeros() >= *prefix)
        })
        .map_or(SPECIAL, |(_, _, kind)| *kind)
}

/// The IPv4 address that an IPv6 one stands for: mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`) or 6to4 (`2002::/16`).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(inner(g, h)),
        (0x2002, ..) => Some(inner(b, c)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_open(address: &str, private_networks: bool) -> bool {
        refusal(address.parse().unwrap(), private_networks).is_none()
    }

    #[test]
    fn public_addresses_are_connected_to() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "140.82.121.4",
            "2606:50c0:8000::64",
            "2a00:1450:4001:82a::200e",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert!(is_open(address, false), "{address}");
        }
    }

    #[test]
    fn private_networks_are_connected_to_only_where_the_operator_says_so() {
        for address in [
            "10.0.0.1",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.168.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "fc00::1",
            "fd12:3456::1",
            "::ffff:10.0.0.1",
            "64:ff9b::c0a8:1",
            "2002:a00:1::",
        ] {
            assert!(!is_open(address, false), "{address}");
            assert!(is_open(address, true), "{address}");
        }
    }

    #[test]
    fn what_no_repository_lives_at_is_never_connected_to() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "100::1",
            "3fff::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(!is_open(address, true), "{address}");
        }
    }
}
