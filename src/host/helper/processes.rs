//! The processes below apt, as proc(5) shows them: which of them are a maintainer script's.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::Pid;

/// A process: its parent, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    parent: i32,
    name: String,
}

/// Everything that a dpkg below `root` has started: scripts, and what they wait for.
pub(super) fn descendants_of_dpkg(root: Pid) -> Vec<Pid> {
    let processes = processes();
    let below = below(&processes, root.as_raw_nonzero().get());
    let is_dpkg = |id: &i32| {
        processes
            .get(id)
            .is_some_and(|process| process.name == "dpkg")
    };
    let found = below.iter().filter(|id| is_dpkg(id));
    let found: BTreeSet<_> = found.flat_map(|id| self::below(&processes, *id)).collect();
    let scripts = found.into_iter().filter(|id| !is_dpkg(id));
    scripts.filter_map(Pid::from_raw).collect()
}

fn below(processes: &BTreeMap<i32, Process>, root: i32) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for (id, process) in processes {
            if process.parent == parent && found.insert(*id) {
                parents.push(*id);
            }
        }
    }
    found
}

fn processes() -> BTreeMap<i32, Process> {
    let Ok(entries) = fs_err::read_dir("/proc") else {
        return BTreeMap::new();
    };
    let found = entries.filter_map(|entry| {
        let name = entry.ok()?.file_name();
        let id: i32 = name.to_str()?.parse().ok()?;
        let stat = fs_err::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Some((id, read(&stat)?))
    });
    found.collect()
}

/// A name may hold anything but a NUL byte, brackets and spaces among it.
fn read(stat: &str) -> Option<Process> {
    let (start, rest) = stat.rsplit_once(") ")?;
    let (_, name) = start.split_once('(')?;
    Some(Process {
        name: name.to_owned(),
        parent: rest.split_whitespace().nth(1)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let process = read("7 (a) b (c) S 3 7 7 0").unwrap();
        assert_eq!((process.parent, process.name.as_str()), (3, "a) b (c"));
        assert_eq!(read("nonsense"), None);
    }

    #[test]
    fn whatever_is_below_a_process_is_found() {
        let process = |parent| Process {
            parent,
            name: String::new(),
        };
        let all = BTreeMap::from([
            (2, process(1)),
            (3, process(2)),
            (4, process(3)),
            (5, process(1)),
        ]);
        assert_eq!(below(&all, 2), BTreeSet::from([3, 4]));
    }

    #[test]
    fn this_machine_has_processes() {
        let own = std::process::id().cast_signed();
        assert!(processes().contains_key(&own));
    }
}
