//! Arguments that several verbs have.
//!
//! Invariant: a verb takes the same thing under the same name and with the same default as every other one.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use client::access::Access;
use client::home::Home;
use client::profile;
use evidence::address::{self, AddressError};
use wire::{RelayError, StatusRelay};

use crate::failure::Failure;
use crate::log_options::LogOptions;

/// Location of the installation.
#[derive(Clone, Debug, Args)]
pub struct DataDir {
    /// The server's data directory; default: the one of your profile, else `$XDG_DATA_HOME/countersign/data`.
    #[arg(long, env = "COUNTERSIGN_DATA")]
    pub data: Option<PathBuf>,
}

impl DataDir {
    /// The way to the installation: by the directory given, else by the person's profile, else by the usual directory. There must
    /// be an installation.
    pub fn access(&self) -> Result<Access, Failure> {
        let access = self.named()?;
        access.exists()?;
        Ok(access)
    }

    /// The same, whether a directory exists or not: a person who only signs may work on another machine.
    pub fn named(&self) -> Result<Access, Failure> {
        Ok(profile::access(self.data.as_deref())?)
    }

    /// The data directory, for a command that works on the server's files; it must exist.
    pub fn home(&self) -> Result<Home, Failure> {
        Ok(self.access()?.host()?.clone())
    }
}

/// Options with which `up` starts each role.
#[derive(Debug, Args)]
pub struct Child {
    /// End when the process with this id ends.
    #[arg(long, hide = true)]
    pub with_parent: Option<u32>,
}

/// Options of each role other than the server.
#[derive(Debug, Args)]
pub struct RoleArguments {
    /// The role's own directory.
    #[arg(long, required = true)]
    pub data: Option<PathBuf>,
    /// URL of the server: on this machine exactly as the server prints it when it starts, else an address such as https://server.example:8443; default: the addresses in the line that the role joined with.
    #[arg(long)]
    pub server: Option<String>,
    /// URL of a witness to ask for the newest status every ten seconds, so that a freeze or a revocation arrives while the server is down or hides it; may be given several times.
    #[arg(long, value_name = "URL")]
    witness: Vec<String>,
    /// Loopback address that answers `/healthz`, `/readyz` and `/metrics`, such as 127.0.0.1:9101; default: none.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    pub health: Option<SocketAddr>,
    #[command(flatten)]
    pub child: Child,
    #[command(flatten)]
    pub log: LogOptions,
}

impl RoleArguments {
    /// The witnesses that are asked. The status proves itself under the role's pin, and the role may not know yet which witnesses
    /// the root names.
    pub fn relays(&self) -> Result<Vec<StatusRelay>, RelayError> {
        self.witness.iter().map(|url| StatusRelay::new(url, None)).collect()
    }
}

/// A text that a person signs; an empty text is invalid, and so is the word that stands for it in a command that is shown.
pub fn words(text: &str) -> Result<String, String> {
    let text = text.trim();
    let bare = text.trim_matches(['<', '>', '[', ']', '"', '\'']);
    if bare.is_empty() {
        return Err("it is empty; give the reason in words".into());
    }
    if PLACEHOLDERS.contains(&bare) {
        return Err("it is only a placeholder; give your reason in words in its place".into());
    }
    Ok(text.to_owned())
}

/// The number of a release.
pub fn release(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected the number of a release, as `countersign status` shows it".to_owned())
}

/// An address on which a role listens.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = "expected an address and a port, such as `127.0.0.1:8080`; port 0 selects any free port";
    text.parse().map_err(|_| wrong.to_owned())
}

/// The same on loopback, for a listener that answers everybody.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = address(text)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err("it answers everybody, so it has to be a loopback address, such as `127.0.0.1:9101`".to_owned())
}

/// A URL at which a server is reached from other machines.
pub fn reached_at(text: &str) -> Result<String, AddressError> {
    let url = text.trim_end_matches('/');
    address::check(url).map(|()| url.to_owned())
}

/// Words that stand for a reason in commands of pages, help and documents.
const PLACEHOLDERS: [&str; 5] = ["WHY", "TEXT", "REASON", "…", "..."];
