//! The bus of a Wazo: events to RabbitMQ, as Wazo's own services send them and its clients understand them.
//!
//! A message counts as sent once the broker has confirmed it. What is sent again after a broken connection has the id that it
//! had before (`message_id`), so that whoever gets it twice can tell. Nothing is kept here: what is to be sent is its owner's
//! to keep. The only user of `lapin`.

mod error;
mod event;

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};

pub use error::BusError;
pub use event::{Event, Message};

use crate::config::host::BusConfig;

/// How long the broker may take to let somebody in, and to confirm a message.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often either side is heard of, in seconds.
const HEARTBEAT: u16 = 30;
/// AMQP's "persistent": the broker writes it down where a queue is durable.
const PERSISTENT: u8 = 2;

/// A connection to the bus, made when something is sent and made again after it broke.
pub struct Bus {
    config: BusConfig,
    open: Option<Open>,
}

/// What ends with the connection.
struct Open {
    /// It closes when it is dropped.
    _connection: Connection,
    channel: Channel,
}

impl Bus {
    /// Nobody is asked yet.
    #[must_use]
    pub fn new(config: BusConfig) -> Self {
        Self { config, open: None }
    }

    /// Sends a message, and waits until the broker has it.
    ///
    /// # Errors
    ///
    /// [`BusError`]: it may have been sent, or not. The next message is sent over a new connection.
    pub async fn publish(&mut self, message: &Message) -> Result<(), BusError> {
        let open = match self.open.take() {
            Some(open) if open.channel.status().connected() => open,
            _ => in_time(self.connect()).await??,
        };
        in_time(self.send(&open.channel, message)).await??;
        self.open = Some(open);
        Ok(())
    }

    async fn send(&self, channel: &Channel, message: &Message) -> Result<(), BusError> {
        let lost = |source| BusError::Lost { source };
        let confirmed = channel
            .basic_publish(
                self.config.exchange_name.as_str().into(),
                message.routing_key.as_str().into(),
                BasicPublishOptions::default(),
                &message.body,
                properties(message),
            )
            .await
            .map_err(lost)?
            .await
            .map_err(lost)?;
        match confirmed {
            Confirmation::Ack(_) => Ok(()),
            Confirmation::Nack(_) | Confirmation::NotRequested => Err(BusError::NotTaken),
        }
    }

    async fn connect(&self) -> Result<Open, BusError> {
        let config = &self.config;
        let unreachable = |source| BusError::Unreachable {
            host: config.host.clone(),
            port: config.port,
            source,
        };
        let properties = ConnectionProperties::default().with_connection_name("plugfarm".into());
        let connection = Connection::connect_uri(uri(config), properties);
        let connection = connection.await.map_err(unreachable)?;
        let channel = connection.create_channel().await.map_err(unreachable)?;
        let declared = channel.exchange_declare(
            config.exchange_name.as_str().into(),
            kind(&config.exchange_type),
            ExchangeDeclareOptions {
                durable: true,
                ..ExchangeDeclareOptions::default()
            },
            FieldTable::default(),
        );
        declared.await.map_err(|source| BusError::Exchange {
            exchange: config.exchange_name.clone(),
            source,
        })?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        confirms.await.map_err(unreachable)?;
        Ok(Open {
            _connection: connection,
            channel,
        })
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, BusError> {
    let seconds = PATIENCE.as_secs();
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.map_err(|_| BusError::Silent { seconds })
}

fn uri(config: &BusConfig) -> AMQPUri {
    AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: config.username.clone(),
                password: config.password.clone(),
            },
            host: config.host.clone(),
            port: config.port,
        },
        vhost: config.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: Some(HEARTBEAT),
            ..AMQPQueryString::default()
        },
    }
}

fn kind(word: &str) -> ExchangeKind {
    match word {
        "direct" => ExchangeKind::Direct,
        "fanout" => ExchangeKind::Fanout,
        "headers" => ExchangeKind::Headers,
        "topic" => ExchangeKind::Topic,
        other => ExchangeKind::Custom(other.to_owned()),
    }
}

fn properties(message: &Message) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in &message.headers {
        let value = AMQPValue::LongString(value.as_str().into());
        headers.insert(name.as_str().into(), value);
    }
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_delivery_mode(PERSISTENT)
        .with_priority(0)
        .with_message_id(message.id.as_str().into())
        .with_headers(headers)
}
