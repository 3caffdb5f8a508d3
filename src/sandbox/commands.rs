//! The record of the service commands that a plugin of the old layout calls; `images/builder/stub` writes it.

/// The most commands that one record may have. Makefiles call a handful.
const MOST: usize = 100;

/// Reads a record: each command as its words, the program's name first. `None` if it is no record, was cut at its size limit,
/// or has more commands than any makefile calls: the plugin's own code could write to it.
#[must_use]
pub fn recorded_commands(record: &[u8]) -> Option<Vec<Vec<String>>> {
    let text = std::str::from_utf8(record).ok()?;
    let Some(text) = text.strip_suffix('\0') else {
        return text.is_empty().then(Vec::new);
    };
    let mut words = text.split('\0');
    let mut commands = Vec::new();
    while let Some(count) = words.next() {
        let count = count.parse::<usize>().ok().filter(|count| *count > 0)?;
        let command: Vec<_> = words.by_ref().take(count).map(str::to_owned).collect();
        if command.len() < count || commands.len() == MOST {
            return None;
        }
        commands.push(command);
    }
    Some(commands)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_come_back_as_they_were_given() {
        let record = b"3\0asterisk\0-x\0dialplan reload\x002\0service\0\0";
        let commands = recorded_commands(record).unwrap();
        assert_eq!(
            commands,
            [
                vec!["asterisk", "-x", "dialplan reload"],
                vec!["service", ""]
            ]
        );
        assert_eq!(recorded_commands(b""), Some(Vec::new()));
    }

    #[test]
    fn a_record_that_was_cut_or_invented_is_none() {
        for record in [
            &b"2\0asterisk\0"[..],
            b"x\0asterisk\0",
            b"0\0",
            b"1\0a",
            b"1\0\xff\0",
        ] {
            assert_eq!(recorded_commands(record), None, "{record:?}");
        }
        assert_eq!(recorded_commands(&b"1\0a\0".repeat(MOST + 1)), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let commands = recorded_commands(&bytes);
            prop_assert!(commands.is_none_or(|commands| commands.iter().all(|words| !words.is_empty())));
        }
    }
}
