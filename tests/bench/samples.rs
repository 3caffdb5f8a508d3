//! How often a bench measures, and what its samples come to.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Names how many seconds a bench may take before it stops with the rounds that it has.
const BUDGET: &str = "PLUGFARM_BENCH_SECONDS";

/// Rounds of a measurement: as many as were asked for, or fewer when the time is over.
pub struct Rounds {
    asked: usize,
    done: usize,
    end: Instant,
}

impl Rounds {
    pub fn new(asked: usize) -> Self {
        let seconds = std::env::var(BUDGET).map_or(600, |text| text.parse().unwrap());
        Self {
            asked,
            done: 0,
            end: Instant::now() + Duration::from_secs(seconds),
        }
    }

    /// The number of the next round, from 1 on; the first always comes.
    pub fn next(&mut self) -> Option<usize> {
        if self.done == self.asked || (self.done > 0 && Instant::now() >= self.end) {
            return None;
        }
        self.done += 1;
        Some(self.done)
    }

    /// How many rounds there should have been, and how many there were.
    pub fn json(&self) -> Value {
        json!({ "asked": self.asked, "done": self.done, "met": self.done == self.asked })
    }
}

/// The samples of one thing, in the order in which they were taken.
#[derive(Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// Adds a time, in milliseconds.
    pub fn push_time(&mut self, time: Duration) {
        self.push((time.as_secs_f64() * 10_000.0).round() / 10.0);
    }

    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// The sample that so many of a hundred are no larger than.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn json(&self) -> Value {
        json!({ "median": self.median(), "raw": self.0 })
    }
}
