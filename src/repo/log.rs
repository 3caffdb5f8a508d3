//! The audit log: a record for each commit, in their order, which is only ever added to.
//!
//! Each record's digest covers the one before it, and the last one is in the root and, signed, in each Release. So none can
//! be changed, dropped or moved without whatever came later saying so. The records are cut into segments, each an object that
//! names the one before; only the newest is written anew.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::storage::{Storage, Write};
use super::{RepoError, layout, object};
use crate::model::{Sha256, Timestamp};

/// How many records and events a segment has before the next one begins.
const SEGMENT: usize = 128;

/// One commit, and what happened in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// Counts the records, from 1.
    pub(super) number: u64,
    /// The commit's.
    pub(super) generation: u64,
    pub(super) time: Timestamp,
    /// The version of the program that made the commit.
    pub(super) program: String,
    pub(super) events: Vec<Event>,
}

/// A record, and the digest of it and everything before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) record: Record,
    pub(super) chain: Sha256,
}

/// Where the log is, and what its last record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    /// The chain's digest after the last record.
    head: Sha256,
    /// How many records there are.
    pub(super) records: u64,
    /// The object of the newest segment.
    segment: Sha256,
}

/// Some of the records that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Segment {
    /// The object of the segment before.
    previous: Option<Sha256>,
    /// The chain's digest before the first record.
    before: Sha256,
    records: Vec<Record>,
}

/// A segment as it was read back, with nothing in it that the chain does not bear out.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) digest: Sha256,
    /// Its records, oldest first.
    pub(super) links: Vec<Link>,
}

impl fmt::Display for Log {
    /// As it is in a Release: how many records there are, and the last one's digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.records, self.head)
    }
}

impl Log {
    /// The log with one more record, whose segment goes to `wave`; and the object that the segment takes the place of.
    pub(super) fn append(
        log: Option<&Self>,
        storage: &dyn Storage,
        record: Record,
        wave: &mut Vec<Write>,
    ) -> Result<(Self, Option<Sha256>), RepoError> {
        let (mut segment, replaced) = match log {
            None => (Segment::after(None, origin()), None),
            Some(log) => {
                let newest: Segment = object::load(storage, log.segment)?;
                if newest.is_full() {
                    (Segment::after(Some(log.segment), log.head), None)
                } else {
                    (newest, Some(log.segment))
                }
            }
        };
        let log = Self {
            head: chain(log.map_or(origin(), |log| log.head), &record)?,
            records: record.number,
            segment: {
                segment.records.push(record);
                object::add(&segment, wave)?
            },
        };
        Ok((log, replaced))
    }

    /// The log, verified while it is read, the newest segment first.
    pub(super) fn segments<'a>(log: Option<&Self>, storage: &'a dyn Storage) -> Segments<'a> {
        Segments {
            storage,
            next: log.cloned(),
        }
    }
}

impl Segment {
    fn after(previous: Option<Sha256>, before: Sha256) -> Self {
        Self {
            previous,
            before,
            records: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        let events: usize = self.records.iter().map(|record| record.events.len()).sum();
        self.records.len() + events >= SEGMENT
    }
}

/// What stands for the record before the first.
fn origin() -> Sha256 {
    Sha256::from_raw([0; 32])
}

/// The digest of a record and everything before it, of which `before` is the digest.
fn chain(before: Sha256, record: &Record) -> Result<Sha256, RepoError> {
    let mut bytes = before.bytes().to_vec();
    serde_json::to_writer(&mut bytes, record).map_err(|error| RepoError::State {
        place: layout::OBJECTS.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Sha256::of(&bytes))
}

/// The segments of a log, newest first. After the first that is not what it must be there is no other.
#[derive(Debug)]
pub(super) struct Segments<'a> {
    storage: &'a dyn Storage,
    /// What the log is before the segments that were read.
    next: Option<Log>,
}

impl Iterator for Segments<'_> {
    type Item = Result<Verified, RepoError>;

    fn next(&mut self) -> Option<Self::Item> {
        let log = self.next.take()?;
        Some(self.read(&log))
    }
}

impl Segments<'_> {
    fn read(&mut self, log: &Log) -> Result<Verified, RepoError> {
        let segment: Segment = object::load(self.storage, log.segment)?;
        let broken = |reason: &str| RepoError::State {
            place: self.storage.place(&layout::object(log.segment)),
            reason: format!("the audit log is not whole: {reason}"),
        };
        let (mut links, mut before) = (Vec::new(), segment.before);
        for record in segment.records {
            before = chain(before, &record)?;
            let chain = before;
            links.push(Link { record, chain });
        }
        if before != log.head {
            return Err(broken("its records are not those that were written"));
        }
        let numbers = links.iter().map(|link| link.record.number);
        let first = log.records.saturating_sub(links.len() as u64) + 1;
        if links.is_empty() || !numbers.eq(first..=log.records) {
            return Err(broken("its records do not count up"));
        }
        let rises = |pair: &[Link]| pair[0].record.generation < pair[1].record.generation;
        if !links.windows(2).all(rises) {
            return Err(broken("its records are not in the order of the commits"));
        }
        self.next = match (segment.previous, first) {
            (None, 1) if segment.before == origin() => None,
            (Some(previous), 2..) => Some(Log {
                head: segment.before,
                records: first - 1,
                segment: previous,
            }),
            _ => return Err(broken("its beginning is missing")),
        };
        Ok(Verified {
            digest: log.segment,
            links,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Channel, Target};
    use crate::repo::event::Action;
    use crate::repo::storage::FsStorage;

    fn suite() -> crate::model::Suite {
        crate::model::Suite {
            target: Target::Bookworm,
            channel: Channel::stable(),
        }
    }

    fn record(number: u64) -> Record {
        Record {
            number,
            generation: number + 3,
            time: Timestamp::from_seconds(1_000),
            program: "1".to_owned(),
            events: vec![Event::of_suite(Action::Refresh, &suite(), None)],
        }
    }

    /// A log of so many records, in a storage of its own.
    fn written(records: u64) -> (tempfile::TempDir, FsStorage, Log) {
        let folder = tempfile::tempdir().unwrap();
        let storage = FsStorage::new(folder.path().to_owned());
        let mut log = None;
        for number in 1..=records {
            let mut wave = Vec::new();
            let (next, _) = Log::append(log.as_ref(), &storage, record(number), &mut wave).unwrap();
            storage.write(wave).unwrap();
            log = Some(next);
        }
        (folder, storage, log.unwrap())
    }

    fn numbers(log: &Log, storage: &FsStorage) -> Result<Vec<u64>, RepoError> {
        let mut found = Vec::new();
        for segment in Log::segments(Some(log), storage) {
            found.extend(segment?.links.iter().rev().map(|link| link.record.number));
        }
        Ok(found)
    }

    #[test]
    fn every_record_is_read_back_newest_first_over_all_segments() {
        for count in [1, 63, 64, 65, 200] {
            let (_folder, storage, log) = written(count);
            let expected: Vec<_> = (1..=count).rev().collect();
            assert_eq!(numbers(&log, &storage).unwrap(), expected);
        }
        let (_folder, storage, log) = written(200);
        let segments = Log::segments(Some(&log), &storage).count();
        assert_eq!(segments, 4, "64 records with an event each fill a segment");
        assert_eq!(Log::segments(None, &storage).count(), 0);
    }

    /// Whoever writes objects and the root, but not the signed head, can change nothing.
    #[test]
    fn a_segment_that_was_changed_dropped_from_or_reordered_is_noticed() {
        let changes: [fn(&mut Segment); 6] = [
            |segment| segment.records[1].events[0].action = Action::Publish,
            |segment| segment.records[1].time = Timestamp::from_seconds(999),
            |segment| drop(segment.records.remove(1)),
            |segment| drop(segment.records.pop()),
            |segment| segment.records.swap(0, 1),
            |segment| segment.previous = None,
        ];
        for (n, change) in changes.iter().enumerate() {
            let (_folder, storage, log) = written(70);
            let mut segment: Segment = object::load(&storage, log.segment).unwrap();
            change(&mut segment);
            let mut wave = Vec::new();
            let forged = Log {
                segment: object::add(&segment, &mut wave).unwrap(),
                ..log
            };
            storage.write(wave).unwrap();
            let error = numbers(&forged, &storage).unwrap_err();
            assert!(
                error.to_string().contains("the audit log is not whole"),
                "{n}: {error}"
            );
        }
    }

    #[test]
    fn an_older_segment_cannot_take_the_place_of_another() {
        let (_folder, storage, log) = written(200);
        let newest: Segment = object::load(&storage, log.segment).unwrap();
        let middle: Segment = object::load(&storage, newest.previous.unwrap()).unwrap();
        let mut wave = Vec::new();
        let shorter = Segment {
            previous: middle.previous,
            ..newest
        };
        let forged = Log {
            segment: object::add(&shorter, &mut wave).unwrap(),
            ..log
        };
        storage.write(wave).unwrap();
        assert!(numbers(&forged, &storage).is_err());
    }
}
