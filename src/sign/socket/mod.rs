//! The signer as a process of its own: a unix socket, one request a connection, and three requests in all. Whoever asks is
//! known by the user that the kernel says it is; no address on a network exists.

mod client;
mod frame;
mod server;
mod wire;

pub use client::SocketSigner;
pub use server::SignerServer;
