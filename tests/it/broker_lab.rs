//! A RabbitMQ of a story's own, and consumers bound as wazo-plugind's command line binds its own.

use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, Consumer, ExchangeKind};
use plugfarm::config::host::BusConfig;
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::source_lab::{free_port, run};

/// How long the broker may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const HERE: &str = "127.0.0.1";

/// A broker: its ports and folders are its own, its daemons end with it.
pub(crate) struct Broker {
    folder: TempDir,
    port: u16,
    /// Its own port mapper, which each start finds again.
    mapper: u16,
    process: Option<Child>,
}

/// Whoever listens to all that is told.
pub(crate) struct Listener {
    consumer: Consumer,
    _connection: Connection,
}

/// What somebody heard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heard {
    pub(crate) id: String,
    pub(crate) routing_key: String,
    pub(crate) headers: Map<String, Value>,
    pub(crate) properties: String,
    pub(crate) body: Value,
}

impl Heard {
    pub(crate) fn uuid(&self) -> &str {
        self.body["data"]["uuid"].as_str().unwrap()
    }

    pub(crate) fn status(&self) -> &str {
        self.body["data"]["status"].as_str().unwrap()
    }
}

impl Broker {
    /// Starts one, and waits until it takes connections.
    pub(crate) fn start() -> Self {
        let mut broker = Self {
            folder: TempDir::new().unwrap(),
            port: free_port(HERE),
            mapper: free_port(HERE),
            process: None,
        };
        broker.resume();
        broker
    }

    /// Starts it again, with what it had written down.
    pub(crate) fn resume(&mut self) {
        let folder = self.folder.path();
        let path = |name: &str| folder.join(name);
        let log = fs::File::create(path("out")).unwrap();
        // Debian's own starter would change to another user.
        let process = Command::new("/usr/lib/rabbitmq/bin/rabbitmq-server")
            .env("HOME", folder)
            .env(
                "RABBITMQ_NODENAME",
                format!("plugfarm{}@localhost", self.port),
            )
            .env("RABBITMQ_NODE_IP_ADDRESS", HERE)
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", free_port(HERE).to_string())
            .env("ERL_EPMD_PORT", self.mapper.to_string())
            .env("ERL_EPMD_ADDRESS", HERE)
            .env("RABBITMQ_MNESIA_BASE", path("mnesia"))
            .env("RABBITMQ_LOG_BASE", path("log"))
            .env("RABBITMQ_PID_FILE", path("pid"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", path("none"))
            // A thread or two that do not spin: it starts sooner where others work too.
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1 +sbwt none")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("rabbitmq-server cannot be run: {error}"));
        self.process = Some(process);
        let began = Instant::now();
        while TcpStream::connect((HERE, self.port)).is_err() {
            let said = || fs::read_to_string(path("out")).unwrap();
            assert!(began.elapsed() < PATIENCE, "the broker starts: {}", said());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Kills it, as a power cut does.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        let group = format!("-{}", process.id());
        run(Path::new("/"), "kill", &["-9", "--", &group]);
        process.wait().unwrap();
    }

    pub(crate) fn config(&self) -> BusConfig {
        BusConfig {
            username: "guest".to_owned(),
            password: "guest".to_owned(),
            host: HERE.to_owned(),
            port: self.port,
            vhost: "/".to_owned(),
            exchange_name: "wazo-headers".to_owned(),
            exchange_type: "headers".to_owned(),
        }
    }

    async fn connect(&self) -> Connection {
        let uri = format!("amqp://guest:guest@{HERE}:{}/%2f", self.port);
        let began = Instant::now();
        loop {
            match Connection::connect(&uri, ConnectionProperties::default()).await {
                Ok(connection) => return connection,
                Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Somebody who listens through an exclusive queue that goes with the connection.
    pub(crate) async fn listener(&self) -> Listener {
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        self.bound("", options).await
    }

    /// Somebody whose queue outlives the broker's death.
    pub(crate) async fn lasting_listener(&self) -> Listener {
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        self.bound("lasting", options).await
    }

    async fn bound(&self, name: &str, options: QueueDeclareOptions) -> Listener {
        let connection = self.connect().await;
        let channel = connection.create_channel().await.unwrap();
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let exchange = "wazo-headers";
        channel
            .exchange_declare(
                exchange.into(),
                ExchangeKind::Headers,
                durable,
                FieldTable::default(),
            )
            .await
            .unwrap();
        let queue = channel
            .queue_declare(name.into(), options, FieldTable::default())
            .await
            .unwrap();
        channel
            .queue_bind(
                queue.name().clone(),
                exchange.into(),
                "".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
        let consumer = channel
            .basic_consume(
                queue.name().clone(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
        Listener {
            consumer,
            _connection: connection,
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
        let port = self.mapper.to_string();
        let began = Instant::now();
        // It goes once it has noticed that the broker is dead.
        let gone = || {
            let asked = Command::new("epmd")
                .args(["-port", &port, "-kill"])
                .output();
            asked.unwrap().status.success()
        };
        while !gone() && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Listener {
    /// What is told next; none, if nothing is for so long.
    pub(crate) async fn next(&mut self, patience: Duration) -> Option<Heard> {
        let delivery = tokio::time::timeout(patience, self.consumer.next()).await;
        // Nothing more comes once the broker is dead.
        let delivery = delivery.ok()??.ok()?;
        // The broker may be dead by now, and tell it again later.
        delivery.ack(BasicAckOptions::default()).await.ok();
        let properties = &delivery.properties;
        let headers = properties.headers().clone().unwrap_or_default();
        let text = |value: &lapin::types::AMQPValue| match value {
            lapin::types::AMQPValue::LongString(text) => Value::from(text.to_string()),
            other => panic!("{other:?}"),
        };
        let headers = headers.inner().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), text(value)));
        Some(Heard {
            id: properties.message_id().clone().unwrap().to_string(),
            routing_key: delivery.routing_key.to_string(),
            headers: headers.collect(),
            properties: format!(
                "{} {} {:?} {:?}",
                properties.content_type().clone().unwrap(),
                properties.content_encoding().clone().unwrap(),
                properties.delivery_mode(),
                properties.priority(),
            ),
            body: serde_json::from_slice(&delivery.data).unwrap(),
        })
    }

    /// Everything of these jobs, to the last one's end, without what was sent twice.
    pub(crate) async fn until_the_end(&mut self, uuids: &[String]) -> Vec<Heard> {
        let mut heard: Vec<Heard> = Vec::new();
        let ends = |heard: &[Heard]| {
            let last = |one: &&Heard| ["completed", "error"].contains(&one.status());
            heard
                .iter()
                .filter(last)
                .filter(|one| uuids.iter().any(|uuid| uuid == one.uuid()))
                .count()
        };
        while ends(&heard) < uuids.len() {
            let next = self.next(Duration::from_secs(60)).await;
            let next = next.unwrap_or_else(|| panic!("{} of {} ended", ends(&heard), uuids.len()));
            if heard.iter().all(|one| one.id != next.id) {
                heard.push(next);
            }
        }
        heard
    }
}
