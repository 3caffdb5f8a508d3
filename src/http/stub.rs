//! A server for tests that says whatever is wanted: what no good one says, too.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

/// A server that gives each connection the next of these answers.
pub(crate) async fn server(answers: Vec<String>) -> Url {
    server_that_keeps(answers).await.0
}

/// Likewise, and what it was asked.
pub(crate) async fn server_that_keeps(answers: Vec<String>) -> (Url, Arc<Mutex<Vec<String>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let asks = Arc::clone(&kept);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            let count = stream.read(&mut asked).await.unwrap();
            assert!(count > 0);
            let asked = String::from_utf8_lossy(asked.get(..count).unwrap());
            asks.lock().unwrap().push(asked.into_owned());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url.parse().unwrap(), kept)
}

/// One answer, after which the connection ends.
pub(crate) fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}
