//! What a build that failed at the farm is in wazo-plugind's words.

use serde_json::{Map, Value, json};

use super::{JobError, Status};
use crate::wire::{Finding, Line, Verdict};

/// How many characters of the log an event carries at most.
const TAIL: usize = 4000;

/// A failed build: the step at which it failed, and the error.
pub(super) struct Judged {
    pub(super) step: Status,
    pub(super) error: JobError,
}

/// Judges a failed build. `options` are the details of errors that have no others.
pub(super) fn judge(verdict: &Verdict, options: Value) -> Judged {
    let code = verdict.code.as_deref().unwrap_or_default();
    let refusing = verdict
        .findings
        .iter()
        .filter(|one| one.severity == "refuse");
    let refusing: Vec<_> = refusing.collect();
    let first = refusing.first().map_or("", |one| one.code.as_str());
    let at = |step| Judged {
        step,
        error: JobError::at(step, options.clone()),
    };
    let failed = |step| Judged {
        step,
        error: JobError::building(step),
    };
    let judged = match verdict.stage.as_deref() {
        Some("fetch") => failed(Status::Downloading),
        Some("check") if code.starts_with("dep-") => at(Status::InstallingDependencies),
        Some("check") if first.starts_with("rules-") || first.starts_with("legacy-make") => {
            at(Status::Building)
        }
        Some("check") => match fields(&refusing) {
            Some(fields) => {
                return Judged {
                    step: Status::Validating,
                    error: JobError::validation(fields),
                };
            }
            None if is_unreadable(first) => at(Status::Extracting),
            None => at(Status::Validating),
        },
        Some("build") if code == "rules-not-executable" => at(Status::Building),
        Some("build") => failed(Status::Building),
        Some("package") if code.starts_with("rules-") => failed(Status::Packaging),
        Some("publish") => at(Status::Updating),
        _ => at(Status::Packaging),
    };
    Judged {
        error: explained(judged.error, verdict, &refusing),
        ..judged
    }
}

/// Whether there was no manifest to look into.
fn is_unreadable(code: &str) -> bool {
    const UNREADABLE: [&str; 4] = [
        "manifest-missing",
        "manifest-misplaced",
        "manifest-in-subdirectory",
        "manifest-not-a-file",
    ];
    UNREADABLE.contains(&code) || code.starts_with("manifest-")
}

/// Adds what the farm says.
fn explained(error: JobError, verdict: &Verdict, refusing: &[&Finding]) -> JobError {
    let texts = [
        ("blame", verdict.blame.clone()),
        ("code", verdict.code.clone()),
        ("reason", Some(verdict.message.clone())),
        ("hint", verdict.hint.clone()),
        ("output_tail", tail(&verdict.lines)),
    ];
    let known = texts
        .into_iter()
        .filter_map(|(key, text)| Some((key, text?)));
    let error = known.fold(error, |error, (key, text)| error.with(key, text));
    if refusing.is_empty() {
        return error;
    }
    let found = refusing.iter().map(|one| {
        json!({"code": one.code, "message": one.message, "fix": one.fix, "file": one.file, "line": one.line})
    });
    error.with("findings", found.collect::<Vec<_>>())
}

fn tail(lines: &[Line]) -> Option<String> {
    let all: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    let all = all.join("\n");
    let skip = all.chars().count().saturating_sub(TAIL);
    let kept: String = all.chars().skip(skip).collect();
    (!kept.is_empty()).then_some(kept)
}

/// What is wrong with the manifest's fields, as wazo-plugind says it; none, if it is something else that is wrong.
fn fields(findings: &[&Finding]) -> Option<Value> {
    let mut details = Map::new();
    for finding in findings {
        if let Some(field) = &finding.field {
            put(&mut details, field, wrong(finding, field));
        }
    }
    (!details.is_empty()).then_some(Value::Object(details))
}

/// Puts an error where `depends[0].name` says: `{"depends": {"0": {"name": …}}}`. The first error of a field stays.
fn put(details: &mut Map<String, Value>, field: &str, error: Value) {
    let path = field.replace('[', ".").replace(']', "");
    let mut parts = path.split('.').peekable();
    let mut here = details;
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            here.entry(part).or_insert(error);
            return;
        }
        let below = here.entry(part).or_insert_with(|| json!({}));
        match below {
            Value::Object(below) => here = below,
            _ => return,
        }
    }
}

/// What is wrong with one field.
fn wrong(finding: &Finding, field: &str) -> Value {
    let own = field.rsplit('.').next().unwrap_or(field);
    let (message, id, constraint) = match (finding.code.as_str(), own) {
        ("name-invalid", "namespace") => (PATTERN, "regex", json!("^[a-z0-9]+$")),
        ("name-invalid", _) => (PATTERN, "regex", json!("^[a-z0-9-]+$")),
        ("field-missing", _) => (
            "Missing data for required field.",
            "required",
            json!("required"),
        ),
        ("field-type", "depends") => ("Not a valid list.", "type", json!("list")),
        ("field-type", _) => ("Not a valid string.", "type", json!("string")),
        ("format-invalid", _) => (
            "Must be greater than or equal to 0 and less than or equal to 2.",
            "range",
            json!({"min": 0, "max": 2}),
        ),
        (code, _) => (finding.message.as_str(), code, json!(code)),
    };
    json!({"message": message, "constraint_id": id, "constraint": constraint})
}

const PATTERN: &str = "String does not match expected pattern.";

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: &str, field: Option<&str>) -> Finding {
        Finding {
            code: code.to_owned(),
            severity: "refuse".to_owned(),
            message: "what".to_owned(),
            fix: "do".to_owned(),
            file: None,
            line: None,
            field: field.map(str::to_owned),
        }
    }

    fn judged(stage: &str, code: &str, findings: Vec<Finding>) -> String {
        let verdict = Verdict {
            outcome: "failed".to_owned(),
            stage: Some(stage.to_owned()),
            code: Some(code.to_owned()),
            blame: Some("partner".to_owned()),
            message: "it failed".to_owned(),
            hint: None,
            lines: vec![Line {
                number: 1,
                text: "make: error".to_owned(),
            }],
            findings,
        };
        let judged = judge(&verdict, json!({"install_options": {}}));
        let error = judged.error;
        let details = serde_json::to_string(&error.details).unwrap();
        format!("{}: {} {details}", judged.step, error.error_id)
    }

    #[test]
    fn what_is_wrong_with_fields_is_told_by_field() {
        let one = |code: &str, field: &str| {
            judged("check", "check-refused", vec![finding(code, Some(field))])
        };
        insta::assert_snapshot!(one("name-invalid", "namespace"), @r#"validating: validation-error {"namespace":{"message":"String does not match expected pattern.","constraint_id":"regex","constraint":"^[a-z0-9]+$"}}"#);
        insta::assert_snapshot!(one("name-invalid", "name"), @r#"validating: validation-error {"name":{"message":"String does not match expected pattern.","constraint_id":"regex","constraint":"^[a-z0-9-]+$"}}"#);
        insta::assert_snapshot!(one("format-invalid", "plugin_format_version"), @r#"validating: validation-error {"plugin_format_version":{"message":"Must be greater than or equal to 0 and less than or equal to 2.","constraint_id":"range","constraint":{"min":0,"max":2}}}"#);
        insta::assert_snapshot!(one("field-missing", "depends[0].namespace"), @r#"validating: validation-error {"depends":{"0":{"namespace":{"message":"Missing data for required field.","constraint_id":"required","constraint":"required"}}}}"#);
        insta::assert_snapshot!(one("version-invalid", "version"), @r#"validating: validation-error {"version":{"message":"what","constraint_id":"version-invalid","constraint":"version-invalid"}}"#);
    }

    #[test]
    fn each_stage_fails_at_the_step_of_wazo_plugind() {
        insta::assert_snapshot!(judged("fetch", "ref-gone", vec![]), @r#"downloading: install-error {"step":"downloading","blame":"partner","code":"ref-gone","reason":"it failed","output_tail":"make: error"}"#);
        insta::assert_snapshot!(judged("build", "rules-exit", vec![]), @r#"building: install-error {"step":"building","blame":"partner","code":"rules-exit","reason":"it failed","output_tail":"make: error"}"#);
        insta::assert_snapshot!(judged("package", "rules-exit", vec![]), @r#"packaging: install-error {"step":"packaging","blame":"partner","code":"rules-exit","reason":"it failed","output_tail":"make: error"}"#);
        let step = |stage: &str, code: &str, found: &[&str]| {
            let found = found.iter().map(|code| finding(code, None)).collect();
            let told = judged(stage, code, found);
            told.split(" {").next().unwrap_or_default().to_owned()
        };
        assert_eq!(
            step("check", "check-refused", &["manifest-missing"]),
            "extracting: extracting-error"
        );
        assert_eq!(
            step("check", "check-refused", &["rules-missing"]),
            "building: building-error"
        );
        assert_eq!(
            step("check", "check-refused", &["name-reserved"]),
            "validating: validating-error"
        );
        assert_eq!(
            step("inspect", "payload-held", &[]),
            "packaging: packaging-error"
        );
        assert_eq!(
            step("publish", "version-used", &[]),
            "updating: updating-error"
        );
    }
}
