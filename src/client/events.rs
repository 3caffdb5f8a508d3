//! Server-Sent Events, as the HTML standard has them: bytes in, events out.

/// The most bytes of one event.
const MAX_EVENT: usize = 1 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its kind; `message`, if it says none.
    pub(super) kind: String,
    /// Its data.
    pub(super) data: String,
    /// The id to go on after.
    pub(super) id: Option<String>,
}

/// Reads events out of a stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// A line that is not whole yet.
    line: Vec<u8>,
    /// Whether the last line ended with a carriage return, to which a line feed would belong.
    returned: bool,
    kind: String,
    data: String,
    id: Option<String>,
}

impl Reader {
    /// Takes the next bytes, and gives the events that are whole now; none, if one is too large.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<Vec<Event>> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.returned => self.returned = false,
                b'\n' | b'\r' => {
                    self.returned = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.take(&String::from_utf8_lossy(&line)));
                }
                byte => {
                    self.returned = false;
                    self.line.push(*byte);
                }
            }
            if self.line.len() + self.data.len() > MAX_EVENT {
                return None;
            }
        }
        Some(events)
    }

    fn take(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // A comment keeps the connection alive; the rest is for browsers.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        let (kind, mut data) = (
            std::mem::take(&mut self.kind),
            std::mem::take(&mut self.data),
        );
        let id = self.id.take();
        // Without data there is no event; the line end after the last line of data is none of it.
        data.pop()?;
        let kind = if kind.is_empty() {
            "message".to_owned()
        } else {
            kind
        };
        Some(Event { kind, data, id })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<Event> {
        Reader::default().feed(text.as_bytes()).unwrap()
    }

    #[test]
    fn events_are_read_as_the_standard_has_them() {
        let text = ": alive\n\nevent: line\nid: 1:2\ndata: {}\n\ndata:a\r\ndata: b\r\rretry: 5\n\nevent: x\n\ndata\n\nunfinished";
        let event = |kind: &str, data: &str, id: Option<&str>| Event {
            kind: kind.to_owned(),
            data: data.to_owned(),
            id: id.map(str::to_owned),
        };
        let expected = [
            event("line", "{}", Some("1:2")),
            event("message", "a\nb", None),
            event("message", "", None),
        ];
        assert_eq!(all(text), expected);
    }

    #[test]
    fn an_event_without_an_end_is_not_kept_for_ever() {
        let mut reader = Reader::default();
        let piece = vec![b'a'; MAX_EVENT / 4];
        let fed = (0..8).map(|_| reader.feed(&piece));
        assert!(fed.into_iter().any(|events| events.is_none()));
        let mut reader = Reader::default();
        let piece = format!("data: {}\n", "a".repeat(MAX_EVENT / 4));
        let fed = (0..8).map(|_| reader.feed(piece.as_bytes()));
        assert!(fed.into_iter().any(|events| events.is_none()));
    }

    proptest! {
        #[test]
        fn where_the_stream_is_cut_does_not_matter(
            text in "(data: [a-zé]{0,5}|event: l|id: 1|:|\r\n|\n|\r){0,30}",
            cut in 1..7_usize,
        ) {
            let mut reader = Reader::default();
            let mut events = Vec::new();
            for piece in text.as_bytes().chunks(cut) {
                events.extend(reader.feed(piece).unwrap());
            }
            prop_assert_eq!(events, all(&text));
        }
    }
}
