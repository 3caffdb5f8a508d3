//! Reads scripts as text: which lines belong to which step of the rules, and which commands they call.
//!
//! This is no shell. It follows the shapes that rules have (a `case` on the step, functions, makefile targets) and says
//! "unclear" about anything else; checks that refuse rely only on what is clear.

use std::collections::{BTreeMap, BTreeSet};

mod lines;
mod make;
mod shell;
mod words;

pub(super) use make::misindented_recipe;
pub(super) use words::{Command, commands};

/// Bytes of a script that are read; real rules have a few hundred. About a longer one nothing is clear.
const SIZE: usize = 64 << 10;
/// How far calls are followed from a step.
const CALL_DEPTH: usize = 10;

/// One step of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Build,
    Package,
    Install,
    Uninstall,
    Postrm,
}

impl Step {
    pub(super) const ALL: [Self; 5] = [
        Self::Build,
        Self::Package,
        Self::Install,
        Self::Uninstall,
        Self::Postrm,
    ];

    /// The rules' argument.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Package => "package",
            Self::Install => "install",
            Self::Uninstall => "uninstall",
            Self::Postrm => "postrm",
        }
    }

    fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.word() == word)
    }
}

/// A set of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Steps(u8);

impl Steps {
    pub(super) fn contains(self, step: Step) -> bool {
        self.0 & (1 << step as u8) != 0
    }

    fn insert(&mut self, step: Step) {
        self.0 |= 1 << step as u8;
    }

    fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One logical line: continued lines are joined, comments are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The number of its first line, from 1.
    pub(super) number: u64,
    pub(super) text: String,
    /// The steps that run it, as far as that is clear.
    pub(super) steps: Steps,
    /// Whether it runs for every word that is no known step.
    is_default: bool,
    /// The function or the makefile target that holds it.
    block: Option<usize>,
}

/// A function, or a makefile target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Block {
    names: Vec<String>,
    /// What a makefile target needs first.
    calls: Vec<String>,
    steps: Steps,
}

/// Whether a script does something for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    /// It fails for that word.
    No,
    Unclear,
}

/// A script that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Script {
    pub(super) lines: Vec<Line>,
    blocks: Vec<Block>,
    /// The steps that have a branch or a target of their own.
    branches: Steps,
    /// What happens to a word without a branch; `None` if that is unclear.
    default: Option<Fate>,
}

/// What happens to a word without a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fails,
    Passes,
}

impl Script {
    /// Reads a shell script.
    pub(super) fn shell(text: &str) -> Self {
        shell::read(text)
    }

    /// Reads a makefile whose targets are steps.
    pub(super) fn makefile(text: &str) -> Self {
        make::read(text)
    }

    /// The lines that `step` runs.
    pub(super) fn of(&self, step: Step) -> impl Iterator<Item = &Line> {
        self.lines
            .iter()
            .filter(move |line| line.steps.contains(step))
    }

    /// Whether `step` has a branch, a target or a function of its own.
    pub(super) fn has_branch(&self, step: Step) -> bool {
        let mut names = self.blocks.iter().flat_map(|block| &block.names);
        self.branches.contains(step) || names.any(|name| name == step.word())
    }

    /// What the script does for `step`.
    pub(super) fn answers(&self, step: Step) -> Answer {
        if self.has_branch(step) {
            return Answer::Yes;
        }
        match self.default {
            _ if self.mentions(step) => Answer::Unclear,
            Some(Fate::Fails) => Answer::No,
            Some(Fate::Passes) => Answer::Yes,
            None => Answer::Unclear,
        }
    }

    /// Whether the step's word stands in the code, other than in what is printed.
    fn mentions(&self, step: Step) -> bool {
        let mut words = self
            .lines
            .iter()
            .flat_map(|line| commands(&line.text))
            .filter(|command| !command.prints());
        words.any(|command| {
            command
                .words
                .iter()
                .any(|word| holds_word(word, step.word()))
        })
    }

    /// Gives the steps of each calling line to the block that it calls, and on to what that calls.
    fn follow_calls(&mut self) {
        let calls = self.calls();
        for _ in 0..CALL_DEPTH {
            let mut called: BTreeMap<&str, Steps> = BTreeMap::new();
            for (caller, name) in &calls {
                let steps = match caller {
                    Caller::Line(index) => self.lines.get(*index).map(|line| line.steps),
                    Caller::Block(index) => self.blocks.get(*index).map(|block| block.steps),
                };
                let known = called.entry(name).or_default();
                *known = known.union(steps.unwrap_or_default());
            }
            for block in &mut self.blocks {
                for steps in block
                    .names
                    .iter()
                    .filter_map(|name| called.get(name.as_str()))
                {
                    block.steps = block.steps.union(*steps);
                }
            }
            for line in &mut self.lines {
                let block = line.block.and_then(|index| self.blocks.get(index));
                line.steps = line
                    .steps
                    .union(block.map(|block| block.steps).unwrap_or_default());
            }
        }
    }

    /// Who calls which block, by the block's name.
    fn calls(&self) -> Vec<(Caller, String)> {
        let names: BTreeSet<&String> = self.blocks.iter().flat_map(|block| &block.names).collect();
        let mut calls = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            let called = commands(&line.text)
                .into_iter()
                .filter_map(|command| command.words.into_iter().next());
            calls.extend(called.map(|name| (Caller::Line(index), name)));
        }
        for (index, block) in self.blocks.iter().enumerate() {
            calls.extend(
                block
                    .calls
                    .iter()
                    .map(|name| (Caller::Block(index), name.clone())),
            );
        }
        calls.retain(|(_, name)| names.contains(name));
        calls
    }
}

/// A line, or a makefile target that needs others, by its index.
enum Caller {
    Line(usize),
    Block(usize),
}

/// The numbered lines of a script, as far as it is read, and whether that is all of it.
fn bounded_lines(text: &str) -> (Vec<(u64, &str)>, bool) {
    let mut size = 0;
    let is_within = |(_, line): &(u64, &str)| {
        size += line.len();
        size <= SIZE
    };
    let lines: Vec<_> = (1..).zip(text.lines()).take_while(is_within).collect();
    let is_whole = text.lines().nth(lines.len()).is_none();
    (lines, is_whole)
}

/// Whether `word` stands in `text` with no letter, digit, dash or underscore beside it.
fn holds_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && !"-_".contains(c))
        .any(|part| part == word)
}
