//! The repository in a bucket: real hosts install from it, farms share it, and the connection to it fails in every way.

use std::io::Read as _;
use std::time::Duration;

use plugfarm::config::S3Config;
use plugfarm::model::{Actor, FailureCode, Reason, Sha256, Stage, Target, Timestamp};
use plugfarm::pipeline::verify_package;
use plugfarm::repo::{
    AuditQuery, Publication, Rebuilt, RepoError, Repository, Retention, Retired, RollbackRequest,
};
use plugfarm::sign::verify_in_release;

use crate::fault_proxy::{Fault, FaultProxy};
use crate::object_store::{BUCKET, ObjectStore, with_credentials};
use crate::repo_host::Host;
use crate::repo_lab::{DAY, Lab, Package, clock, publish_in, read_strictly_from, settings, suite};

const PREFIX: &str = "farms/local";
const PACKAGE: &str = "wazo-plugind-hello-demo";

macro_rules! with_credentials {
    ($test:literal, $body:expr) => {
        with_credentials(concat!(module_path!(), "::", $test), || $body)
    };
}

/// A farm's way to the bucket.
fn repository(lab: &Lab, endpoint: &str) -> Repository {
    repository_with(lab, endpoint, |_| {})
}

fn repository_with(lab: &Lab, endpoint: &str, change: impl FnOnce(&mut S3Config)) -> Repository {
    let mut config = S3Config {
        bucket: BUCKET.to_owned(),
        prefix: PREFIX.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        region: None,
        path_style: true,
        certificates: None,
        profile: None,
        single_writer: false,
        timeout: Duration::from_secs(60),
    };
    change(&mut config);
    let mut settings = settings(&lab.keys);
    settings.url = Some(format!("http://127.0.0.1:8000/{BUCKET}/{PREFIX}"));
    Repository::in_bucket(&config, None, None, settings).unwrap()
}

fn publish(
    lab: &Lab,
    repository: &Repository,
    package: &Package,
) -> Result<Publication, RepoError> {
    let publishable = lab.open(package)?;
    let suite = suite(package.target);
    publish_in(repository, &lab.keys, &suite, &[publishable], clock())
}

fn problems(lab: &Lab, repository: &Repository) -> Vec<String> {
    let keyring = &lab.keys.public().archive_keyring;
    let verify = |in_release: &[u8]| {
        verify_in_release(in_release, keyring, clock()).map_err(|error| error.to_string())
    };
    repository.check(&verify).unwrap().problems
}

/// What hosts find, who believe nothing.
fn seen(lab: &Lab, store: &ObjectStore) -> Vec<String> {
    let fetch = |key: &str| store.fetch(&format!("{PREFIX}/{key}")).unwrap().1;
    let keyring = &lab.keys.public().archive_keyring;
    read_strictly_from(&fetch, &suite(Target::Bookworm), keyring)
}

#[test]
fn what_is_in_a_bucket_is_fetched_proven_and_brought_back() {
    with_credentials!("what_is_in_a_bucket_is_fetched_proven_and_brought_back", {
        let (lab, store) = (Lab::new(), ObjectStore::moto());
        let repository = repository(&lab, &store.endpoint());
        for n in 0..2 {
            publish(&lab, &repository, &version(n)).unwrap();
        }
        let history = repository.history(PACKAGE, Target::Bookworm).unwrap();
        let file = repository.fetch(&history[0]).unwrap();
        assert_eq!(
            Sha256::of(&fs_err::read(file.path()).unwrap()),
            history[0].sha256
        );
        // Nothing lies beside it: its evidence is in the bucket.
        let verified = verify_package(file.path(), &[lab.statement_key()], Some(&repository));
        assert_eq!(verified.unwrap().provenance.deb().sha256, history[0].sha256);
        assert!(verify_package(file.path(), &[lab.statement_key()], None).is_err());

        let request = RollbackRequest {
            package: PACKAGE.to_owned(),
            to: None,
            channel: None,
            by: Actor::new("alice").unwrap(),
            reason: Reason::new("because").unwrap(),
        };
        let lock = repository.lock().unwrap();
        let now = Timestamp::from_seconds(clock().seconds() + 1);
        let back = repository.roll_back(&lock, &request, now, &lab.keys);
        assert_eq!(back.unwrap()[0].to, history[0].version);
        drop(lock);
        assert_eq!(problems(&lab, &repository), Vec::<String>::new());
    });
}

fn version(n: usize) -> Package {
    Package::new("hello", &format!("1.{n}"))
}

#[test]
fn hosts_install_from_a_bucket() {
    with_credentials!("hosts_install_from_a_bucket", {
        let (lab, store) = (Lab::new(), ObjectStore::seaweed());
        let repository = repository(&lab, &store.endpoint());
        for target in Target::ALL {
            let package = version(0).with(|package| package.target = target);
            publish(&lab, &repository, &package).unwrap();
            let host = Host::relayed(target, store.port);
            let (name, _) = repository.keyring(target).unwrap().unwrap();
            let (_, keyring) = store.fetch(&format!("{PREFIX}/{name}")).unwrap();
            host.install_file(&keyring);
            host.update();
            host.run(&format!("apt-get install --yes {PACKAGE}"))
                .succeeds();
            let package = version(1).with(|package| package.target = target);
            publish(&lab, &repository, &package).unwrap();
            host.update();
            host.run("apt-get upgrade --yes").succeeds();
            assert!(host.version(PACKAGE).starts_with("1.1-0+"), "{target}");
        }
        // Two packages and the keyring package, for each release.
        let told = repository.audit(&AuditQuery::default()).unwrap();
        assert_eq!(told.len(), 3 * Target::ALL.len());
        assert_eq!(problems(&lab, &repository), Vec::<String>::new());
    });
}

#[test]
fn two_farms_on_one_bucket_lose_nothing() {
    with_credentials!("two_farms_on_one_bucket_lose_nothing", {
        let (lab, store) = (Lab::new(), ObjectStore::moto());
        let packages = |name: &str| -> Vec<_> {
            let package = |n| lab.open(&Package::new(name, &format!("1.{n}"))).unwrap();
            (0..3).map(package).collect()
        };
        let work = [packages("one"), packages("two")];
        std::thread::scope(|scope| {
            for packages in work {
                let repository = repository(&lab, &store.endpoint());
                let keys = &lab.keys;
                scope.spawn(move || {
                    for package in packages {
                        let suite = suite(Target::Bookworm);
                        publish_in(&repository, keys, &suite, &[package], clock()).unwrap();
                    }
                });
            }
        });
        let found = seen(&lab, &store);
        let plugins = found.iter().filter(|one| one.starts_with("wazo-plugind-"));
        assert_eq!(plugins.count(), 6, "{found:?}");
        let repository = repository(&lab, &store.endpoint());
        assert_eq!(problems(&lab, &repository), Vec::<String>::new());
    });
}

#[test]
fn a_bucket_that_cannot_be_published_to_is_told_before_anything_is() {
    with_credentials!(
        "a_bucket_that_cannot_be_published_to_is_told_before_anything_is",
        {
            let (lab, store) = (Lab::new(), ObjectStore::moto());
            let hasty = |config: &mut S3Config| config.timeout = Duration::from_secs(15);
            let refused = |repository: &Repository| {
                let error = publish(&lab, repository, &version(0)).unwrap_err();
                (error.failure(Stage::Publish).code, error.to_string())
            };
            let (code, said) = refused(&repository_with(&lab, "http://127.0.0.1:9", hasty));
            assert_eq!(code, FailureCode::StorageUnreachable);
            assert!(said.contains("the server cannot be reached"), "{said}");

            let elsewhere = repository_with(&lab, &store.endpoint(), |config| {
                config.bucket = "nowhere".to_owned();
            });
            let (code, said) = refused(&elsewhere);
            assert_eq!(code, FailureCode::StorageDenied);
            assert!(said.contains("there is no such bucket"), "{said}");

            let forgetful = FaultProxy::forgetful(store.port).endpoint();
            let (code, said) = refused(&repository(&lab, &forgetful));
            assert_eq!(code, FailureCode::StorageError);
            assert!(
                said.contains("does not enforce conditional writes"),
                "{said}"
            );
            let alone = repository_with(&lab, &forgetful, |config| config.single_writer = true);
            publish(&lab, &alone, &version(0)).unwrap();
            publish(&lab, &alone, &version(1)).unwrap();
            assert_eq!(problems(&lab, &alone), Vec::<String>::new());
            assert_eq!(seen(&lab, &store).len(), 3);
        }
    );
}

#[test]
fn a_bucket_keeps_what_a_suite_was_names_its_files_and_lets_the_old_go() {
    with_credentials!(
        "a_bucket_keeps_what_a_suite_was_names_its_files_and_lets_the_old_go",
        {
            let (lab, store) = (Lab::aged(40), ObjectStore::seaweed());
            let repository = repository(&lab, &store.endpoint());
            let suites = [suite(Target::Bookworm)];
            let eight = Duration::from_secs(8 * 24 * 3600);
            let refresh = |snapshots| {
                let policy = Retention {
                    versions: 1,
                    time: eight,
                    snapshots,
                    downloaded: [].into(),
                };
                let (lock, now, keys) = (repository.lock().unwrap(), lab.tick(), &lab.keys);
                repository.refresh(&lock, &suites, now, keys).unwrap();
                let kept = repository.snapshot(&lock, &suites, now, keys).unwrap();
                let retired = repository.retire(&lock, &policy, now, keys).unwrap();
                repository.collect(&lock, now).unwrap();
                drop(lock);
                assert_eq!(problems(&lab, &repository), Vec::<String>::new());
                (kept[0].name(), retired)
            };
            for n in 0..3 {
                let package = lab.open(&version(n)).unwrap();
                publish_in(&repository, &lab.keys, &suites[0], &[package], lab.tick()).unwrap();
            }
            let (then, retired) = refresh(None);
            assert_eq!(retired, Retired::default());
            let contents = contents_of(&lab, &store);
            assert!(contents.contains("/content\t"), "{contents}");

            lab.later(9 * DAY);
            assert_eq!(refresh(None).1.left.len(), 2);
            lab.later(9 * DAY);
            assert_eq!(
                refresh(None).1,
                Retired::default(),
                "a dated publication has them"
            );
            assert_eq!(seen(&lab, &store).len(), 2);
            let listed: Vec<_> = repository.snapshots().unwrap();
            assert_eq!(listed[0].name(), then);

            let host = Host::relayed(Target::Bookworm, store.port);
            let (name, _) = repository.keyring(Target::Bookworm).unwrap().unwrap();
            let (_, keyring) = store.fetch(&format!("{PREFIX}/{name}")).unwrap();
            host.install_file(&keyring);
            host.run(&format!(
                "rm /etc/apt/sources.list.d/* && echo 'deb [signed-by=/usr/share/keyrings/plugfarm-local.gpg] {} {then} main' >/etc/apt/sources.list",
                repository.url()
            ))
            .succeeds();
            host.update();
            host.run(&format!("apt-get install --yes {PACKAGE}=1.0-0+deb12u1"))
                .succeeds();

            lab.later(9 * DAY);
            let (now, retired) = refresh(Some(eight));
            assert_eq!((retired.left.len(), retired.erased.len()), (0, 2));
            assert_ne!(now, then);
            let in_release = |name: &str| store.fetch(&format!("{PREFIX}/dists/{name}/InRelease"));
            assert!(in_release(&then).is_none() && in_release(&now).is_some());
            assert_eq!(seen(&lab, &store).len(), 2);
            let contents = contents_of(&lab, &store);
            assert!(contents.contains(PACKAGE), "{contents}");
            assert_eq!(repository.rebuild().unwrap(), Rebuilt::default());
        }
    );
}

/// The Contents index that the Release lists.
fn contents_of(lab: &Lab, store: &ObjectStore) -> String {
    let fetch = |path: &str| {
        store
            .fetch(&format!("{PREFIX}/dists/bookworm/{path}"))
            .unwrap()
            .1
    };
    let (keyring, path) = (&lab.keys.public().archive_keyring, "main/Contents-all.gz");
    let release = verify_in_release(&fetch("InRelease"), keyring, clock()).unwrap();
    let index = fetch(path);
    let line = format!(" {} {} {path}\n", Sha256::of(&index), index.len());
    let release = String::from_utf8(release).unwrap();
    assert!(release.contains(&line), "{release}");
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(index.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// What a publication writes, in its order.
const PLACES: [&str; 4] = ["/pool/", "/by-hash/", ".state/repository.json", "InRelease"];

#[test]
fn what_passes_is_tried_again_and_nobody_notices() {
    with_credentials!("what_passes_is_tried_again_and_nobody_notices", {
        let (lab, store) = (Lab::new(), ObjectStore::moto());
        let proxy = FaultProxy::to(store.port);
        let repository = repository(&lab, &proxy.endpoint());
        publish(&lab, &repository, &version(0)).unwrap();
        let faults = [
            Fault::Answer(503, "SlowDown"),
            Fault::Cut,
            Fault::CutAnswer,
            Fault::Slow(Duration::from_millis(800)),
        ];
        let mut n = 0;
        for place in PLACES {
            for fault in faults {
                n += 1;
                proxy.plan("PUT", place, 1, fault);
                publish(&lab, &repository, &version(n)).unwrap();
                assert_eq!(proxy.heal(), 0, "{place}: {fault:?} was met");
            }
        }
        assert_eq!(seen(&lab, &store).len(), n + 2);
        assert_eq!(problems(&lab, &repository), Vec::<String>::new());
    });
}

#[test]
fn what_does_not_pass_is_named_and_the_next_publication_completes() {
    with_credentials!(
        "what_does_not_pass_is_named_and_the_next_publication_completes",
        {
            let (lab, store) = (Lab::new(), ObjectStore::moto());
            let proxy = FaultProxy::to(store.port);
            let patient = repository(&lab, &proxy.endpoint());
            let hasty = repository_with(&lab, &proxy.endpoint(), |config| {
                config.timeout = Duration::from_secs(8);
            });
            let denied = Fault::Answer(403, "AccessDenied");
            let full = Fault::Answer(507, "InsufficientStorage");
            let broken = Fault::Answer(500, "InternalError");
            let mut cases = Vec::new();
            for place in PLACES {
                cases.push((&patient, place, denied, FailureCode::StorageDenied));
                cases.push((&patient, place, full, FailureCode::FarmDiskFull));
            }
            for place in [PLACES[0], PLACES[2]] {
                cases.push((&hasty, place, broken, FailureCode::StorageUnreachable));
                cases.push((&hasty, place, Fault::Cut, FailureCode::StorageUnreachable));
            }
            publish(&lab, &patient, &version(0)).unwrap();
            for (n, (repository, place, fault, code)) in cases.into_iter().enumerate() {
                let (before, package) = (seen(&lab, &store), version(n + 1));
                proxy.plan("PUT", place, usize::MAX, fault);
                let error = publish(&lab, repository, &package).unwrap_err();
                assert_eq!(error.failure(Stage::Publish).code, code, "{place}: {error}");
                assert_eq!(seen(&lab, &store), before, "{place}: {fault:?}");
                proxy.heal();
                publish(&lab, &patient, &package).unwrap();
                assert_eq!(seen(&lab, &store).len(), before.len() + 1);
            }
            assert_eq!(problems(&lab, &patient), Vec::<String>::new());
        }
    );
}

#[test]
fn one_more_package_costs_its_own_bytes_and_a_few_dozen_requests() {
    with_credentials!(
        "one_more_package_costs_its_own_bytes_and_a_few_dozen_requests",
        {
            let (lab, store) = (Lab::new(), ObjectStore::moto());
            let proxy = FaultProxy::to(store.port);
            let repository = repository(&lab, &proxy.endpoint());
            for n in 0..10 {
                publish(&lab, &repository, &version(n)).unwrap();
            }
            proxy.traffic();
            publish(&lab, &repository, &version(10)).unwrap();
            let traffic = proxy.traffic();
            let requests: usize = traffic.requests.values().sum();
            // Without a cache: it reads everything again.
            assert!(requests <= 64, "{traffic:?}");
            assert!(traffic.sent < 64 << 10, "{traffic:?}");
            assert!(traffic.received < 128 << 10, "{traffic:?}");
        }
    );
}
