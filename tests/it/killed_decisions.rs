//! Promotions, withdrawals and phasings that are killed at any step have happened or have not.

use plugfarm::model::Target;

use crate::channels_lab::{Farm, PACKAGE, hello, packaged};

const TARGET: Target = Target::Bookworm;

/// Whoever comes next completes what was committed, and all is well then.
fn settle(farm: &Farm) {
    farm.farm.run(&["repo", "refresh"]).succeeds();
    farm.is_sound();
}

/// Kills a decision at its first rename, its second and so on, until it survives. `prepare` makes what the `n`th is about and
/// gives its words; `judge` looks at what became of it, and says whether it has happened.
fn kill_everywhere(
    farm: &Farm,
    prepare: &dyn Fn(usize) -> Vec<String>,
    judge: &dyn Fn(usize) -> bool,
) {
    for n in 1.. {
        let words = prepare(n);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let killed = farm.killed_at(n, &words);
        settle(farm);
        let happened = judge(n);
        if !killed {
            assert!(happened, "{words:?} survived");
            assert!(n > 12, "every rename was hit: {n}");
            return;
        }
    }
}

fn version(n: usize) -> String {
    packaged(&format!("2.{n}"), TARGET)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn a_promotion_that_is_killed_at_any_step_has_happened_or_has_not() {
    let farm = Farm::two_channels();
    let prepare = |n: usize| {
        farm.publish(&hello(&format!("2.{n}"), TARGET), &[]);
        let package = format!("{PACKAGE}={}", version(n));
        words(&["promote", &package, "--reason", "because"])
    };
    kill_everywhere(&farm, &prepare, &|n| {
        assert!(farm.has("bookworm-testing").contains(&version(n)));
        farm.has("bookworm").contains(&version(n))
    });
}

#[test]
fn a_withdrawal_that_is_killed_at_any_step_has_happened_or_has_not() {
    let farm = Farm::two_channels();
    let pinned = |n: usize| {
        let refused = farm.make(&hello(&format!("2.{n}"), TARGET));
        let arguments = [
            "publish",
            refused.to_str().unwrap(),
            "--channel",
            "stable",
            "--json",
        ];
        let again = farm.farm.run(&arguments);
        again.code != 0 && again.json()["code"] == "version-withdrawn"
    };
    let prepare = |n: usize| {
        let package = hello(&format!("2.{n}"), TARGET);
        farm.publish(&package, &["--channel", "stable"]);
        let package = format!("{PACKAGE}={}", version(n));
        words(&["withdraw", &package, "--reason", "because"])
    };
    kill_everywhere(&farm, &prepare, &|n| {
        let there = farm.has("bookworm").contains(&version(n));
        assert_ne!(there, pinned(n), "gone, it never comes back");
        !there
    });
}

#[test]
fn a_phasing_that_is_killed_at_any_step_has_happened_or_has_not() {
    let farm = Farm::two_channels();
    farm.publish(&hello("2.0", TARGET), &["--channel", "stable"]);
    let package = format!("{PACKAGE}={}", version(0));
    let phased = || {
        let shown = farm.farm.run(&["repo", "show", "--json"]).succeeds().json();
        let suites = shown["suites"].as_array().unwrap().iter();
        let mut packages = suites.flat_map(|suite| suite["packages"].as_array().unwrap());
        let own = packages.find(|one| one["package"] == PACKAGE).unwrap();
        own["phased"].as_u64()
    };
    let prepare = |n: usize| words(&["phase", &package, &n.to_string()]);
    kill_everywhere(&farm, &prepare, &|n| {
        let n = n as u64;
        let now = phased();
        let before = now.is_none_or(|now| now < n);
        assert!(before || now == Some(n), "{now:?}");
        !before
    });
}
