//! What an event looks like on the bus: wazo-bus's headers and body for something that a service tells.

use serde_json::{Map, Value, json};

/// Something that a service tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What kind of event it is, such as `plugin_install_progress`.
    pub name: &'static str,
    /// The parts of its routing key.
    pub key: Vec<String>,
    /// What it says.
    pub data: Value,
    /// When it happened: local time without a zone, as wazo-bus writes it.
    pub timestamp: String,
    /// The Wazo that it comes from, if it is known.
    pub origin: Option<String>,
    /// The same whenever it is sent, and no other event's.
    pub id: String,
}

/// An event as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// [`Event::id`].
    pub id: String,
    /// The routing key. An exchange of type headers does not look at it.
    pub routing_key: String,
    /// The headers; consumers choose by them.
    pub headers: Vec<(String, String)>,
    /// The body, in JSON.
    pub body: Vec<u8>,
}

impl Event {
    /// The event as it is sent: the headers and the body say the same, and the body has the data too.
    #[must_use]
    pub fn message(&self) -> Message {
        let parts: Vec<_> = self.key.iter().map(|part| escaped(part)).collect();
        let routing_key = parts.join(".");
        let known = [
            ("name", Some(self.name.to_owned())),
            ("required_access", Some(format!("event.{}", self.name))),
            ("required_acl", Some(format!("events.{routing_key}"))),
            ("origin_uuid", self.origin.clone()),
            ("timestamp", Some(self.timestamp.clone())),
        ];
        let headers: Vec<_> = known
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        let mut body: Map<_, _> = headers
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        body.insert("data".to_owned(), self.data.clone());
        Message {
            id: self.id.clone(),
            routing_key,
            headers,
            body: Value::Object(body).to_string().into_bytes(),
        }
    }
}

/// One part of a routing key, without what means something in patterns.
fn escaped(part: &str) -> String {
    part.replace('.', "__DOT__")
        .replace('#', "__HASH__")
        .replace('*', "__STAR__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_sent_as_wazos_services_send_theirs() {
        let event = Event {
            name: "plugin_install_progress",
            key: ["plugin", "install", "a.b#c*d", "installing dependencies"]
                .map(str::to_owned)
                .to_vec(),
            data: json!({"uuid": "a.b#c*d", "status": "installing dependencies"}),
            timestamp: "2026-01-31T12:00:00.000001".to_owned(),
            origin: Some("0a0a".to_owned()),
            id: "a:1".to_owned(),
        };
        let message = event.message();
        insta::assert_snapshot!(message.routing_key, @"plugin.install.a__DOT__b__HASH__c__STAR__d.installing dependencies");
        insta::assert_snapshot!(String::from_utf8(message.body).unwrap(), @r##"{"name":"plugin_install_progress","required_access":"event.plugin_install_progress","required_acl":"events.plugin.install.a__DOT__b__HASH__c__STAR__d.installing dependencies","origin_uuid":"0a0a","timestamp":"2026-01-31T12:00:00.000001","data":{"uuid":"a.b#c*d","status":"installing dependencies"}}"##);
        insta::assert_debug_snapshot!(message.headers, @r#"
        [
            (
                "name",
                "plugin_install_progress",
            ),
            (
                "required_access",
                "event.plugin_install_progress",
            ),
            (
                "required_acl",
                "events.plugin.install.a__DOT__b__HASH__c__STAR__d.installing dependencies",
            ),
            (
                "origin_uuid",
                "0a0a",
            ),
            (
                "timestamp",
                "2026-01-31T12:00:00.000001",
            ),
        ]
        "#);
    }
}
