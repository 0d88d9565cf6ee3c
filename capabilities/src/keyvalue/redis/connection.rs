//! The connection to a Redis server.

use std::{fmt, sync::Once, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, FromRedisValue, RedisError, RedisResult,
    aio::MultiplexedConnection,
};
use tokio::{sync::Mutex, time::timeout};

use super::super::Error;

/// How long to wait for a connection, waiting for others' attempts included.
const CONNECT: Duration = Duration::from_secs(5);

/// How long to wait for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// One connection that all buckets share, made anew after it broke.
pub(super) struct Connection {
    client: Client,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    connection: Option<MultiplexedConnection>,
    /// How many there were before.
    generation: u64,
}

impl Connection {
    pub(super) fn new(client: Client) -> Self {
        if matches!(
            client.get_connection_info().addr(),
            ConnectionAddr::TcpTls { .. }
        ) {
            choose_cryptography();
        }
        Self {
            client,
            current: Mutex::default(),
        }
    }

    /// A connection, and which one it is.
    pub(super) async fn get(&self, action: &str) -> Result<(MultiplexedConnection, u64), Error> {
        let connect = async {
            let mut current = self.current.lock().await;
            if let Some(connection) = &current.connection {
                return Ok((connection.clone(), current.generation));
            }
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT))
                .set_response_timeout(Some(ANSWER));
            let connection = self
                .client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            current.connection = Some(connection.clone());
            current.generation += 1;
            Ok((connection, current.generation))
        };
        match timeout(CONNECT, connect).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(error)) => Err(self.failed(action, &error)),
            Err(_) => Err(Error::Store {
                store: self.to_string(),
                action: action.to_owned(),
                reason: format!("no connection within {} seconds", CONNECT.as_secs()),
                may_pass: true,
            }),
        }
    }

    /// Runs a command that does the same if it runs twice.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        action: impl Fn() -> String,
        command: &Cmd,
    ) -> Result<T, Error> {
        let action = action();
        let mut answer = self.run_once(&action, command).await?;
        if answer
            .as_ref()
            .is_err_and(RedisError::is_connection_dropped)
        {
            answer = self.run_once(&action, command).await?;
        }
        answer.map_err(|error| self.failed(action, &error))
    }

    /// Runs a command. The inner error is what the server answered, or that the
    /// connection broke before it did.
    pub(super) async fn run_once<T: FromRedisValue>(
        &self,
        action: &str,
        command: &Cmd,
    ) -> Result<RedisResult<T>, Error> {
        let (mut connection, generation) = self.get(action).await?;
        let answer = command.query_async(&mut connection).await;
        if let Err(error) = &answer
            && (error.is_io_error() || error.is_unrecoverable_error())
        {
            let mut current = self.current.lock().await;
            if current.generation == generation {
                current.connection = None;
            }
        }
        Ok(answer)
    }

    pub(super) fn failed(&self, action: impl Into<String>, error: &RedisError) -> Error {
        Error::Store {
            store: self.to_string(),
            action: action.into(),
            reason: error.to_string(),
            may_pass: error.is_io_error() || error.is_timeout() || error.is_connection_dropped(),
        }
    }
}

/// Where the server is, without user and password.
impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {}", self.client.get_connection_info().addr())
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({self})")
    }
}

/// TLS needs an implementation of cryptography, one for the process. Unless
/// another part of the program has chosen, this does.
fn choose_cryptography() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The error is that another was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
