//! Whether a script failed because a service of this host did not answer: what tools and libraries say then.

/// The ports that Wazo's services, and what they need, listen at.
const PORTS: [(&str, &str); 13] = [
    ("5432", "PostgreSQL"),
    ("5672", "RabbitMQ"),
    ("8088", "Asterisk"),
    ("9486", "wazo-confd"),
    ("9487", "wazo-agentd"),
    ("9489", "wazo-dird"),
    ("9491", "wazo-amid"),
    ("9493", "wazo-agid"),
    ("9497", "wazo-auth"),
    ("9498", "wazo-phoned"),
    ("9500", "wazo-calld"),
    ("9501", "wazo-provd"),
    ("9503", "wazo-plugind"),
];

/// What is said when nobody answers.
const SILENT: [&str; 9] = [
    "connection refused",
    "connectionerror",
    "failed to establish a new connection",
    "max retries exceeded",
    "could not connect",
    "couldn't connect",
    "service unavailable",
    "read timed out",
    "bad gateway",
];

/// What a service did, in words, if one is why.
pub(super) fn at_fault(output: &[String]) -> Option<String> {
    output.iter().rev().find_map(|line| {
        let lower = line.to_lowercase();
        silent(&lower)
            .or_else(|| unit(line))
            .or_else(|| asterisk(&lower))
    })
}

fn silent(line: &str) -> Option<String> {
    if !SILENT.iter().any(|words| line.contains(words)) {
        return None;
    }
    let words: Vec<_> = line
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .collect();
    let port = PORTS.iter().find(|(port, _)| words.contains(port));
    let named = words
        .iter()
        .find(|word| word.starts_with("wazo-") && !word.starts_with("wazo-plugind-"));
    let service = port.map(|(_, name)| *name).or(named.copied())?;
    Some(format!("{service} does not answer"))
}

/// systemd's words for a unit that does not start.
fn unit(line: &str) -> Option<String> {
    let rest = line.strip_prefix("Job for ")?;
    let (unit, _) = rest.split_once(" failed")?;
    let service = unit.strip_suffix(".service").unwrap_or(unit);
    let known = service.starts_with("wazo-")
        || ["asterisk", "rabbitmq-server", "postgresql", "nginx"].contains(&service);
    known.then(|| {
        format!("{service} does not start (its own log says whether the plugin's files are why)")
    })
}

fn asterisk(line: &str) -> Option<String> {
    let found = line.contains("unable to connect to remote asterisk");
    found.then(|| "Asterisk does not run".to_owned())
}
