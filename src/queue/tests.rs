//! What is decided, and what is told of it, over whole lives of queues.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::{Actor, BuildId, Channel, Priority, Target, Timestamp};
use crate::store::{Partner, QueueView, Running, Took, Use, Waiting};

const LIMITS: Limits = Limits { workers: 2 };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_769_860_800 + seconds)
}

fn id(number: usize) -> BuildId {
    BuildId::from_uuid(uuid::Uuid::from_u128(number as u128))
}

fn actor(number: usize) -> Actor {
    Actor::new(&format!("p{number}")).unwrap()
}

fn waiting(number: usize, partner: usize, priority: Priority) -> Waiting {
    Waiting {
        build: id(number),
        partner: actor(partner),
        plugin: format!("n{partner}/plugin-{number}").parse().unwrap(),
        target: Target::Bookworm,
        channel: Channel::stable(),
        priority,
        not_before: at(0),
    }
}

fn view(partners: &[(u32, u32)], waiting: Vec<Waiting>) -> QueueView {
    let partners = partners.iter().enumerate();
    QueueView {
        waiting,
        partners: partners
            .map(|(number, (weight, running_cap))| Partner {
                name: actor(number),
                weight: *weight,
                running_cap: *running_cap,
            })
            .collect(),
        ..QueueView::default()
    }
}

fn why(view: &QueueView, build: usize, now: Timestamp) -> Option<Wait> {
    Forecast::new(view, &[], LIMITS, now)
        .of(&id(build))
        .cloned()
}

/// Begins what is next.
fn begin(view: &mut QueueView, now: Timestamp) -> Option<Waiting> {
    let next = decide(view, LIMITS, now)?;
    let mut all = view.waiting.iter();
    let place = all.position(|one| one.build == next).unwrap();
    let begun = view.waiting.remove(place);
    view.running.push(Running {
        build: begun.build.clone(),
        partner: begun.partner.clone(),
        plugin: begun.plugin.clone(),
        priority: begun.priority,
        started_at: now,
    });
    Some(begun)
}

/// Ends what began first, after so many seconds.
fn end(view: &mut QueueView, seconds: u64, at: Timestamp) {
    let Running {
        partner, priority, ..
    } = view.running.remove(0);
    let mut used = view.used.iter_mut();
    let same = |one: &&mut Use| one.partner == partner && one.priority == priority && one.at == at;
    match used.find(same) {
        Some(used) => {
            used.seconds += seconds;
            used.attempts += 1;
        }
        None => view.used.push(Use {
            partner,
            priority,
            seconds,
            attempts: 1,
            at,
        }),
    }
}

fn told(view: &QueueView, build: usize, now: Timestamp) -> String {
    why(view, build, now).unwrap().to_string()
}

#[test]
fn whoever_has_used_less_is_next() {
    let class = Priority::Normal;
    let mut view = view(
        &[(1, 9), (1, 9)],
        vec![waiting(0, 0, class), waiting(1, 1, class)],
    );
    view.used.push(Use {
        partner: actor(0),
        priority: class,
        seconds: 60,
        attempts: 1,
        at: at(0),
    });
    assert_eq!(decide(&view, LIMITS, at(1)), Some(id(1)));
    assert_eq!(told(&view, 0, at(1)), "1 build is before it");
    assert_eq!(
        told(&view, 1, at(1)),
        "it is next, as soon as a worker is free"
    );
    assert_eq!(why(&view, 7, at(1)), None);
}

#[test]
fn each_reason_to_wait_is_told() {
    let class = Priority::Normal;
    let mut view = view(&[(1, 1)], vec![waiting(0, 0, class), waiting(1, 0, class)]);
    view.waiting[1].not_before = at(90);
    let of = |view: &QueueView, now| why(view, 1, now).unwrap().why;
    assert_eq!(of(&view, at(0)), Why::Backoff(at(90)));
    begin(&mut view, at(0)).unwrap();
    assert_eq!(of(&view, at(99)), Why::Cap(1));
    view.waiting[0].plugin = view.running[0].plugin.clone();
    assert_eq!(of(&view, at(99)), Why::SamePlugin(id(0)));
    view.locked = Some("no disk".to_owned());
    assert_eq!(told(&view, 1, at(99)), "the queue is locked: no disk");
    assert_eq!(decide(&view, LIMITS, at(99)), None);
}

#[test]
fn a_partner_at_its_cap_learns_how_many_are_before_each_build() {
    let all = (0..900).map(|number| waiting(number, number % 3 / 2, Priority::Normal));
    let mut view = view(&[(1, 2), (1, 2)], all.collect());
    assert_eq!(begin(&mut view, at(0)).unwrap().partner, actor(0));
    begin(&mut view, at(0)).unwrap();
    view.running[1].partner = actor(0);
    let took = [Took {
        plugin: "n9/other".parse().unwrap(),
        seconds: 10,
    }];
    let forecast = Forecast::new(&view, &took, LIMITS, at(0));
    assert_eq!(forecast.order.len(), 898);
    let last = view.waiting.iter().rfind(|one| one.partner == actor(0));
    let wait = forecast.of(&last.unwrap().build).unwrap();
    assert_eq!((&wait.why, wait.ahead), (&Why::Cap(2), Some(897)));
    let told = wait.to_string();
    assert!(
        told.starts_with("2 of the partner's builds run, and no more may at once; 897 builds are before it; by how long"),
        "{told}"
    );
    // Two at once, ten seconds each: the last pair begins when 898 have ended.
    assert_eq!(wait.start, Some(at(898 / 2 * 10)));
}

#[test]
fn what_may_not_begin_yet_is_expected_when_it_may() {
    let class = Priority::Normal;
    let mut one = view(
        &[(1, 9)],
        (0..3).map(|number| waiting(number, 0, class)).collect(),
    );
    one.waiting[1].not_before = at(35);
    one.waiting[2].plugin = one.waiting[0].plugin.clone();
    let took = [Took {
        plugin: "n0/plugin-0".parse().unwrap(),
        seconds: 10,
    }];
    let forecast = Forecast::new(&one, &took, LIMITS, at(0));
    let start = |number| forecast.of(&id(number)).unwrap().start.unwrap();
    assert_eq!([start(0), start(1), start(2)], [at(0), at(35), at(10)]);
    assert_eq!(forecast.order, [id(0), id(2), id(1)]);
}

#[test]
fn a_queue_of_any_length_is_forecast_in_no_time() {
    let all = (0..20_000).map(|number| waiting(number, number % 50, Priority::Normal));
    let view = view(&[(1, 2); 50], all.collect());
    let began = std::time::Instant::now();
    let forecast = Forecast::new(&view, &[], LIMITS, at(0));
    assert!(began.elapsed() < std::time::Duration::from_secs(10));
    assert_eq!(
        forecast.of(&id(19_999)).unwrap().to_string(),
        "more than 5000 builds are before it"
    );
}

proptest! {
    #[test]
    fn a_worker_is_idle_only_while_nobody_could_use_it(
        builds in proptest::collection::vec((0_usize..4, 0_usize..3), 1..30),
        cap in 1_u32..3,
    ) {
        let all = builds.iter().enumerate();
        let all = all.map(|(number, (partner, class))| waiting(number, *partner, Priority::ALL[*class]));
        let mut view = view(&[(1, cap), (2, cap), (3, cap), (4, cap)], all.collect());
        let mut done = 0;
        while !view.waiting.is_empty() || !view.running.is_empty() {
            while begin(&mut view, at(done)).is_some() {}
            let busy: BTreeSet<_> = view.running.iter().map(|one| one.partner.clone()).collect();
            let free = view.waiting.iter().any(|one| !busy.contains(&one.partner));
            prop_assert!(view.running.len() == LIMITS.workers || !free);
            prop_assert!(view.running.iter().filter(|one| one.partner == actor(0)).count() <= cap as usize);
            end(&mut view, 1, at(done));
            done += 1;
        }
        prop_assert_eq!(usize::try_from(done).unwrap(), builds.len());
    }

    #[test]
    fn what_is_forecast_is_what_happens(
        builds in proptest::collection::vec((0_usize..4, 0_usize..3), 1..40),
        cap in 1_u32..3,
    ) {
        let all = builds.iter().enumerate();
        let all = all.map(|(number, (partner, class))| waiting(number, *partner, Priority::ALL[*class]));
        let mut view = view(&[(1, cap), (2, cap), (4, cap), (8, cap)], all.collect());
        // With the same time for each, and none that passes, every sum is exact.
        view.used.push(Use { partner: actor(0), priority: Priority::Low, seconds: 8, attempts: 1, at: at(0) });
        let took = [Took { plugin: "n9/other".parse().unwrap(), seconds: 8 }];
        let forecast = Forecast::new(&view, &took, LIMITS, at(0));
        let mut order = Vec::new();
        while !view.waiting.is_empty() {
            while let Some(begun) = begin(&mut view, at(0)) {
                order.push(begun.build);
            }
            if !view.running.is_empty() {
                end(&mut view, 8, at(0));
            }
        }
        prop_assert_eq!(&forecast.order, &order);
    }

    #[test]
    fn nobody_starves_however_many_urgent_builds_come(
        class in 1_usize..3,
        seconds in proptest::collection::vec(1_u64..100, 300),
    ) {
        let patient = waiting(9999, 1, Priority::ALL[class]);
        let mut view = view(&[(1000, 9), (1, 9)], vec![patient]);
        for (number, seconds) in seconds.into_iter().enumerate() {
            // As long as it waits there is always something more urgent, of a partner with a thousand times its weight.
            view.waiting.push(waiting(number, 0, Priority::Urgent));
            let now = at(i64::try_from(number).unwrap());
            if begin(&mut view, now).unwrap().build == id(9999) {
                return Ok(());
            }
            end(&mut view, seconds, now);
        }
        prop_assert!(false, "it never began");
    }

    #[test]
    fn shares_are_as_the_weights(seconds in proptest::collection::vec(5_u64..15, 400)) {
        let class = Priority::Normal;
        let mut view = view(&[(1, 9), (3, 9)], vec![waiting(0, 0, class), waiting(1, 1, class)]);
        for (number, seconds) in seconds.into_iter().enumerate() {
            // Whoever has something begun has something more.
            let begun = begin(&mut view, at(0)).unwrap();
            let partner = usize::from(begun.partner == actor(1));
            view.waiting.push(waiting(number + 2, partner, class));
            end(&mut view, seconds, at(0));
        }
        let of = |partner| -> u64 {
            let used = view.used.iter().filter(|used| used.partner == actor(partner));
            used.map(|used| used.seconds).sum()
        };
        // Within one build of the longest kind.
        let (light, heavy) = (of(0), of(1));
        prop_assert!(heavy.abs_diff(3 * light) <= 4 * 15, "{light} {heavy}");
    }
}
