//! An index against the naive one: all stanzas in a list, everything from nothing.

use std::io::Read as _;

use proptest::prelude::*;

use super::IndexError;
use super::log::*;
use super::shard::SEALED;
use crate::repo::storage::Expected;

/// An index with its files and, told another way, its stanzas.
struct Naive {
    state: IndexState,
    gz: Vec<u8>,
    xz: Vec<u8>,
    stanzas: Vec<(u64, String)>,
    next: u64,
}

impl Naive {
    fn new() -> Self {
        let made = IndexState::empty().unwrap();
        Self {
            state: made.state,
            gz: made.gz.rest,
            xz: made.xz.rest,
            stanzas: Vec::new(),
            next: 1,
        }
    }

    fn text(&self) -> String {
        let stanzas = self.stanzas.iter();
        stanzas.map(|(_, stanza)| format!("{stanza}\n")).collect()
    }

    fn take(&mut self, edited: &Edited) {
        let before = self.state.text(self.present()).unwrap();
        let plain = edited.plain.whole(before.as_bytes()).unwrap();
        let gz = edited.gz.whole(&self.gz).unwrap();
        let xz = edited.xz.whole(&self.xz).unwrap();
        let text = self.text();
        assert_eq!(String::from_utf8(plain).unwrap(), text);
        let files = edited.state.files();
        assert_eq!(files.plain, Expected::of(text.as_bytes()));
        assert_eq!(files.gz, Expected::of(&gz));
        assert_eq!(files.xz, Expected::of(&xz));
        let (mut from_gz, mut from_xz) = (String::new(), String::new());
        let mut decoder = flate2::bufread::MultiGzDecoder::new(gz.as_slice());
        decoder.read_to_string(&mut from_gz).unwrap();
        let mut decoder = liblzma::bufread::XzDecoder::new(xz.as_slice());
        decoder.read_to_string(&mut from_xz).unwrap();
        assert_eq!((&from_gz, &from_xz), (&text, &text));
        let json = serde_json::to_string(&edited.state).unwrap();
        self.state = serde_json::from_str(&json).unwrap();
        (self.gz, self.xz) = (gz, xz);
        let rebuilt = self.state.rebuild(self.stanzas.clone()).unwrap();
        assert_eq!(rebuilt.state, edited.state);
        assert_eq!((&rebuilt.gz.rest, &rebuilt.xz.rest), (&self.gz, &self.xz));
    }

    fn present(&self) -> Present<'_> {
        Present {
            gz: &self.gz,
            xz: &self.xz,
        }
    }

    /// The change that a step of a test means here, which is told to the stanzas too.
    fn change(&mut self, step: &Step) -> Option<Change> {
        let count = self.stanzas.len();
        match step {
            Step::Append(size) => {
                let serial = self.next;
                self.next += 1 + *size as u64 % 3;
                let stanza = stanza(serial, *size);
                self.stanzas.push((serial, stanza.clone()));
                Some(Change::Append { serial, stanza })
            }
            Step::Replace(place, size) => {
                let (serial, stanza_there) = self.stanzas.get_mut(place % count.max(1))?;
                let new = stanza(*serial, *size);
                let old = std::mem::replace(stanza_there, new.clone());
                Some(Change::Replace {
                    serial: *serial,
                    old,
                    new,
                })
            }
            Step::Remove(place) => {
                let place = place.checked_rem(count)?;
                let (serial, stanza) = self.stanzas.remove(place);
                Some(Change::Remove { serial, stanza })
            }
            Step::Compact => None,
        }
    }

    fn run(&mut self, steps: &[Step]) {
        if steps == [Step::Compact] {
            if let Some(edited) = self.state.compact(self.present()).unwrap() {
                assert!(edited.state.sealed() <= self.state.sealed());
                self.take(&edited);
            }
            return;
        }
        let changes: Vec<_> = steps.iter().filter_map(|step| self.change(step)).collect();
        let edited = self.state.edit(&changes, self.present()).unwrap();
        self.take(&edited);
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Append(usize),
    Replace(usize, usize),
    Remove(usize),
    Compact,
}

fn stanza(serial: u64, size: usize) -> String {
    let fill: String = (0..size)
        .map(|place| char::from(b'a' + (place * place % 23) as u8))
        .collect();
    format!("Package: p{serial}\nDescription: {fill}\n more\n")
}

fn step() -> impl Strategy<Value = Step> {
    // Large ones, so that a few make a shard.
    let size = || prop_oneof![0..200_usize, SEALED / 3..SEALED + 9];
    prop_oneof![
        4 => size().prop_map(Step::Append),
        1 => (any::<usize>(), size()).prop_map(|(place, size)| Step::Replace(place, size)),
        1 => any::<usize>().prop_map(Step::Remove),
        1 => Just(Step::Compact),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_changes_give_the_text_that_they_mean(
        batches in proptest::collection::vec(proptest::collection::vec(step(), 1..5), 1..7),
    ) {
        let mut naive = Naive::new();
        for batch in batches {
            naive.run(&batch);
        }
        naive.run(&[Step::Compact]);
    }
}

#[test]
fn one_by_one_and_at_once_give_the_same_files() {
    let stanzas: Vec<_> = (1..600)
        .map(|serial| (serial, stanza(serial, 700)))
        .collect();
    let at_once = IndexState::of(stanzas.clone()).unwrap();
    let mut naive = Naive::new();
    for (serial, stanza) in stanzas {
        let change = Change::Append { serial, stanza };
        let edited = naive.state.edit(&[change], naive.present()).unwrap();
        naive.gz = edited.gz.whole(&naive.gz).unwrap();
        naive.xz = edited.xz.whole(&naive.xz).unwrap();
        naive.state = edited.state;
    }
    assert_eq!(naive.state, at_once.state);
    assert!(naive.state.sealed() > 2);
    assert_eq!((naive.gz, naive.xz), (at_once.gz.rest, at_once.xz.rest));
}

#[test]
fn an_addition_keeps_all_that_is_sealed() {
    let stanzas = (1..600).map(|serial| (serial, stanza(serial, 700)));
    let made = IndexState::of(stanzas).unwrap();
    let present = Present {
        gz: &made.gz.rest,
        xz: &made.xz.rest,
    };
    let change = Change::Append {
        serial: 600,
        stanza: stanza(600, 10),
    };
    let edited = made.state.edit(&[change], present).unwrap();
    assert_eq!(edited.plain.kept, made.state.sealed_plain());
    assert!(edited.plain.rest.len() < SEALED);
    assert!(edited.xz.kept > edited.xz.rest.len() as u64);
}

#[test]
fn what_an_index_cannot_hold_is_named() {
    let made = IndexState::of([(5, "Package: a\n".to_owned())]).unwrap();
    let present = Present {
        gz: &made.gz.rest,
        xz: &made.xz.rest,
    };
    let append = |serial, stanza: &str| {
        let stanza = stanza.to_owned();
        let outcome = made
            .state
            .edit(&[Change::Append { serial, stanza }], present);
        outcome.unwrap_err().to_string()
    };
    insta::assert_snapshot!(append(5, "Package: b\n"), @"the stanza 5 comes too late, the next is 6 at least: serial numbers rise");
    insta::assert_snapshot!(append(6, "Package: b\n\n"), @"the stanza 6 is not one paragraph: it has an empty line");
    insta::assert_snapshot!(append(6, "Package: b\n.\n"), @"the stanza 6 is not one paragraph: a line of it is a single dot");
    insta::assert_snapshot!(append(6, "Package: b"), @"the stanza 6 is not one paragraph: its last line does not end");
    let remove = |stanza: &str| {
        let stanza = stanza.to_owned();
        made.state
            .edit(&[Change::Remove { serial: 5, stanza }], present)
    };
    assert!(matches!(
        remove("Package: b\n"),
        Err(IndexError::Missing { serial: 5 })
    ));
    assert!(matches!(
        remove("ckage: a\n"),
        Err(IndexError::Missing { .. })
    ));
    assert!(remove("Package: a\n").is_ok());
}

#[test]
fn a_damaged_file_is_named() {
    let made = IndexState::of([(1, stanza(1, 100))]).unwrap();
    let mut gz = made.gz.rest.clone();
    gz[20] ^= 1;
    for gz in [gz, Vec::new()] {
        let present = Present {
            gz: &gz,
            xz: &made.xz.rest,
        };
        let outcome = made.state.text(present);
        assert!(matches!(outcome, Err(IndexError::Damaged { .. })));
    }
}
