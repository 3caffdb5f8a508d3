//! Follows a makefile's targets (GNU make): those that are named after steps, and what they need first.

use super::{Block, Fate, Line, Script, Step, Steps, bounded_lines};

/// Reads `text`.
pub(super) fn read(text: &str) -> Script {
    let mut script = Script {
        default: Some(Fate::Fails),
        ..Script::default()
    };
    let mut block = None;
    let (lines, is_whole) = bounded_lines(text);
    for (number, line) in lines {
        if let Some(recipe) = line.strip_prefix('\t') {
            push(&mut script, number, recipe, block);
            continue;
        }
        let code = line.split('#').next().unwrap_or_default().trim();
        let first = code.split_whitespace().next().unwrap_or_default();
        if matches!(first, "include" | "-include" | "sinclude") {
            // What is included may define every target.
            script.default = None;
        }
        let Some((targets, after)) = rule(code) else {
            continue;
        };
        let (needs, recipe) = after.split_once(';').unwrap_or((after, ""));
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        if targets.trim() == ".PHONY" {
            // A phony target without a recipe is always up to date.
            needs
                .split_whitespace()
                .filter_map(Step::named)
                .for_each(|step| script.branches.insert(step));
            continue;
        }
        let names = words(targets);
        if names
            .iter()
            .any(|name| name.contains('%') || name == ".DEFAULT")
        {
            script.default = None;
        }
        let mut steps = Steps::default();
        names
            .iter()
            .filter_map(|name| Step::named(name))
            .for_each(|step| steps.insert(step));
        script.branches = script.branches.union(steps);
        block = Some(script.blocks.len());
        script.blocks.push(Block {
            names,
            calls: words(needs),
            steps,
        });
        if !recipe.trim().is_empty() {
            push(&mut script, number, recipe, block);
        }
    }
    script.follow_calls();
    script.default = script.default.filter(|_| is_whole);
    script
}

fn push(script: &mut Script, number: u64, recipe: &str, block: Option<usize>) {
    let text = recipe
        .trim()
        .trim_start_matches(['@', '-', '+'])
        .replace("$$", "$")
        .replace("$(pkgdir)", "${pkgdir}");
    let steps = block
        .and_then(|index| script.blocks.get(index))
        .map_or_else(Steps::default, |block| block.steps);
    script.lines.push(Line {
        number,
        text,
        steps,
        is_default: false,
        block,
    });
}

/// The targets of a rule, and what follows its colons; `None` for assignments and all else.
fn rule(code: &str) -> Option<(&str, &str)> {
    let (targets, after) = code.split_once(':')?;
    let after = after.strip_prefix(':').unwrap_or(after);
    let is_rule = !targets.trim().is_empty() && !targets.contains('=') && !after.starts_with('=');
    is_rule.then_some((targets, after))
}

/// The first line that should be a recipe's and begins with spaces where make wants a tab.
pub(in crate::plugin) fn misindented_recipe(text: &str) -> Option<u64> {
    let mut in_rule = false;
    for (number, line) in (1..).zip(text.lines()) {
        if in_rule
            && line.starts_with("  ")
            && !line.trim().is_empty()
            && !line.trim_start().starts_with('#')
        {
            return Some(number);
        }
        in_rule = match line {
            _ if line.trim().is_empty() || line.starts_with('#') => in_rule,
            _ => rule(line).is_some() && !line.starts_with([' ', '\t']) && !line.ends_with('\\'),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::script::Answer;

    #[test]
    fn targets_are_steps() {
        let text = "#!/usr/bin/make -f\nA := b:c\n.PHONY: build\nbuild:\npackage: files\n\tcp x $(pkgdir)/y\nfiles:\n\t@tar x\ninstall uninstall:\n\ttrue\n";
        let script = read(text);
        let of = |step| {
            script
                .of(step)
                .map(|line| line.text.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(of(Step::Package), ["cp x ${pkgdir}/y", "tar x"]);
        assert_eq!(of(Step::Uninstall), ["true"]);
        assert_eq!(script.answers(Step::Build), Answer::Yes);
        assert_eq!(script.answers(Step::Postrm), Answer::No);
    }

    #[test]
    fn a_target_that_may_come_from_elsewhere_is_unclear() {
        assert_eq!(
            read("build:\n%:\n\ttrue\n").answers(Step::Postrm),
            Answer::Unclear
        );
        assert_eq!(
            read("include x.mk\nbuild:\n").answers(Step::Postrm),
            Answer::Unclear
        );
        assert_eq!(
            read(".PHONY: postrm\nbuild:\n").answers(Step::Postrm),
            Answer::Yes
        );
    }

    #[test]
    fn a_recipe_with_spaces_is_seen() {
        assert_eq!(misindented_recipe("install:\n    cp a b\n"), Some(2));
        assert_eq!(misindented_recipe("install:\n\tcp a \\\n      b\n"), None);
        assert_eq!(
            misindented_recipe("A = b \\\n    c\ninstall:\n\n\tcp\n"),
            None
        );
    }
}
