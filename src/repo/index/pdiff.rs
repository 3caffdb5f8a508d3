//! Differences that take a host from an index that it has to the present one (`Packages.diff`).
//!
//! A past index is a table of pieces: which of its lines are still there, and how many new ones are between them. A change of
//! the index changes each table. The ed script that follows from it is all that a host with that past index fetches: the
//! patches are merged, one for each past (apt-pkg/acquire-item.cc and methods/rred.cc are the format's definition; the fields
//! are those of dak's `Packages.diff/Index`).

use serde::{Deserialize, Serialize};

use super::error::IndexError;
use super::gzip;
use super::log::{Edited, IndexState};
use super::pieces::Pieces;
use super::shard::Effort;
use crate::model::Timestamp;
use crate::repo::storage::Expected;

/// How many past indices are kept: each costs every publication one small file.
const KEPT: usize = 6;

/// How long a past index is kept, in seconds.
const AGE: i64 = 7 * 24 * 3600;

/// The indices that hosts may have, and what has changed since. It is kept beside the index's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::repo) struct History {
    past: Vec<Past>,
}

/// An index that was published once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Past {
    plain: Expected,
    /// When it was published, and when it was replaced: hosts have most likely what was there longest.
    since: Timestamp,
    until: Timestamp,
    pieces: Pieces,
}

/// The files of `Packages.diff`, which the Release lists or names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::repo) struct Patches {
    /// `Packages.diff/Index`.
    pub(in crate::repo) index: String,
    /// Immutable; hosts that read an `Index` a moment ago still ask for those of the time before.
    pub(in crate::repo) patches: Vec<Patch>,
}

/// One patch, as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::repo) struct Patch {
    /// Its name in `Packages.diff`, which no other patch ever has.
    pub(in crate::repo) name: String,
    pub(in crate::repo) bytes: Vec<u8>,
}

impl History {
    /// The history after a change of the index from `before`, which was published at `since`, and the patches to it. `gz` is
    /// the `Packages.gz` of the changed index. Without anything that a host could use, there are no patches.
    ///
    /// # Errors
    ///
    /// See [`IndexError`].
    pub(in crate::repo) fn advance(
        &self,
        before: &IndexState,
        since: Timestamp,
        edited: &Edited,
        now: Timestamp,
        gz: &[u8],
    ) -> Result<(Self, Option<Patches>), IndexError> {
        let mut past = self.past.clone();
        if before.lines() > 0 {
            past.push(Past {
                plain: before.files().plain,
                since,
                until: now,
                pieces: Pieces::unchanged(before.lines()),
            });
        }
        for one in &mut past {
            for edit in &edited.edits {
                one.pieces.edit(*edit);
            }
        }
        let present = edited.state.files().plain;
        past.retain(|one| {
            let young = now.seconds().saturating_sub(one.until.seconds()) <= AGE;
            young && one.plain != present && one.pieces.is_small()
        });
        thin(&mut past);
        let mut history = Self { past };
        let mut scripts = history.scripts(&edited.state, gz)?;
        // A patch that is half of the index saves nothing worth a second request.
        let whole = edited.state.files().xz.size;
        let good: Vec<_> = scripts
            .iter()
            .map(|script| script.patch.bytes.len() as u64 * 2 <= whole)
            .collect();
        let mut flags = good.iter();
        history.past.retain(|_| flags.next() == Some(&true));
        let mut flags = good.iter();
        scripts.retain(|_| flags.next() == Some(&true));
        Ok((history, listed(present, scripts)))
    }

    /// The patches again, from the history alone.
    ///
    /// # Errors
    ///
    /// See [`IndexError`].
    pub(in crate::repo) fn rebuild(
        &self,
        state: &IndexState,
        gz: &[u8],
    ) -> Result<Option<Patches>, IndexError> {
        Ok(listed(state.files().plain, self.scripts(state, gz)?))
    }

    fn scripts(&self, state: &IndexState, gz: &[u8]) -> Result<Vec<Script>, IndexError> {
        let (mut scripts, mut texts) = (Vec::new(), state.texts(gz));
        for past in &self.past {
            let text = past.pieces.script(|at, count| texts.lines(at, count))?;
            let (from, to) = (short(past.plain), short(state.files().plain));
            scripts.push(Script {
                past: past.plain,
                plain: Expected::of(text.as_bytes()),
                patch: Patch {
                    name: format!("T-{to}-F-{from}.gz"),
                    bytes: gzip::member(text.as_bytes(), Effort::Best)?,
                },
            });
        }
        Ok(scripts)
    }
}

/// Enough of a digest that no two indices of a repository share it.
fn short(content: Expected) -> String {
    content.sha256.to_string().chars().take(16).collect()
}

/// A patch and what the index says of it.
struct Script {
    past: Expected,
    plain: Expected,
    patch: Patch,
}

/// Leaves the last past, and of the others those that were there longest; of equals the later.
fn thin(past: &mut Vec<Past>) {
    while past.len() > KEPT {
        let others = past.len() - 1;
        let reign = |one: &Past| one.until.seconds().saturating_sub(one.since.seconds());
        let shortest = past
            .iter()
            .take(others)
            .enumerate()
            .min_by_key(|(_, one)| reign(one))
            .map_or(0, |(place, _)| place);
        past.remove(shortest);
    }
}

/// What apt reads: the present index, the past ones, and what leads from each of them to the present.
fn listed(present: Expected, scripts: Vec<Script>) -> Option<Patches> {
    if scripts.is_empty() {
        return None;
    }
    let line =
        |content: Expected, name: &str| format!(" {} {} {name}\n", content.sha256, content.size);
    let mut index = format!("SHA256-Current: {} {}\n", present.sha256, present.size);
    let (mut history, mut plain, mut download) = (String::new(), String::new(), String::new());
    for script in &scripts {
        let file = script.patch.name.as_str();
        let name = file.trim_end_matches(".gz");
        history.push_str(&line(script.past, name));
        plain.push_str(&line(script.plain, name));
        download.push_str(&line(Expected::of(&script.patch.bytes), file));
    }
    index.push_str(&format!(
        "SHA256-History:\n{history}SHA256-Patches:\n{plain}SHA256-Download:\n{download}X-Patch-Precedence: merged\n"
    ));
    Some(Patches {
        index,
        patches: scripts.into_iter().map(|script| script.patch).collect(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::log::{Change, Present};
    use super::*;

    fn stanza(serial: u64, size: usize) -> String {
        let noise = (0..size as u64).map(|line| format!(" {}\n", (serial * 7919 + line) ^ 0x5a5a));
        format!("Package: p{serial}\n{}", noise.collect::<String>())
    }

    /// Applies an ed script with the commands that apt knows.
    fn apply(text: &str, script: &str) -> String {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut commands = script.split_inclusive('\n');
        let mut above = usize::MAX;
        while let Some(command) = commands.next() {
            let command = command.trim_end();
            let (place, verb) = command.split_at(command.len() - 1);
            let (first, last) = place.split_once(',').unwrap_or((place, place));
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            assert!(last < above, "line numbers fall: {script}");
            above = first;
            let range = match verb {
                "a" => last..last,
                _ => first - 1..last,
            };
            let added = match verb {
                "d" => Vec::new(),
                _ => commands
                    .by_ref()
                    .take_while(|line| *line != ".\n")
                    .collect(),
            };
            lines.splice(range, added);
        }
        lines.concat()
    }

    struct Published {
        state: IndexState,
        gz: Vec<u8>,
        xz: Vec<u8>,
        text: String,
        history: History,
        texts: Vec<String>,
    }

    impl Published {
        fn new(count: u64) -> Self {
            let made =
                IndexState::of((1..=count).map(|serial| (serial, stanza(serial, 12)))).unwrap();
            Self {
                text: String::from_utf8(made.plain.rest).unwrap(),
                state: made.state,
                gz: made.gz.rest,
                xz: made.xz.rest,
                history: History::default(),
                texts: Vec::new(),
            }
        }

        fn publish(&mut self, changes: &[Change], date: i64) -> Option<Patches> {
            let present = Present {
                gz: &self.gz,
                xz: &self.xz,
            };
            let edited = self.state.edit(changes, present).unwrap();
            let gz = edited.gz.whole(&self.gz).unwrap();
            let (since, now) = (
                Timestamp::from_seconds(date - 1),
                Timestamp::from_seconds(date),
            );
            let (history, patches) = self
                .history
                .advance(&self.state, since, &edited, now, &gz)
                .unwrap();
            assert_eq!(history.rebuild(&edited.state, &gz).unwrap(), patches);
            let text =
                String::from_utf8(edited.plain.whole(self.text.as_bytes()).unwrap()).unwrap();
            self.texts.push(std::mem::replace(&mut self.text, text));
            self.xz = edited.xz.whole(&self.xz).unwrap();
            let json = serde_json::to_string(&history).unwrap();
            self.history = serde_json::from_str(&json).unwrap();
            (self.state, self.gz) = (edited.state, gz);
            self.check(patches.as_ref());
            patches
        }

        /// Each patch, applied to the past that the index names, gives the present.
        fn check(&self, patches: Option<&Patches>) {
            for past in &self.history.past {
                let text = self
                    .texts
                    .iter()
                    .find(|text| Expected::of(text.as_bytes()) == past.plain);
                let (name, patches) = (short(past.plain), patches.unwrap());
                let patch = patches
                    .patches
                    .iter()
                    .find(|patch| patch.name.contains(&name))
                    .unwrap();
                let mut decoder = flate2::bufread::GzDecoder::new(patch.bytes.as_slice());
                let mut script = String::new();
                std::io::Read::read_to_string(&mut decoder, &mut script).unwrap();
                assert_eq!(apply(text.unwrap(), &script), self.text);
                let listed = |content: Expected, name: &str| {
                    let line = format!(" {} {} {name}\n", content.sha256, content.size);
                    assert!(patches.index.contains(&line), "{}", patches.index);
                };
                listed(past.plain, patch.name.trim_end_matches(".gz"));
                listed(
                    Expected::of(script.as_bytes()),
                    patch.name.trim_end_matches(".gz"),
                );
                listed(Expected::of(&patch.bytes), &patch.name);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_patch_gives_the_present_text(
            steps in proptest::collection::vec((0..4_u8, any::<prop::sample::Index>()), 1..24),
        ) {
            let mut published = Published::new(60);
            let mut there: Vec<_> = (1..=60).map(|serial| (serial, stanza(serial, 12))).collect();
            let mut next = 61;
            for (date, (kind, place)) in (1000..).step_by(10).zip(steps) {
                let place = place.index(there.len());
                let (serial, old) = there[place].clone();
                let change = match kind {
                    0 => {
                        there.remove(place);
                        Change::Remove { serial, stanza: old }
                    }
                    1 => {
                        let new = stanza(serial, old.len() % 9 + 1);
                        there[place].1 = new.clone();
                        Change::Replace { serial, old, new }
                    }
                    _ => {
                        let stanza = stanza(next, 5);
                        there.push((next, stanza.clone()));
                        next += 1;
                        Change::Append { serial: next - 1, stanza }
                    }
                };
                published.publish(&[change], date);
            }
            prop_assert!(published.history.past.len() <= KEPT);
        }
    }

    fn append(serial: u64) -> Change {
        let stanza = stanza(serial, 2);
        Change::Append { serial, stanza }
    }

    #[test]
    fn an_addition_is_one_short_patch() {
        let mut published = Published::new(100);
        let patches = published.publish(&[append(101)], 1000).unwrap();
        assert_eq!(patches.patches.len(), 1);
        assert!(patches.patches[0].bytes.len() < 100);
        assert!(patches.index.ends_with("X-Patch-Precedence: merged\n"));
    }

    #[test]
    fn what_was_there_longest_is_kept() {
        let mut published = Published::new(100);
        // The first index lasts a day; then there is a busy minute.
        published.publish(&[append(101)], 100_000);
        published.history.past[0].since = Timestamp::from_seconds(10_000);
        let first = published.history.past[0].plain;
        for serial in 102..120 {
            published.publish(&[append(serial)], 100_000 + serial.cast_signed());
        }
        assert_eq!(published.history.past.len(), KEPT);
        assert_eq!(published.history.past[0].plain, first);
    }

    #[test]
    fn the_old_and_the_costly_are_forgotten() {
        let mut published = Published::new(100);
        published.publish(&[append(101)], 1000);
        published.publish(&[append(102)], 1000 + AGE + 1);
        assert_eq!(published.history.past.len(), 1);
        let many: Vec<_> = (103..400).map(append).collect();
        assert_eq!(published.publish(&many, 1001 + AGE), None);
    }
}
