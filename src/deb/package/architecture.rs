//! Which machines a payload is for: `all`, unless it holds programs or paths that belong to one architecture. Programs of
//! other machines, such as the firmware of phones, are data.

use crate::deb::payload::{Entry, File, Payload};
use crate::model::Architecture;

/// The machine of an ELF file, as far as the farm tells machines apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// 64-bit PC.
    Amd64,
    /// Another one, by its ELF number (`e_machine`).
    Other(u16),
}

/// The folders of multi-arch libraries (Debian Policy 9.1.1) that amd64 packages have.
const TRIPLET: &str = "x86_64-linux-gnu";

/// Ends of the names of other architectures' folders.
const FOREIGN_TRIPLETS: &[&str] = &[
    "-linux-gnu",
    "-linux-gnueabihf",
    "-linux-gnueabi",
    "-linux-gnux32",
];

/// The machine that `file` is for, if it is an ELF file (System V ABI, chapter 4).
#[must_use]
pub fn machine(file: &File) -> Option<Machine> {
    let head = &file.content.head;
    if !head.starts_with(b"\x7fELF") || file.content.size < head.len() as u64 {
        return None;
    }
    let [.., low, high] = *head;
    let (class, order) = (head.get(4).copied(), head.get(5).copied());
    let number = match order {
        Some(2) => u16::from_be_bytes([low, high]),
        _ => u16::from_le_bytes([low, high]),
    };
    let amd64 = number == 62 && class == Some(2) && order == Some(1);
    Some(if amd64 {
        Machine::Amd64
    } else {
        Machine::Other(number)
    })
}

/// The architecture that the package of `payload` must have.
#[must_use]
pub fn architecture(payload: &Payload) -> Architecture {
    let elf = payload
        .files()
        .any(|(_, file)| machine(file) == Some(Machine::Amd64));
    let library = payload
        .entries()
        .keys()
        .any(|path| triplet(path) == Some(TRIPLET));
    if elf || library {
        Architecture::Amd64
    } else {
        Architecture::All
    }
}

/// The entries that are for machines which the farm does not build for, and what they are for.
pub fn foreign_machines(payload: &Payload) -> impl Iterator<Item = (&str, String)> {
    payload.entries().iter().filter_map(|(path, entry)| {
        let machine = match entry {
            Entry::File(file) => machine(file),
            _ => None,
        };
        let what = match (machine, triplet(path)) {
            (Some(Machine::Other(number)), _) => format!("ELF machine {number}"),
            (_, Some(found)) if found != TRIPLET => found.to_owned(),
            _ => return None,
        };
        Some((path.as_str(), what))
    })
}

/// The multi-arch folder that `path` is, or is in.
fn triplet(path: &str) -> Option<&str> {
    let below = ["usr/lib/", "lib/", "usr/local/lib/", "usr/include/"]
        .iter()
        .find_map(|folder| path.strip_prefix(folder))?;
    let name = below.split('/').next()?;
    let foreign = FOREIGN_TRIPLETS.iter().any(|end| name.ends_with(end));
    foreign.then_some(name)
}
