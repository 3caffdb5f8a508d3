//! The manifest's versions: the plugin's, the format's, and the bounds on Wazo's.

use crate::model::PluginVersion;

use super::fields::{Fields, Kind, Text, is_null};
use crate::plugin::checks::{Check, quote};
use crate::plugin::scalar;
use crate::plugin::wazo_version::WazoVersion;
use crate::plugin::yaml::Value;

pub(super) fn version(fields: &mut Fields<'_, '_>) -> Option<PluginVersion> {
    let text = fields.required("version", Kind::AsWritten)?;
    warn_unquoted(fields, "version", &text);
    match PluginVersion::new(&text.text) {
        Ok(version) => Some(version),
        Err(error) => {
            let fix = match better_version(&text.text) {
                Some(better) if scalar::is_text(&better) => format!("Write `version: {better}`."),
                Some(better) => format!("Write `version: \"{better}\"`."),
                None => "Write a version such as `version: 1.0.0`.".to_owned(),
            };
            fields.add(
                Check::VersionInvalid,
                Some(text.line),
                &error.to_string(),
                &fix,
            );
            None
        }
    }
}

/// A Debian version that probably says the same as `text`: `v1.0` is `1.0`, `1.0_beta` is `1.0~beta`.
fn better_version(text: &str) -> Option<String> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let (before, version) = text.split_at(start);
    if !before
        .chars()
        .all(|c| c.is_ascii_alphabetic() || " .-_".contains(c))
    {
        return None;
    }
    let mut better = String::new();
    let mut rest = version.trim().chars().peekable();
    while let Some(c) = rest.next() {
        let starts_word = rest.peek().is_some_and(char::is_ascii_alphabetic);
        better.push(match c {
            '_' | ' ' if starts_word => '~',
            '_' | ' ' | '/' => '.',
            other => other,
        });
    }
    PluginVersion::new(&better).is_ok().then_some(better)
}

fn warn_unquoted(fields: &mut Fields<'_, '_>, key: &str, text: &Text) {
    if !text.plain || scalar::is_text(&text.text) {
        return;
    }
    let written = quote(&text.text);
    let loses_digits = text.text.contains('.') && text.text.ends_with('0');
    let consequence = if loses_digits {
        format!("hosts see `{}`", text.text.trim_end_matches('0'))
    } else {
        "hosts see a number where a text belongs".to_owned()
    };
    let message = format!(
        "YAML reads {written} in the field `{key}` as a number; the farm takes what is written, {consequence}"
    );
    let fix = format!("Put it in quotes: `{key}: \"{}\"`.", text.text);
    fields.add(Check::VersionUnquoted, Some(text.line), &message, &fix);
}

pub(super) fn format(fields: &mut Fields<'_, '_>) -> Option<u8> {
    let Some(node) = fields.node("plugin_format_version") else {
        return Some(0);
    };
    let written = match &node.value {
        Value::Scalar(scalar) if scalar.plain => scalar.text.as_str(),
        _ => "",
    };
    match written {
        "0" => return Some(0),
        "1" => return Some(1),
        "2" => return Some(2),
        _ => {}
    }
    let message = "`plugin_format_version` must be the number 0, 1 or 2, without quotes";
    fields.add(
        Check::FormatInvalid,
        Some(node.line),
        message,
        "Write `plugin_format_version: 1`.",
    );
    None
}

pub(super) fn wazo_versions(
    fields: &mut Fields<'_, '_>,
) -> (Option<WazoVersion>, Option<WazoVersion>) {
    let min = wazo_version(fields, "min_wazo_version");
    let max = wazo_version(fields, "max_wazo_version");
    if let (Some(min), Some(max)) = (&min, &max)
        && min > max
    {
        let line = fields.node("max_wazo_version").map(|node| node.line);
        let message = format!("no version of Wazo is at least {min} and at most {max}");
        let fix = "Swap `min_wazo_version` and `max_wazo_version`, or remove one.";
        fields.add(Check::WazoVersionInvalid, line, &message, fix);
    }
    (min, max)
}

fn wazo_version(fields: &mut Fields<'_, '_>, key: &str) -> Option<WazoVersion> {
    if let Some(node) = fields.node(key).filter(|node| is_null(node)) {
        let message = format!("the field `{key}` is null");
        fields.add(
            Check::FieldType,
            Some(node.line),
            &message,
            "Give a version, or remove the line.",
        );
        return None;
    }
    let text = fields.optional(key, Kind::AsWritten)?;
    warn_unquoted(fields, key, &text);
    match WazoVersion::new(&text.text) {
        Ok(version) => Some(version),
        Err(error) => {
            let fix = format!("Write a version such as `{key}: \"24.10\"`.");
            fields.add(
                Check::WazoVersionInvalid,
                Some(text.line),
                &error.to_string(),
                &fix,
            );
            None
        }
    }
}
