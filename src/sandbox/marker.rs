//! The runner's markers: how far the rules are, for whoever watches. Each is keyed by a token that is used once, and that no
//! process of the build can know before it is printed. They decide nothing; the exit status does.

use crate::model::Stage;

/// What a marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// `Build` or `Package`.
    pub stage: Stage,
    /// The status that the step ended with; `None` when it begins.
    pub status: Option<u32>,
}

/// The markers that are still to come.
#[derive(Debug)]
pub(super) struct Markers {
    /// The last token comes first.
    tokens: Vec<String>,
}

impl Markers {
    /// Tokens for a runner that prints `count` markers.
    pub(super) fn new(count: usize) -> Self {
        let token = || uuid::Uuid::new_v4().simple().to_string();
        Self {
            tokens: (0..count).map(|_| token()).collect(),
        }
    }

    pub(super) fn none() -> Self {
        Self::new(0)
    }

    /// What the runner reads: the tokens in the order of their use, one a line.
    pub(super) fn tokens(&self) -> String {
        let lines = self.tokens.iter().rev();
        lines.map(|token| format!("{token}\n")).collect()
    }

    /// If the line ends in the marker that is due: what came before it in the line, and what it says.
    pub(super) fn read<'a>(&mut self, line: &'a str) -> Option<(&'a str, Step)> {
        let key = format!("plugfarm:{} ", self.tokens.last()?);
        let (before, words) = line.rsplit_once(&key)?;
        let mut words = words.split(' ');
        let stage = match words.next()? {
            "build" => Stage::Build,
            "package" => Stage::Package,
            _ => return None,
        };
        let status = match words.next()? {
            "started" => None,
            "finished" => Some(words.next()?.parse().ok()?),
            _ => return None,
        };
        self.tokens.pop();
        Some((before, Step { stage, status }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_is_good_for_one_marker_in_its_turn() {
        let mut markers = Markers::new(4);
        let tokens: Vec<_> = markers.tokens().lines().map(str::to_owned).collect();
        let line = |n: usize, words: &str| format!("plugfarm:{} {words}", tokens[n]);
        assert_eq!(markers.read(&line(1, "build finished 0")), None);
        let started = Step {
            stage: Stage::Build,
            status: None,
        };
        assert_eq!(markers.read(&line(0, "build started")), Some(("", started)));
        assert_eq!(markers.read(&line(0, "build started")), None);
        let finished = Step {
            stage: Stage::Build,
            status: Some(3),
        };
        let line = format!("no line end{}", line(1, "build finished 3"));
        assert_eq!(markers.read(&line), Some(("no line end", finished)));
    }

    #[test]
    fn a_guess_is_no_marker() {
        let mut markers = Markers::new(4);
        assert_eq!(markers.read("plugfarm: build started"), None);
        assert_eq!(markers.read("plugfarm:0123 build started"), None);
        assert_eq!(Markers::none().read("plugfarm: build started"), None);
    }
}
