//! Why something was not sent.

/// Why something was not sent, as far as it is known.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The broker does not let anybody in, or is not there.
    #[error(
        "the bus at {host}:{port} cannot be reached: {source}; check `bus` in the settings and that rabbitmq-server runs"
    )]
    Unreachable {
        /// Where it should be.
        host: String,
        /// Likewise.
        port: u16,
        /// Why.
        #[source]
        source: lapin::Error,
    },
    /// The exchange is there and is another one.
    #[error(
        "the bus does not have the exchange {exchange} as it must be: {source}; check bus.exchange_type in the settings"
    )]
    Exchange {
        /// Which.
        exchange: String,
        /// Why.
        #[source]
        source: lapin::Error,
    },
    /// The connection broke.
    #[error("the connection to the bus broke: {source}")]
    Lost {
        /// Why.
        #[source]
        source: lapin::Error,
    },
    /// The broker could not take it.
    #[error("the bus did not take a message")]
    NotTaken,
    /// The broker does not answer.
    #[error("the bus has not answered for {seconds} seconds")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
    },
}
