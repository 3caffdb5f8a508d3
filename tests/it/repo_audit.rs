//! What was shipped can be told from the repository alone, and nobody changes the log of it unnoticed.

use std::path::PathBuf;

use plugfarm::model::{Actor, Sha256, Target};
use plugfarm::repo::{AuditAction, AuditQuery, Audited};
use serde_json::Value;

use crate::repo_lab::{Lab, Package, suite};

const ROOT: &str = ".state/repository.json";

fn everything(lab: &Lab) -> Vec<Audited> {
    lab.repository.audit(&AuditQuery::default()).unwrap()
}

/// Two plugins and a refresh, by somebody.
fn shipped() -> Lab {
    let mut lab = Lab::new();
    let alice = Actor::new("alice").unwrap();
    lab.repository = lab.repository.clone().operated_by(Some(alice));
    lab.publish(&Package::new("one", "1.0")).unwrap();
    let other = Package::new("two", "2.0").with(|package| package.commit = 'b');
    lab.publish(&other).unwrap();
    let lock = lab.repository.lock().unwrap();
    let suites = [suite(Target::Bookworm)];
    lab.repository
        .refresh(&lock, &suites, lab.tick(), &lab.keys)
        .unwrap();
    lab
}

#[test]
fn the_log_says_what_entered_when_and_by_whom() {
    let lab = shipped();
    let found = everything(&lab);
    let said: Vec<_> = found
        .iter()
        .map(|one| {
            let event = &one.event;
            let package = event.about.as_ref().map(|about| about.package.as_str());
            let by = event.by.as_ref().map(Actor::as_str);
            (one.generation, event.action, package, by)
        })
        .collect();
    let (alice, publish) = (Some("alice"), AuditAction::Publish);
    let expected = [
        (3, AuditAction::Refresh, None, alice),
        (2, publish, Some("wazo-plugind-two-demo"), alice),
        (1, publish, Some("wazo-plugind-one-demo"), alice),
        (
            1,
            AuditAction::Keyring,
            Some("plugfarm-local-keyring"),
            None,
        ),
    ];
    assert_eq!(said, expected);
    assert!(found.is_sorted_by_key(|one| std::cmp::Reverse(one.time)));
    let two = found[1].event.about.as_ref().unwrap();
    let statement = lab.repository.proof(two.sha256).unwrap().unwrap();
    assert_eq!(statement.statement().commit(), two.commit.as_ref());
    let keyring = found[3].event.about.as_ref().unwrap().sha256;
    assert_eq!(lab.repository.proof(keyring).unwrap(), None);
    assert_eq!(lab.problems(), [""; 0]);
}

#[test]
fn the_log_is_asked_for_a_package_a_commit_or_a_time() {
    let lab = shipped();
    let ask = |query: AuditQuery| lab.repository.audit(&query).unwrap().len();
    let of = |commit: &str| AuditQuery {
        commit: Some(commit.to_owned()),
        ..AuditQuery::default()
    };
    assert_eq!((ask(of("bbbb")), ask(of("BBBB")), ask(of("c"))), (1, 1, 0));
    let one = AuditQuery {
        package: Some("wazo-plugind-one-demo".to_owned()),
        ..AuditQuery::default()
    };
    assert_eq!(ask(one), 1);
    let since = Some(everything(&lab)[1].time);
    let later = AuditQuery {
        since,
        ..AuditQuery::default()
    };
    assert_eq!(ask(later), 2);
}

#[test]
fn the_same_content_again_is_no_event() {
    let lab = shipped();
    let before = everything(&lab);
    lab.publish(&Package::new("one", "1.0")).unwrap();
    assert_eq!(everything(&lab), before);
}

fn root(lab: &Lab) -> Value {
    serde_json::from_str(&lab.text(ROOT)).unwrap()
}

fn segment(lab: &Lab) -> PathBuf {
    let digest = root(lab)["log"]["segment"].as_str().unwrap().to_owned();
    lab.path(&format!(".state/objects/{digest}"))
}

/// Writes the newest segment anew, as somebody would who can write every file but has no key; `chained` if they also
/// reckon the chain anew.
fn forge(lab: &Lab, chained: bool, change: impl FnOnce(&mut Vec<Value>)) {
    let bytes = fs_err::read(segment(lab)).unwrap();
    let text = zstd::decode_all(bytes.as_slice()).unwrap();
    let mut value: Value = serde_json::from_slice(&text).unwrap();
    change(value["records"].as_array_mut().unwrap());
    let bytes = zstd::encode_all(value.to_string().as_bytes(), 3).unwrap();
    let digest = Sha256::of(&bytes);
    fs_err::write(lab.path(&format!(".state/objects/{digest}")), &bytes).unwrap();

    let mut root = root(lab);
    root["log"]["segment"] = digest.to_string().into();
    if chained {
        let records = value["records"].as_array().unwrap();
        let head = records
            .iter()
            .fold(Sha256::from_raw([0; 32]), |head, record| {
                Sha256::of(&[head.bytes().as_slice(), record.to_string().as_bytes()].concat())
            });
        root["log"]["head"] = head.to_string().into();
        root["log"]["records"] = records.len().into();
    }
    fs_err::write(lab.path(ROOT), root.to_string()).unwrap();
}

fn is_noticed(lab: &Lab, what: &str) {
    let error = lab.repository.audit(&AuditQuery::default()).unwrap_err();
    let says = |text: &str| text.contains("audit log") || text.contains("it was changed");
    assert!(says(&error.to_string()), "{what}: {error}");
    let problems = lab.problems();
    assert!(problems.iter().any(|one| says(one)), "{what}: {problems:?}");
}

/// How somebody would rather have it.
type Wish = (&'static str, fn(&mut Vec<Value>));

const WISHES: &[Wish] = &[
    ("edited", |records| {
        records[1]["events"][0]["by"] = "mallory".into();
    }),
    ("dropped", |records| drop(records.remove(1))),
    ("cut off", |records| drop(records.pop())),
    ("emptied", |records| records.clear()),
    ("reordered", |records| records.swap(0, 1)),
    ("added to", |records| {
        let mut more = records[2].clone();
        more["number"] = 4.into();
        more["generation"] = 4.into();
        records.push(more);
    }),
];

#[test]
fn whoever_changes_the_log_is_noticed() {
    for (what, change) in WISHES {
        let lab = shipped();
        forge(&lab, false, change);
        is_noticed(&lab, what);
    }
}

#[test]
fn whoever_changes_the_log_and_the_root_is_noticed_by_what_was_signed() {
    for (what, change) in WISHES {
        let lab = shipped();
        forge(&lab, true, change);
        is_noticed(&lab, what);
    }
    // That nothing else is noticed: what was not changed is still good.
    let lab = shipped();
    forge(&lab, true, |_| {});
    assert_eq!(lab.problems(), [""; 0]);
}

#[test]
fn a_damaged_file_of_the_log_is_named() {
    let lab = shipped();
    let path = segment(&lab);
    let mut bytes = fs_err::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(&path, bytes).unwrap();
    is_noticed(&lab, "damaged");
    // Nothing is published onto what cannot be read.
    let next = lab.publish(&Package::new("three", "1.0")).unwrap_err();
    assert!(next.to_string().contains("it was changed"), "{next}");
}

#[test]
fn a_long_log_stays_whole_and_its_segments_are_kept() {
    let lab = Lab::new();
    lab.publish(&Package::new("one", "1.0")).unwrap();
    let lock = lab.repository.lock().unwrap();
    let suites = [suite(Target::Bookworm)];
    for _ in 0..70 {
        lab.repository
            .refresh(&lock, &suites, lab.tick(), &lab.keys)
            .unwrap();
    }
    let found = everything(&lab);
    assert_eq!(found.len(), 72);
    let later = lab.later(3 * 24 * 3600);
    lab.repository.collect(&lock, later).unwrap();
    drop(lock);
    assert_eq!(everything(&lab), found);
    assert_eq!(lab.problems(), [""; 0]);
}
