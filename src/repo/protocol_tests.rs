//! The protocol under every interleaving of two publishers who know of no lock, and die between any two steps.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::ledger::tests::published;
use super::storage::{
    Content, Expected, FsStorage, Lease, Listed, Object, Storage, StorageError, Tag, Write,
};
use super::suite_draft::Change;
use super::tests::repository;
use super::{RepoError, Repository, layout};
use crate::model::{
    Channel, ReleaseToSign, SignedRelease, Signer, SigningError, StatementSignature, Suite, Target,
    Timestamp,
};

/// Whose turn it is.
#[derive(Debug, Default)]
struct Turns {
    /// Who takes the next steps; anybody, when it is empty.
    schedule: Vec<usize>,
    /// Who takes no more steps.
    done: [bool; 2],
}

#[derive(Debug, Default)]
struct Stage {
    turns: Mutex<Turns>,
    moved: Condvar,
}

impl Stage {
    fn wait(&self, me: usize) {
        let mut turns = self.turns.lock().unwrap();
        loop {
            while turns.schedule.last().is_some_and(|next| turns.done[*next]) {
                turns.schedule.pop();
            }
            match turns.schedule.last() {
                Some(next) if *next != me => turns = self.moved.wait(turns).unwrap(),
                _ => {
                    turns.schedule.pop();
                    self.moved.notify_all();
                    return;
                }
            }
        }
    }

    fn leave(&self, me: usize) {
        self.turns.lock().unwrap().done[me] = true;
        self.moved.notify_all();
    }
}

/// The file system for one publisher, who takes steps in turn and dies after some.
#[derive(Debug)]
struct Mortal {
    inner: FsStorage,
    stage: Arc<Stage>,
    me: usize,
    /// How many steps are left.
    life: Mutex<usize>,
}

#[derive(Debug)]
struct NoLock;

impl Lease for NoLock {
    fn check(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

impl Mortal {
    /// One step; of those who are dead there is none.
    fn step(&self) -> Result<&FsStorage, StorageError> {
        self.stage.wait(self.me);
        let mut life = self.life.lock().unwrap();
        *life = life.checked_sub(1).ok_or_else(|| StorageError::Damaged {
            place: "a dead publisher".to_owned(),
        })?;
        Ok(&self.inner)
    }
}

impl Storage for Mortal {
    fn get(&self, key: &str, limit: u64) -> Result<Option<Bytes>, StorageError> {
        self.step()?.get(key, limit)
    }

    fn tagged(&self, key: &str, limit: u64) -> Result<Option<Object>, StorageError> {
        self.step()?.tagged(key, limit)
    }

    fn head(&self, key: &str) -> Result<Option<Listed>, StorageError> {
        self.step()?.head(key)
    }

    fn digest(&self, key: &str) -> Result<Option<Expected>, StorageError> {
        self.step()?.digest(key)
    }

    fn download(
        &self,
        key: &str,
        file: &std::fs::File,
        path: &Path,
    ) -> Result<Option<Expected>, StorageError> {
        self.step()?.download(key, file, path)
    }

    fn write(&self, wave: Vec<Write>) -> Result<(), StorageError> {
        wave.into_iter()
            .try_for_each(|write| self.step()?.write(vec![write]))
    }

    fn swap(
        &self,
        key: &str,
        bytes: &[u8],
        seen: Option<&Tag>,
        date: Timestamp,
    ) -> Result<Option<Tag>, StorageError> {
        self.step()?.swap(key, bytes, seen, date)
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError> {
        self.step()?.list(folder)
    }

    fn delete(&self, keys: &[String]) -> Result<(), StorageError> {
        self.step()?.delete(keys)
    }

    fn acquire(&self, _patience: Duration) -> Result<Box<dyn Lease>, StorageError> {
        Ok(Box::new(NoLock))
    }

    fn place(&self, key: &str) -> String {
        self.inner.place(key)
    }

    fn folder(&self) -> Option<&Path> {
        self.inner.folder()
    }
}

/// Signs whatever it is shown: what is signed is another story.
pub(super) struct Anything;

impl Signer for Anything {
    fn sign_release(&self, release: &ReleaseToSign<'_>) -> Result<SignedRelease, SigningError> {
        Ok(SignedRelease {
            in_release: [b"signed\n", release.release].concat(),
            release_gpg: b"signed\n".to_vec(),
        })
    }

    fn sign_statement(
        &self,
        _payload_type: &str,
        _payload: &[u8],
    ) -> Result<Vec<StatementSignature>, SigningError> {
        Ok(Vec::new())
    }
}

fn suite(target: Target) -> Suite {
    Suite {
        target,
        channel: Channel::stable(),
    }
}

/// Publishes one package, for both releases or one; gives whether the publisher knows that it is published.
fn publish(repository: &Repository, name: &str, targets: &[Target]) -> Result<(), RepoError> {
    let lock = repository.lock()?;
    let now = Timestamp::from_seconds(1_769_860_800);
    let ((), _) = repository.transact(&lock, now, &Anything, &|draft| {
        let stanza = format!("Package: {name}\nVersion: 1.0\nArchitecture: all\n");
        let mut package = published(name, "1.0", stanza);
        let bytes = Bytes::from(format!("the package {name}"));
        let content = Expected::of(&bytes);
        (package.sha256, package.size) = (content.sha256, content.size);
        let key = package.filename.clone();
        draft
            .wave
            .push(Write::immutable(key, Content::Bytes(bytes), content));
        for target in targets {
            draft.change(&suite(*target), Change::add(package.clone()))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn unsigned(in_release: &[u8]) -> Result<Vec<u8>, String> {
    let release = in_release.strip_prefix(b"signed\n");
    release
        .map(<[u8]>::to_vec)
        .ok_or_else(|| "no signature".to_owned())
}

/// What hosts can see, who look everything up by its content: the packages of each suite.
fn seen(repository: &Repository) -> Vec<String> {
    let (storage, mut found) = (repository.storage(), Vec::new());
    for target in Target::ALL {
        let folder = layout::dists(&suite(target));
        let Some(signed) = storage
            .get(&format!("{folder}/InRelease"), 1 << 20)
            .unwrap()
        else {
            continue;
        };
        let release = String::from_utf8(unsigned(&signed).unwrap()).unwrap();
        for (path, content) in super::root::listed(&release) {
            let key = format!("{folder}/{}", layout::by_hash(&path, content.sha256));
            assert_eq!(storage.digest(&key).unwrap(), Some(content), "{key}");
            if path == "main/binary-amd64/Packages" {
                let text = storage.get(&key, 1 << 20).unwrap().unwrap();
                let text = String::from_utf8(text.to_vec()).unwrap();
                let names = text
                    .lines()
                    .filter_map(|line| line.strip_prefix("Package: "));
                found.extend(names.map(|name| format!("{target} {name}")));
            }
        }
    }
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn two_publishers_who_die_anywhere_lose_nothing_and_leave_no_broken_moment(
        schedule in proptest::collection::vec(0..2_usize, 0..160),
        lives in [0..220_usize, 0..220],
    ) {
        let (folder, mut clean) = repository();
        let inner = FsStorage::new(folder.path().join("repository"));
        clean.storage = Arc::new(inner.clone());
        let stage = Arc::new(Stage::default());
        stage.turns.lock().unwrap().schedule = schedule;
        let known: Vec<Vec<String>> = std::thread::scope(|scope| {
            let publishers = [0, 1].map(|me| {
                let mut repository = clean.clone();
                repository.storage = Arc::new(Mortal {
                    inner: inner.clone(),
                    stage: Arc::clone(&stage),
                    me,
                    life: Mutex::new(lives[me]),
                });
                let stage = Arc::clone(&stage);
                scope.spawn(move || {
                    let mut known = Vec::new();
                    for (n, targets) in [&Target::ALL[..], &Target::ALL[me..=me]].iter().enumerate() {
                        let name = format!("p{me}{n}");
                        if publish(&repository, &name, targets).is_ok() {
                            known.extend(targets.iter().map(|target| format!("{target} {name}")));
                        }
                    }
                    stage.leave(me);
                    known
                })
            });
            publishers.map(|publisher| publisher.join().unwrap()).into()
        });
        let before = seen(&clean);
        drop(clean.lock().unwrap());
        let after = seen(&clean);
        prop_assert!(before.iter().all(|one| after.contains(one)), "{before:?} {after:?}");
        for one in known.iter().flatten() {
            prop_assert!(after.contains(one), "{one} was published: {after:?}");
        }
        for name in ["p00", "p10"] {
            let on: Vec<_> = after.iter().filter(|one| one.ends_with(name)).collect();
            prop_assert!(on.is_empty() || on.len() == 2, "{on:?}: on both releases or on none");
        }
        let checked = clean.check(&unsigned).unwrap();
        prop_assert_eq!(checked.problems, Vec::<String>::new());
    }
}
