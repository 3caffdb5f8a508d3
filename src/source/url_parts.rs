//! The parts of a repository's URL, each in the one form that git, ssh, curl and the farm read alike.

use super::credential::decode_percent;
use super::location::{LocationError, breaks};

pub(super) fn split_port(place: &str) -> Result<(&str, Option<u16>), LocationError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest
                .split_once(']')
                .ok_or(breaks("its address has no closing bracket"))?;
            let port = match after {
                "" => None,
                _ => Some(
                    after
                        .strip_prefix(':')
                        .ok_or(breaks("its port is no port"))?,
                ),
            };
            host.parse::<std::net::Ipv6Addr>()
                .map_err(|_| breaks("its host in brackets is no IPv6 address"))?;
            (host, port)
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = port
        .map(|port| match port.parse::<u16>() {
            Ok(number) if number > 0 && !port.starts_with('+') => Ok(number),
            _ => Err(breaks("its port is no port")),
        })
        .transpose()?;
    Ok((host, port))
}

/// A host name, or an address in its one usual form. `0x7f.1` and `2130706433` are addresses too, for some, and refused.
pub(super) fn checked_host(host: &str) -> Result<String, LocationError> {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Ok(host.to_ascii_lowercase());
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(breaks(
            "its host must be a name of letters, digits and dashes (an international one in its `xn--` form)",
        ));
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(breaks("its host looks like an address, but is none"));
    }
    Ok(host.to_ascii_lowercase())
}

pub(super) fn checked_user(user: &str) -> Result<String, LocationError> {
    let valid = (1..=64).contains(&user.len())
        && user
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !user.starts_with('-');
    if valid {
        Ok(user.to_owned())
    } else {
        Err(breaks("its user must be a plain name"))
    }
}

pub(super) fn checked_path(path: &str) -> Result<String, LocationError> {
    const RULE: &str =
        "its path must have no blanks, quotes, backslashes, queries, fragments, `.` or `..`";
    let decoded = decode_percent(path).ok_or(breaks("its path is no text"))?;
    let trimmed = path.trim_end_matches('/');
    if decoded.chars().any(char::is_control)
        || path.contains([
            ' ', '"', '\'', '\\', '?', '#', '<', '>', '^', '`', '{', '|', '}',
        ])
        || decoded.split('/').any(|part| part == "." || part == "..")
    {
        return Err(breaks(RULE));
    }
    if trimmed.starts_with('-') || trimmed.split('/').any(str::is_empty) {
        return Err(breaks("its path must name a repository"));
    }
    Ok(format!("/{trimmed}"))
}
