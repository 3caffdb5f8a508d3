//! What the farm adds to a container's own start: from the command to a published package, against a bare `docker run`
//! of the same image, in turns.
//!
//! Run it with `cargo bench --profile dev --bench overhead`; one JSON object goes to standard output, times in
//! milliseconds. `build` publishes a new version each time, `unchanged` builds and publishes the same commit again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "a measurement may stop at the first surprise, and tells less than the stories do"
)]

#[path = "../it/farm.rs"]
mod farm;
mod samples;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use farm::{TestFarm, commit, docker, edit};
use samples::{Rounds, Samples};

/// How often each command runs, after a warm-up.
const ROUNDS: usize = 15;

/// The samples of one command.
#[derive(Default)]
struct Builds {
    whole: Samples,
    /// What no stage accounts for: the process's start, the engine's check and sweep, the keys.
    outside: Samples,
    stages: BTreeMap<String, Samples>,
}

impl Builds {
    /// Builds and publishes what `plugin` holds now.
    fn measure(&mut self, farm: &TestFarm, plugin: &Path, version: &str) {
        let start = Instant::now();
        let report = farm.publish(plugin, &[]);
        let took = start.elapsed();
        assert_eq!(report["version"], format!("{version}-0+deb12u1"));
        assert_eq!(report["suite"], "bookworm");
        self.whole.push_time(took);
        let mut inside = 0.0;
        for (stage, milliseconds) in report["timings"].as_object().unwrap() {
            let milliseconds = milliseconds.as_f64().unwrap();
            inside += milliseconds;
            self.stages
                .entry(stage.clone())
                .or_default()
                .push(milliseconds);
        }
        let outside = took.as_secs_f64() * 1000.0 - inside;
        self.outside.push((outside * 10.0).round() / 10.0);
    }

    fn json(&self) -> Value {
        let stages: BTreeMap<_, _> = self.stages.iter().map(|(k, v)| (k, v.json())).collect();
        json!({ "whole": self.whole.json(), "stages": stages, "outside_stages": self.outside.json() })
    }
}

fn main() {
    let farm = TestFarm::new();
    let plugin = farm.plugin("helloworld");
    let image = builder(&farm);
    let (mut builds, mut unchanged, mut bare) =
        (Builds::default(), Builds::default(), Samples::default());

    farm.publish(&plugin, &[]);
    run_bare(&image, &mut Samples::default());
    let mut version = "0.0.1".to_owned();
    let mut rounds = Rounds::new(ROUNDS);
    while let Some(round) = rounds.next() {
        let next = format!("0.1.{round}");
        edit(&plugin.join("wazo/plugin.yml"), &version, &next);
        commit(&plugin, 1_700_000_000 + i64::try_from(round).unwrap());
        version = next;
        builds.measure(&farm, &plugin, &version);
        run_bare(&image, &mut bare);
        unchanged.measure(&farm, &plugin, &version);
    }

    let (whole, start) = (builds.whole.median(), bare.median());
    let line = json!({
        "bench": "overhead",
        "unit": "ms",
        "samples": rounds.json(),
        "build": builds.json(),
        "bare_container": bare.json(),
        "unchanged": unchanged.json(),
        "difference": ((whole - start) * 10.0).round() / 10.0,
        "ratio": whole / start,
    });
    println!("{line}");
}

/// The id of the image that bookworm's builds run in.
fn builder(farm: &TestFarm) -> String {
    let images = farm.run(&["images", "list", "--json"]).succeeds().json();
    let images = images["images"].as_array().unwrap();
    let image = images
        .iter()
        .find(|image| image["name"] == "builder" && image["target"] == "bookworm");
    let image = image.expect("no builder image for bookworm; run `plugfarm images build`");
    image["id"].as_str().unwrap().to_owned()
}

/// A container of the same image with nothing to do, as the engine's own client starts and removes it.
fn run_bare(image: &str, samples: &mut Samples) {
    let start = Instant::now();
    docker(&["run", "--rm", "--network=none", image, "true"]).succeeds();
    samples.push_time(start.elapsed());
}
