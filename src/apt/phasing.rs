//! Whose turn it is to upgrade to a version that goes to a share of the hosts: decided as apt does it (apt-pkg/upgrade.cc), so
//! that `apt upgrade` and the agent of one host never differ.
//!
//! apt draws a number from 0 to 100 by C++'s own generators, seeded with the source package's name and version and with the
//! machine's id (machine-id(5)): `std::seed_seq`, `std::minstd_rand` and `std::uniform_int_distribution`, the last one as GNU's
//! library has it. The host is among the first `percent` if the number is at most that.

use super::Available;

/// What C++ prescribes for `std::minstd_rand`.
const MULTIPLIER: u64 = 48_271;
const MODULUS: u64 = (1 << 31) - 1;
/// How many numbers are drawn from: 0 to 100.
const NUMBERS: u64 = 101;

/// Whether a host with this machine id upgrades to a version by itself. Without an id, apt does as well.
#[must_use]
pub fn is_due(available: &Available, machine_id: &str) -> bool {
    let Some(percent) = available.phased else {
        return true;
    };
    if machine_id.is_empty() {
        return true;
    }
    let (source, version) = source(available);
    draw(&format!("{source}-{version}-{machine_id}")) <= u64::from(percent)
}

/// The source package and its version: those of the package, unless `Source` says otherwise (Debian Policy 5.6.1).
fn source(available: &Available) -> (String, String) {
    let version = available.version.as_str();
    let Some(source) = available.fields.get("Source") else {
        return (available.package.clone(), version.to_owned());
    };
    match source.split_once(" (") {
        Some((name, own)) => (name.to_owned(), own.trim_end_matches(')').to_owned()),
        None => (source.to_owned(), version.to_owned()),
    }
}

/// The number from 0 to 100 that this seed leads to.
fn draw(seed: &str) -> u64 {
    let [.., word] = seed_sequence(seed.as_bytes());
    let mut state = u64::from(word) % MODULUS;
    if state == 0 {
        state = 1;
    }
    // The generator's numbers start at 1; those of the last, shorter part are not used.
    let scale = (MODULUS - 2) / NUMBERS;
    loop {
        state = state * MULTIPLIER % MODULUS;
        let number = (state - 1) / scale;
        if number < NUMBERS {
            return number;
        }
    }
}

/// `std::seed_seq::generate` for four words.
fn seed_sequence(seed: &[u8]) -> [u32; 4] {
    // The distances that C++ prescribes for as few words.
    const WORDS: usize = 4;
    const P: usize = 1;
    const Q: usize = 2;
    let mut words = [0x8b8b_8b8b_u32; WORDS];
    let mix = |word: u32| word ^ (word >> 27);
    let rounds = (seed.len() + 1).max(WORDS);
    for k in 0..rounds {
        let (at, p, q) = (k % WORDS, (k + P) % WORDS, (k + Q) % WORDS);
        let before = (k + WORDS - 1) % WORDS;
        let first = mix(words[at] ^ words[p] ^ words[before]).wrapping_mul(1_664_525);
        let own = if k == 0 {
            u32::try_from(seed.len()).unwrap_or(u32::MAX)
        } else {
            let at = u32::try_from(at).unwrap_or_default();
            at.wrapping_add(seed.get(k - 1).copied().map_or(0, u32::from))
        };
        let second = first.wrapping_add(own);
        words[p] = words[p].wrapping_add(first);
        words[q] = words[q].wrapping_add(second);
        words[at] = second;
    }
    for k in rounds..rounds + WORDS {
        let (at, p, q) = (k % WORDS, (k + P) % WORDS, (k + Q) % WORDS);
        let before = (k + WORDS - 1) % WORDS;
        let sum = words[at].wrapping_add(words[p]).wrapping_add(words[before]);
        let third = mix(sum).wrapping_mul(1_566_083_941);
        let fourth = third.wrapping_sub(u32::try_from(at).unwrap_or_default());
        words[p] ^= third;
        words[q] ^= fourth;
        words[at] = fourth;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deb::control::Paragraph;
    use crate::model::{DebianVersion, FarmName, Sha256};

    const MACHINE: &str = "0123456789abcdef0123456789abcdef";

    fn available(phased: Option<u8>, source: &str) -> Available {
        let package = "wazo-plugind-hello-demo";
        Available {
            package: package.to_owned(),
            version: DebianVersion::new("1.0-0+deb12u1").unwrap(),
            plugin: "demo/hello".parse().unwrap(),
            plugin_version: None,
            min_wazo_version: None,
            max_wazo_version: None,
            sha256: Sha256::of(b""),
            size: 0,
            phased,
            fields: Paragraph::parse(&format!("Package: {package}\n{source}")).unwrap(),
            farm: FarmName::local(),
            repository: String::new(),
            suite: String::new(),
            approvals: Default::default(),
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_c_plus_plus_library() {
        assert_eq!(draw(&format!("a-1-{MACHINE}")), 13);
        let seed = format!("wazo-plugind-hello-demo-1.0-0+deb12u1-{MACHINE}");
        assert_eq!(draw(&seed), 10);
        assert_eq!(draw("x"), 67);
    }

    #[test]
    fn a_host_upgrades_once_its_share_is_reached() {
        for (percent, due) in [(0, false), (9, false), (10, true), (99, true)] {
            assert_eq!(
                is_due(&available(Some(percent), ""), MACHINE),
                due,
                "{percent}"
            );
        }
        assert!(is_due(&available(None, ""), MACHINE));
        assert!(is_due(&available(Some(0), ""), ""), "as apt without an id");
    }

    #[test]
    fn the_source_package_decides_where_it_has_another_name() {
        let named = |line: &str| source(&available(None, line));
        let own = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(named(""), own("wazo-plugind-hello-demo", "1.0-0+deb12u1"));
        assert_eq!(named("Source: a"), own("a", "1.0-0+deb12u1"));
        assert_eq!(named("Source: a (1)"), own("a", "1"));
    }
}
