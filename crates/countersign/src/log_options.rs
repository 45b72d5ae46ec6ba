//! How a role logs, as options of each role, and of the verbs that start roles and pass the options on.

use clap::{Args, ValueEnum};
use journal::{Filter, Format, Journal, LogSource};

/// How lines on standard error are written, and which.
#[derive(Clone, Debug, Default, Args)]
pub struct LogOptions {
    /// How log lines on standard error are written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    /// Which log lines are written: a level (`off`, `error`, `warn`, `info`, `debug`, `trace`), or levels by module,
    /// such as `info,server::http=debug`. Default: `info`; `warn` in a rehearsal.
    #[arg(long, value_name = "FILTER", env = "COUNTERSIGN_LOG")]
    log: Option<Filter>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LogFormat {
    /// For people: `server: warning: what happened name=value`.
    #[default]
    Text,
    /// For machines: one JSON object for each line.
    Json,
}

impl LogOptions {
    /// The same, with another level where none was asked for.
    pub fn or(&self, level: &str) -> Self {
        Self { log: self.log.clone().or_else(|| level.parse().ok()), ..self.clone() }
    }

    /// The same as arguments of a role.
    pub fn arguments(&self) -> Vec<String> {
        let format = match self.log_format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        let mut arguments = vec!["--log-format".to_owned(), format.to_owned()];
        if let Some(filter) = &self.log {
            arguments.extend(["--log".to_owned(), filter.to_string()]);
        }
        arguments
    }

    /// Starts the journal of this process: the title stands before lines of text, the role and its names are fields.
    pub fn start(&self, title: &str, fields: &[(&'static str, &str)]) -> Journal {
        let format = match self.log_format {
            LogFormat::Text => Format::Text,
            LogFormat::Json => Format::Json,
        };
        let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let source = LogSource { title: title.to_owned(), fields };
        journal::start(source, format, &self.log.clone().unwrap_or_default())
    }
}
