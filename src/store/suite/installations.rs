//! What hosts tell of installations, and the roll-outs that are halted for it.

use super::*;
use crate::model::{DebianVersion, HostArchitecture, HostStep, InstallBlame, InstallVerb};

fn version(text: &str) -> DebianVersion {
    DebianVersion::new(text).unwrap()
}

fn report(id: u32, package: &str, reporter: &str, blame: Option<InstallBlame>) -> Report {
    Report {
        id: format!("{package}-{id}"),
        package: package.to_owned(),
        version: version("1.0-0+deb12u1"),
        target: Target::Bookworm,
        architecture: HostArchitecture::Amd64,
        verb: InstallVerb::Install,
        blame,
        step: blame.map(|_| HostStep::Install),
        exit_status: blame.map(|_| 7),
        reporter: reporter.to_owned(),
    }
}

const BROKEN: Option<InstallBlame> = Some(InstallBlame::Plugin);

pub(super) async fn a_report_counts_once_and_so_does_a_host(store: &Store) {
    let tell = async |report: Report| store.report(&report, at(0)).await.unwrap();
    let package = "counted";
    assert_eq!(tell(report(1, package, "a", None)).await, Counted::Now);
    assert_eq!(tell(report(1, package, "a", BROKEN)).await, Counted::Before);
    for id in 2..=9 {
        tell(report(id, package, "b", BROKEN)).await;
    }
    tell(report(10, package, "c", BROKEN)).await;
    // What others are to blame for, and what goes, says nothing about the version.
    tell(report(11, package, "d", Some(InstallBlame::Apt))).await;
    let gone = Report {
        verb: InstallVerb::Uninstall,
        ..report(12, package, "e", BROKEN)
    };
    tell(gone).await;
    let failing = async |failures| store.failing(failures, at(-9)).await.unwrap();
    let expected = Standings {
        package: package.to_owned(),
        version: version("1.0-0+deb12u1"),
        failures: 2,
        hosts: 3,
    };
    assert_eq!(failing(2).await, [expected]);
    assert_eq!(failing(3).await, []);
    assert_eq!(store.failing(1, at(1)).await.unwrap(), []);

    let tallies = store.installations(package).await.unwrap();
    let totals = Totals::of(&version("1.0-0+deb12u1"), &tallies);
    assert_eq!(
        (totals.installed, totals.removed, totals.failures()),
        (1, 0, 11)
    );
    assert_eq!(totals.failed[&InstallBlame::Plugin], 10);
    let way = totals.scripts[0];
    assert_eq!(
        (way.step, way.exit_status, way.count),
        (Some(HostStep::Install), Some(7), 10)
    );
    assert_eq!(Totals::of(&version("2.0"), &tallies), Totals::default());
}

pub(super) async fn whoever_reports_too_much_is_counted_no_more(store: &Store) {
    let mut counted = 0;
    for id in 0..100 {
        let told = store
            .report(&report(id, "flooded", "a", BROKEN), at(0))
            .await;
        counted += usize::from(told.unwrap() == Counted::Now);
    }
    assert_eq!(counted, 30);
    let other = store
        .report(&report(100, "flooded", "b", None), at(0))
        .await;
    assert_eq!(other.unwrap(), Counted::Now);
    let later = store
        .report(&report(101, "flooded", "a", BROKEN), at(3601))
        .await;
    assert_eq!(later.unwrap(), Counted::Now);
    let standings = store.failing(1, at(-9)).await.unwrap();
    let own = standings
        .iter()
        .find(|one| one.package == "flooded")
        .unwrap();
    assert_eq!((own.failures, own.hosts), (1, 2));
    // However many kinds there are, a day has only so many rows.
    for id in 0..230_u32 {
        let odd = Report {
            exit_status: u8::try_from(id % 229).ok(),
            architecture: HostArchitecture::ALL[usize::try_from(id % 2).unwrap()],
            ..report(id, "odd", &format!("host {}", id / 20), BROKEN)
        };
        assert_eq!(store.report(&odd, at(0)).await.unwrap(), Counted::Now);
    }
    let kinds = store.installations("odd").await.unwrap();
    let count: u64 = kinds.iter().map(|kind| kind.count).sum();
    assert_eq!(count, 230);
    assert!(kinds.len() <= 204, "{}", kinds.len());
}

pub(super) async fn hosts_are_told_apart_only_while_it_is_needed(store: &Store) {
    for (id, reporter) in [(1, "a"), (2, "b")] {
        let told = store
            .report(&report(id, "forgotten", reporter, BROKEN), at(0))
            .await;
        told.unwrap();
    }
    let own = ("forgotten".to_owned(), version("1.0-0+deb12u1"));
    let apart = async |time| store.told_apart(at(time)).await.unwrap().contains(&own);
    assert!(apart(1).await && !apart(0).await);
    store.forget_reporters(&own.0, &own.1, at(1)).await.unwrap();
    assert!(!apart(1).await);
    let standings = store.failing(1, at(-9)).await.unwrap();
    assert!(standings.iter().all(|one| one.package != "forgotten"));
    // It is known still, so that it is not counted twice; the counts stay.
    let again = store
        .report(&report(1, "forgotten", "a", BROKEN), at(2))
        .await;
    assert_eq!(again.unwrap(), Counted::Before);
    store.forget_installations(at(1), at(0)).await.unwrap();
    let again = store
        .report(&report(1, "forgotten", "a", BROKEN), at(2))
        .await;
    assert_eq!(again.unwrap(), Counted::Now);
    let tallies = store.installations("forgotten").await.unwrap();
    assert_eq!(tallies[0].count, 3);
    let next_day = at(24 * 3600);
    store.forget_installations(at(0), next_day).await.unwrap();
    assert_eq!(store.installations("forgotten").await.unwrap(), []);
}

pub(super) async fn a_roll_out_is_halted_once_and_its_partner_told(store: &Store) {
    let submitted = submission(1200, "demo/halted");
    store.submit(&submitted, at(0)).await.unwrap();
    begin(store, 1200, 1201).await;
    let succeeded = Ended {
        publication: Some(Publication {
            suite: "bookworm".to_owned(),
            package: "wazo-plugind-halted-demo".to_owned(),
            version: "1.0".to_owned(),
            published_at: at(1),
            visible_at: None,
        }),
        ..ended(1200, 1201, AttemptState::Succeeded, BuildState::Succeeded)
    };
    store.end_attempt(&succeeded, at(1)).await.unwrap();
    for (id, events) in [("h1", "halted"), ("h2", "failed"), ("h3", "succeeded")] {
        let one = Subscription {
            id: id.to_owned(),
            partner: acme(),
            plugin: None,
            kind: "mail".to_owned(),
            address: "ops@example.org".to_owned(),
            events: vec![events.to_owned()],
            sealed: None,
            created_at: at(0),
        };
        store.subscribe(&one, "token:1").await.unwrap();
    }
    let halt = Halt {
        id: "halt-1".to_owned(),
        package: "wazo-plugind-halted-demo".to_owned(),
        version: version("1.0"),
        suite: "bookworm".to_owned(),
        failures: 3,
        hosts: 4,
        at: at(2),
    };
    assert!(store.halt(&halt, "{}", "farm").await.unwrap());
    let again = Halt {
        id: "halt-2".to_owned(),
        ..halt.clone()
    };
    assert!(
        !store.halt(&again, "{}", "farm").await.unwrap(),
        "once is enough"
    );
    let halted = async || {
        store
            .halted(Some("wazo-plugind-halted-demo"))
            .await
            .unwrap()
    };
    assert_eq!(halted().await, std::slice::from_ref(&halt));
    let mut told = Vec::new();
    for id in ["h1", "h2", "h3"] {
        let letters = store.letters(id, 9).await.unwrap();
        told.push(
            letters
                .iter()
                .map(|one| one.event.clone())
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(told, [vec!["halted"], vec!["halted"], vec![]]);

    let failed = Report {
        package: halt.package.clone(),
        version: halt.version.clone(),
        ..report(1, "halted", "a", BROKEN)
    };
    store.report(&failed, at(2)).await.unwrap();
    let counts = async || {
        let standings = store.failing(1, at(0)).await.unwrap();
        standings.iter().any(|one| one.package == halt.package)
    };
    assert!(counts().await);
    store.halt_is_over(&halt, at(3)).await.unwrap();
    assert!(
        !counts().await,
        "what was decided about is not held against it again"
    );
    assert_eq!(halted().await, []);
    assert!(
        store.halt(&again, "{}", "farm").await.unwrap(),
        "it can be halted again"
    );
    store.halt_is_over(&again, at(4)).await.unwrap();
    for id in ["h1", "h2", "h3"] {
        store
            .unsubscribe(id, None, "operator", at(4))
            .await
            .unwrap();
    }
}
