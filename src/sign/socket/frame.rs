//! Frames on a socket: a length of four bytes, the highest first, and as many bytes of JSON; all of it before a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::wire::MAX_FRAME;

/// A connection that ends at its deadline, however slowly the other side goes on.
pub(super) struct Connection {
    stream: UnixStream,
    deadline: Instant,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, patience: Duration) -> Self {
        Self {
            stream,
            deadline: Instant::now() + patience,
        }
    }

    /// Reads a frame.
    pub(super) fn receive<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let mut length = [0; 4];
        self.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > MAX_FRAME {
            return Err(wrong(format!(
                "a frame has at most {MAX_FRAME} bytes, not {length}"
            )));
        }
        let mut bytes = Vec::new();
        self.take(u64::from(length)).read_to_end(&mut bytes)?;
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))
    }

    /// Writes a frame.
    pub(super) fn send(&mut self, value: &impl Serialize) -> io::Result<()> {
        let bytes = serde_json::to_vec(value)?;
        let length = u32::try_from(bytes.len()).ok();
        let length = length.filter(|length| *length <= MAX_FRAME);
        let length = length.ok_or_else(|| wrong("the frame is too long".to_owned()))?;
        self.write_all(&length.to_be_bytes())?;
        self.write_all(&bytes)
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

fn wrong(reason: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason)
}

/// What a timeout of the socket is called here.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock {
        ErrorKind::TimedOut.into()
    } else {
        error
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
