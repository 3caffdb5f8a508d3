//! What the body of a request to install says.

use serde_json::{Map, Value, json};

use super::fields::{self, Fields, Need};
use crate::host::jobs::Asked;

const METHODS: &[&str] = &["git", "market"];

/// What a body asks for; or what is wrong with it, by field.
pub(super) fn read(body: &Value) -> Result<Asked, Map<String, Value>> {
    let empty = Map::new();
    let body = match body {
        Value::Object(body) => body,
        // As upstream, where what is empty is taken for nothing.
        other if is_empty(other) => &empty,
        _ => {
            let wrong = json!({"message": "Invalid input type.", "constraint_id": "type", "constraint": "dict"});
            return Err([("_schema".to_owned(), wrong)].into_iter().collect());
        }
    };
    let mut wrong = Map::new();
    let method = match body.get("method") {
        None => Err(fields::required()),
        Some(Value::Null) => Err(fields::not_null()),
        Some(Value::String(method)) if METHODS.contains(&method.as_str()) => Ok(method.as_str()),
        Some(Value::String(_)) => Err(fields::choices(METHODS)),
        Some(_) => Err(fields::not_a("string")),
    };
    let method = method
        .map_err(|error| wrong.insert("method".to_owned(), error))
        .ok();
    let asked = match options(body.get("options"), method) {
        Ok(asked) => asked,
        Err(error) => {
            wrong.insert("options".to_owned(), error);
            None
        }
    };
    match asked {
        Some(asked) if wrong.is_empty() => Ok(asked),
        _ => Err(wrong),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// What options ask for; nothing, where no method says what they must be.
fn options(value: Option<&Value>, method: Option<&str>) -> Result<Option<Asked>, Value> {
    let empty = Map::new();
    let options = match value {
        None => return Err(fields::required()),
        Some(Value::Null) => return Err(fields::not_null()),
        Some(Value::Object(options)) => options,
        Some(other) if is_empty(other) => &empty,
        Some(_) => return Err(json!({})),
    };
    let mut options = Fields::new(options);
    let asked = match method {
        Some("git") => git(&mut options),
        Some(_) => market(&mut options),
        None => return Ok(None),
    };
    match options.wrong.is_empty() {
        true => Ok(asked),
        false => Err(Value::Object(options.wrong)),
    }
}

fn git(options: &mut Fields<'_>) -> Option<Asked> {
    let url = options.text("url", Need::Required, 1);
    let reference = options.text("ref", Need::Optional, 1);
    let subdirectory = options.text("subdirectory", Need::Nullable, 1);
    Some(Asked::git(&url?, reference, subdirectory))
}

fn market(options: &mut Fields<'_>) -> Option<Asked> {
    let namespace = options.text("namespace", Need::Required, 1);
    let name = options.text("name", Need::Required, 1);
    let version = options.text("version", Need::Optional, 0);
    Some(Asked::Market {
        namespace: namespace?,
        name: name?,
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(body: &str) -> String {
        let body = serde_json::from_str(body).unwrap();
        Value::Object(read(&body).unwrap_err()).to_string()
    }

    fn asked(body: Value) -> Asked {
        read(&body).unwrap()
    }

    #[test]
    fn test_that_no_body_is_as_good_as_an_empty_one() {
        let both = wrong("{}");
        insta::assert_snapshot!(both, @r#"{"method":{"message":"Missing data for required field.","constraint_id":"required","constraint":"required"},"options":{"message":"Missing data for required field.","constraint_id":"required","constraint":"required"}}"#);
        assert_eq!(wrong("null"), both);
        assert_eq!(wrong("[]"), both);
    }

    #[test]
    fn what_makes_wazo_plugind_fail_is_refused_here() {
        insta::assert_snapshot!(wrong("\"abc\""), @r#"{"_schema":{"message":"Invalid input type.","constraint_id":"type","constraint":"dict"}}"#);
        assert_eq!(wrong("[1]"), wrong("\"abc\""));
        insta::assert_snapshot!(wrong(r#"{"method":[],"options":{}}"#), @r#"{"method":{"message":"Not a valid string.","constraint_id":"type","constraint":"string"}}"#);
    }

    #[test]
    fn test_install_with_an_unknown_method() {
        insta::assert_snapshot!(wrong(r#"{"method":"svn","options":{"url":"x"}}"#), @r#"{"method":{"message":"Must be one of: git, market.","constraint_id":"enum","constraint":{"choices":["git","market"]}}}"#);
        insta::assert_snapshot!(wrong(r#"{"method":null,"options":null}"#), @r#"{"method":{"message":"Field may not be null.","constraint_id":"not_null","constraint":"not_null"},"options":{"message":"Field may not be null.","constraint_id":"not_null","constraint":"not_null"}}"#);
    }

    #[test]
    fn test_git_options() {
        insta::assert_snapshot!(wrong(r#"{"method":"git","options":{}}"#), @r#"{"options":{"url":{"message":"Missing data for required field.","constraint_id":"required","constraint":"required"}}}"#);
        assert_eq!(
            wrong(r#"{"method":"git","options":[]}"#),
            wrong(r#"{"method":"git","options":{}}"#)
        );
        insta::assert_snapshot!(wrong(r#"{"method":"git","options":{"url":"","ref":null,"subdirectory":7}}"#), @r#"{"options":{"url":[{"message":"Shorter than minimum length 1.","constraint_id":"length","constraint":{"min":1,"max":null}}],"ref":{"message":"Field may not be null.","constraint_id":"not_null","constraint":"not_null"},"subdirectory":{"message":"Not a valid string.","constraint_id":"type","constraint":"string"}}}"#);
        assert_eq!(
            wrong(r#"{"method":"git","options":"x"}"#),
            r#"{"options":{}}"#
        );
        let plain = asked(
            json!({"method": "git", "options": {"url": "https://x/", "subdirectory": null, "more": 1}}),
        );
        assert_eq!(
            plain.options(),
            json!({"url": "https://x/", "ref": "master", "subdirectory": null})
        );
        let all = asked(
            json!({"method": "git", "options": {"url": "https://x/", "ref": "v2", "subdirectory": "sub"}}),
        );
        assert_eq!(
            all.options(),
            json!({"url": "https://x/", "ref": "v2", "subdirectory": "sub"})
        );
    }

    #[test]
    fn test_market_options() {
        insta::assert_snapshot!(wrong(r#"{"method":"market","options":{"name":""}}"#), @r#"{"options":{"namespace":{"message":"Missing data for required field.","constraint_id":"required","constraint":"required"},"name":[{"message":"Shorter than minimum length 1.","constraint_id":"length","constraint":{"min":1,"max":null}}]}}"#);
        let minimal = asked(
            json!({"method": "market", "options": {"namespace": "a", "name": "b", "url": 1}}),
        );
        assert_eq!(minimal.options(), json!({"namespace": "a", "name": "b"}));
        let all = asked(
            json!({"method": "market", "options": {"namespace": "a", "name": "b", "version": "1"}}),
        );
        assert_eq!(
            all.options(),
            json!({"namespace": "a", "name": "b", "version": "1"})
        );
    }
}
