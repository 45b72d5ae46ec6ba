//! The options by which a person describes the service of a first project.

/// A service's start command and its probe, as the person gives them.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Service {
    /// Start command of the service, one line for `/bin/sh`; the variable `PORT` has the port that it must listen on, also in a
    /// script that it starts; default: none; files are installed and no process is started.
    #[arg(long, value_name = "LINE")]
    pub command: Option<String>,
    /// Loopback port of the service, which the command gets as `PORT`; each environment on this machine gets another one;
    /// default: 8080.
    #[arg(long, requires = "command", value_parser = crate::places::port)]
    pub port: Option<u16>,
    /// The service listens on no port, as a worker of a queue does: it works once it has started.
    #[arg(long, requires = "command", conflicts_with_all = ["port", "probe"])]
    pub no_port: bool,
    /// Path that the service answers with status 200 over HTTP once it works; default: `/`.
    #[arg(long, requires = "command", value_name = "PATH")]
    pub probe: Option<String>,
}

impl Service {
    /// The start command, and the port if it listens on one.
    pub fn start(&self) -> Option<(&str, Option<u16>)> {
        let command = self.command.as_deref()?;
        Some((command.trim(), (!self.no_port).then(|| self.port.unwrap_or(PORT))))
    }

    /// A note for a command that does not show where it listens.
    pub fn note(&self) -> Option<String> {
        let command = self.command.as_deref()?;
        let named = command.contains("$PORT") || command.contains("${PORT}");
        (!named && !self.no_port).then(|| {
            "note: the command does not name $PORT; the service gets its port in the variable PORT, at each place another one, \
             and has to listen there and answer the probe. If it listens on no port, use --no-port"
                .to_owned()
        })
    }
}

/// Port of a service in the file that `init` writes; each place has a separate port in its configuration.
const PORT: u16 = 8080;
