//! The options by which a person describes the service of a first project.

/// A service's start command and its probe, as the person gives them.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Service {
    /// Start command of the service, one line for `/bin/sh`; `$PORT` is the port that it must listen on; default: none;
    /// files are installed and no process is started.
    #[arg(long, value_name = "LINE")]
    pub command: Option<String>,
    /// Loopback port of the service, which the command gets as `PORT`; each environment on this machine gets another one;
    /// default: 8080 if the command names `$PORT`, else no port.
    #[arg(long, requires = "command", value_parser = crate::places::port)]
    pub port: Option<u16>,
    /// Path that the service answers with status 200 over HTTP once it works; default: `/`.
    #[arg(long, requires = "command", value_name = "PATH")]
    pub probe: Option<String>,
}

impl Service {
    /// The start command, and the port if it listens on one.
    pub fn start(&self) -> Option<(&str, Option<u16>)> {
        let command = self.command.as_deref()?;
        let named = command.contains("$PORT") || command.contains("${PORT}");
        let listens = named || self.port.is_some() || self.probe.is_some();
        Some((command.trim(), listens.then(|| self.port.unwrap_or(PORT))))
    }
}

/// Port of a service in the file that `init` writes; each place has a separate port in its configuration.
const PORT: u16 = 8080;
