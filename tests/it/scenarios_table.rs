//! Holds what `tests/scenarios.md` says: every test that it names is there, and none of wazo-plugind's scenarios is missing.

use std::collections::BTreeMap;
use std::path::Path;

use fs_err as fs;

/// How many scenarios each suite of wazo-plugind has.
const SUITES: [(&str, usize); 5] = [
    ("test_documentation", 1),
    ("test_market", 8),
    ("test_plugin_installation", 27),
    ("test_status", 2),
    ("test_tenant_restriction", 2),
];

/// The cells of the rows of a table.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line| str::split(line, '|').map(str::trim);
    let rows = lines.map(|line| cells(line.trim_matches('|')).collect());
    rows.collect()
}

/// Whether there is a test of this path: of a story, or of a module of the library.
fn exists(test: &str) -> bool {
    let mut parts: Vec<_> = test.split("::").collect();
    let name = format!("fn {}()", parts.pop().unwrap());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = parts.join("/");
    let places = ["tests/it", "src"].map(|folder| root.join(folder).join(&path));
    places.iter().any(|place| {
        let files = [place.with_extension("rs"), place.join("mod.rs")];
        let texts = files
            .iter()
            .filter_map(|file| fs::read_to_string(file).ok());
        texts.into_iter().any(|text| text.contains(&name))
    })
}

#[test]
fn every_scenario_of_wazo_plugind_is_a_test_of_the_same_name() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios.md"));
    let text = text.unwrap();
    let (integration, unit) = text.split_once("\n## Unit\n").unwrap();
    let mut told = BTreeMap::new();
    let mut tests = Vec::new();
    for row in rows(integration) {
        let [suite, scenario, test, _] = row[..] else {
            panic!("{row:?}");
        };
        *told.entry(suite).or_default() += 1;
        let test = test.trim_matches('`');
        assert_eq!(test.split("::").last().unwrap(), scenario);
        tests.push(test);
    }
    assert_eq!(told, BTreeMap::from(SUITES));
    tests.sort_unstable();
    tests.dedup();
    assert_eq!(tests.len(), 40, "each scenario has a test of its own");
    for row in rows(unit) {
        tests.extend(row[2].split(", ").map(|test| test.trim_matches('`')));
    }
    let missing: Vec<_> = tests.into_iter().filter(|test| !exists(test)).collect();
    assert_eq!(missing, [""; 0]);
}
