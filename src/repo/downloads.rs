//! Which packages hosts have fetched lately, as a web server's access log tells it (common log format, or combined).

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read as _};

use crate::model::Timestamp;

/// The most bytes of a line that are looked at; of a longer one, nothing is believed.
const MAX_LINE: u64 = 64 * 1024;

/// Adds the places of the packages that were fetched at `since` or later to `found`. Lines of another form are passed over.
///
/// # Errors
///
/// What reading says.
pub fn downloads(
    mut log: impl BufRead,
    since: Timestamp,
    found: &mut BTreeSet<String>,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = log.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') && read as u64 == MAX_LINE {
            log.skip_until(b'\n')?;
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        found.extend(
            download(&text)
                .filter(|(time, _)| *time >= since)
                .map(|(_, place)| place),
        );
    }
}

/// When the package of a line was fetched, and its place; nothing, if the line is about something else.
fn download(line: &str) -> Option<(Timestamp, String)> {
    let (_, rest) = line.split_once(" [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = rest.split_once('"')?;
    let status = rest.split_ascii_whitespace().next()?;
    if !["200", "206", "304"].contains(&status) {
        return None;
    }
    let target = request.strip_prefix("GET ")?.split(' ').next()?;
    let path = target.split('?').next()?;
    let (_, place) = path.rsplit_once("/pool/")?;
    let time = jiff::Zoned::strptime("%d/%b/%Y:%H:%M:%S %z", time).ok()?;
    let time = Timestamp::from_seconds(time.timestamp().as_second());
    Some((time, format!("pool/{place}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = "10.0.0.1 - - [31/Jan/2026:13:00:00 +0100] \"GET /apt/pool/a/0123/a_1_all.deb HTTP/1.1\" 200 700";

    fn read(log: &str, since: i64) -> Vec<String> {
        let mut found = BTreeSet::new();
        downloads(log.as_bytes(), Timestamp::from_seconds(since), &mut found).unwrap();
        found.into_iter().collect()
    }

    #[test]
    fn a_package_that_was_fetched_is_found_by_its_place() {
        let noon = 1_769_860_800;
        for line in [
            LINE.to_owned(),
            format!("{LINE} \"-\" \"Debian APT-HTTP/1.3 (2.6.1)\""),
            LINE.replace("200", "206"),
            LINE.replace("deb HTTP", "deb?x=1 HTTP"),
            format!("{}\n{LINE}", "x".repeat(200_000)),
        ] {
            assert_eq!(
                read(&line, noon),
                ["pool/a/0123/a_1_all.deb"],
                "{line:.100}"
            );
            assert_eq!(read(&line, noon + 1), [""; 0], "it was fetched before");
        }
    }

    #[test]
    fn what_is_no_download_of_a_package_is_passed_over() {
        for line in [
            "",
            "garbage",
            &LINE.replace("200", "404"),
            &LINE.replace("GET", "HEAD"),
            &LINE.replace("pool", "dists"),
            &LINE.replace("Jan", "Foo"),
        ] {
            assert_eq!(read(line, 0), [""; 0], "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_log_makes_it_panic(log in "[\\[\\] \"/0-9a-zGET:+\n]{0,200}") {
            read(&log, 0);
        }
    }
}
