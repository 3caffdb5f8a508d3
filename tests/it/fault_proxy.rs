//! A bad connection between a farm and an object store: answers of its own, cuts, delays, for the requests that it is told of.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The store never sees it; the answer has this status and this error code.
    Answer(u16, &'static str),
    /// The store never sees it; the connection ends.
    Cut,
    /// The store does what it is asked, and nobody hears of it.
    CutAnswer,
    /// It takes this long before the store sees it.
    Slow(Duration),
}

/// Which requests a fault befalls.
#[derive(Debug, Clone)]
struct Plan {
    method: &'static str,
    place: &'static str,
    left: usize,
    fault: Fault,
}

/// A proxy on a free port; its thread ends with the test's process.
pub(crate) struct FaultProxy {
    pub(crate) port: u16,
    plan: Arc<Mutex<Option<Plan>>>,
    traffic: Arc<Mutex<Traffic>>,
}

/// What went through a proxy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic {
    /// How many requests of each method.
    pub(crate) requests: BTreeMap<String, usize>,
    /// The bytes of their bodies.
    pub(crate) sent: u64,
    /// The bytes of the answers.
    pub(crate) received: u64,
}

impl Traffic {
    fn count(&mut self, head: &str, sent: usize, received: usize) {
        let method = head.split(' ').next().unwrap_or_default().to_owned();
        *self.requests.entry(method).or_default() += 1;
        self.sent += sent as u64;
        self.received += received as u64;
    }
}

/// What a proxy does with every request.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Honest,
    /// It takes the conditions away, as a server does that does not know them.
    Forgetful,
}

impl FaultProxy {
    pub(crate) fn to(store: u16) -> Self {
        Self::start(store, Manner::Honest)
    }

    /// A proxy by which a store forgets what it knows of conditional writes.
    pub(crate) fn forgetful(store: u16) -> Self {
        Self::start(store, Manner::Forgetful)
    }

    fn start(store: u16, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Mutex::new(None));
        let traffic = Arc::new(Mutex::new(Traffic::default()));
        let shared = (Arc::clone(&plan), Arc::clone(&traffic));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (plan, traffic) = shared.clone();
                // A connection that breaks off is what this is for.
                std::thread::spawn(move || serve(client, store, manner, &plan, &traffic).ok());
            }
        });
        Self {
            port,
            plan,
            traffic,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Lets `fault` befall the next `times` requests of `method` whose path holds `place`.
    pub(crate) fn plan(
        &self,
        method: &'static str,
        place: &'static str,
        times: usize,
        fault: Fault,
    ) {
        let plan = Plan {
            method,
            place,
            left: times,
            fault,
        };
        *self.plan.lock().unwrap() = Some(plan);
    }

    /// What went through since it was last asked.
    pub(crate) fn traffic(&self) -> Traffic {
        std::mem::take(&mut self.traffic.lock().unwrap())
    }

    /// All is well again; gives how many requests were still to be befallen.
    pub(crate) fn heal(&self) -> usize {
        self.plan.lock().unwrap().take().map_or(0, |plan| plan.left)
    }
}

/// One request a connection: the answer ends with it.
fn serve(
    mut client: TcpStream,
    store: u16,
    manner: Manner,
    plan: &Mutex<Option<Plan>>,
    traffic: &Mutex<Traffic>,
) -> io::Result<()> {
    let (mut head, rest) = read_head(&mut client)?;
    if let Manner::Forgetful = manner {
        let kept = head.split_inclusive("\r\n");
        head = kept
            .filter(|line| !line.to_lowercase().starts_with("if-"))
            .collect();
    }
    let fault = next_fault(plan, head.lines().next().unwrap_or_default());
    match fault {
        Some(Fault::Cut) => return client.shutdown(Shutdown::Both),
        Some(Fault::Slow(time)) => std::thread::sleep(time),
        _ => {}
    }
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = rest;
    let missing = length - body.len() as u64;
    if (&mut client).take(missing).read_to_end(&mut body)? as u64 != missing {
        // Who asked has given up; a store would wait for the rest.
        return Ok(());
    }
    if let Some(Fault::Answer(status, code)) = fault {
        return answer(&mut client, status, code);
    }
    let mut upstream = TcpStream::connect(("127.0.0.1", store))?;
    let head = head.trim_end_matches("\r\n");
    upstream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes())?;
    upstream.write_all(&body)?;
    let mut answered = Vec::new();
    upstream.read_to_end(&mut answered)?;
    traffic
        .lock()
        .unwrap()
        .count(head, body.len(), answered.len());
    if !matches!(fault, Some(Fault::CutAnswer)) {
        client.write_all(&answered)?;
    }
    client.shutdown(Shutdown::Both)
}

fn next_fault(plan: &Mutex<Option<Plan>>, request: &str) -> Option<Fault> {
    let mut plan = plan.lock().unwrap();
    let plan = plan.as_mut()?;
    let meant = request.starts_with(plan.method) && request.contains(plan.place);
    if !meant || plan.left == 0 {
        return None;
    }
    plan.left -= 1;
    Some(plan.fault)
}

fn answer(client: &mut TcpStream, status: u16, code: &str) -> io::Result<()> {
    let body = format!("<Error><Code>{code}</Code><Message>a test says so</Message></Error>");
    write!(
        client,
        "HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    client.shutdown(Shutdown::Both)
}

fn read_head(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let end = read.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let rest = read.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&read).into_owned(), rest));
        }
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => read.extend_from_slice(&buffer[..count]),
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
