//! The reasons why one try of a probe does not count as passed. Their texts are read by the owner of the release.

use std::net::SocketAddr;

use crate::held::{AliveError, End, StartError};

/// Why one try did not pass.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nobody answered in time.
    #[error("`{path}` on {address} did not answer within {millis} ms")]
    Timeout {
        /// Path that was asked for.
        path: String,
        /// Address that was asked.
        address: SocketAddr,
        /// Time that one try has.
        millis: u128,
    },
    /// The connection or the protocol failed.
    #[error("`{path}` on {address}: {cause}")]
    Exchange {
        /// Path that was asked for.
        path: String,
        /// Address that was asked.
        address: SocketAddr,
        /// Cause, with its own cause.
        cause: String,
    },
    /// The answer's body is incomplete.
    #[error("`{path}` answered 200, but its body broke off: {source}")]
    Body {
        /// Path that was asked for.
        path: String,
        /// Cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer points elsewhere.
    #[error(
        "`{path}` answered {status} and points to `{to}`; redirects are not followed, so let the probe name the last path"
    )]
    Redirect {
        /// Path that was asked for.
        path: String,
        /// Status of the answer.
        status: hyper::StatusCode,
        /// Its target.
        to: String,
    },
    /// The answer has another status than 200.
    #[error("`{path}` answered {status}, not 200{}", after_colon(.said))]
    Status {
        /// Path that was asked for.
        path: String,
        /// Status of the answer.
        status: hyper::StatusCode,
        /// Beginning of its body.
        said: String,
    },
    /// The plan asks over HTTP and names no port.
    #[error("there is no port to ask")]
    Port,
    /// The agent's socket is not in the kernel's list.
    #[error("the agent's own socket cannot be seen")]
    OwnSocket,
    /// The kernel does not show who listens.
    #[error("the listeners of this host cannot be read: {0}")]
    Listeners(#[source] std::io::Error),
    /// Nothing listens where it should.
    #[error("nothing of the release listens on port {port}{}", instead(.others))]
    NotListening {
        /// Port of the place.
        port: u16,
        /// Ports on which the release listens instead, since a port is easily mistaken.
        others: Vec<String>,
    },
    /// Another process holds the listener.
    #[error("the listening socket is held by processes of other programs: {0}")]
    Strangers(String),
    /// Another user's process may hold the listener.
    #[error(
        "the listening socket may be held by a process that hides its files from this agent: {0}; end it, or run it as \
         another user"
    )]
    Hidden(String),
    /// No process is known to hold the listener.
    #[error("the listening socket is held by a process that this agent cannot see")]
    Unseen,
    /// The command that probes cannot be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Something that the command started lives on.
    #[error(transparent)]
    Alive(#[from] AliveError),
    /// The command failed.
    #[error("`{program}` ended with {end}{}", after_colon(.lines))]
    Command {
        /// Its name.
        program: String,
        /// Its end.
        end: End,
        /// Its last lines.
        lines: String,
    },
    /// The command took too long.
    #[error("`{program}` did not end in time{}", after_colon(.lines))]
    CommandTimeout {
        /// Its name.
        program: String,
        /// Its last lines.
        lines: String,
    },
}

fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn instead(others: &[String]) -> String {
    match others {
        [] => String::new(),
        ports => format!("; the service listens on {}", ports.join(", ")),
    }
}
