//! The log lines of a role: events of `tracing`, written to standard error as text or JSON, behind a filter.
//!
//! Invariant: every message and every field passes `shown` here, wherever its words come from, so no caller can forget it.
//! A standard error that is closed, full or not read holds up no role: lines wait in a bounded queue, and lines that find
//! no room are counted. Each line has a bounded length. In JSON a panic is a line like any other. It deliberately omits rotation and files: journald, or the shell, does that.

mod line;
mod queue;

use std::fmt;
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::str::FromStr;
use std::sync::OnceLock;
use std::thread::Builder;

use tracing::{Event, Level, Subscriber, span};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use line::{Fields, LogEvent};
pub use line::{Format, LogSource};
use queue::Queue;

/// Which events are written, in the style of `RUST_LOG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

/// The journal of this process, until the end of its role.
#[derive(Debug)]
pub struct Journal {
    queue: Queue,
}

/// Why a filter cannot be used.
#[derive(Debug)]
pub struct FilterError(String);

impl Filter {
    fn parsed(&self) -> EnvFilter {
        // It was parsed before; `info` is also what is in force without one.
        EnvFilter::builder().parse(&self.0).unwrap_or_else(|_| EnvFilter::new("info"))
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self("info".into())
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        match EnvFilter::builder().parse(text) {
            // An empty variable is one that nobody has set.
            Ok(_) if text.trim().is_empty() => Ok(Self::default()),
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(FilterError(error.to_string())),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; write a level such as `warn`, or levels by module such as `info,server::http=debug`",
            self.0
        )
    }
}

impl std::error::Error for FilterError {}

/// Writes what this process says from now on; a second journal in one process says nothing.
#[must_use = "the last lines are written when the journal is dropped"]
pub fn start(source: LogSource, format: Format, filter: &Filter) -> Journal {
    let (source, format) = STARTED.get_or_init(|| (source, format));
    let queue = Queue::start(Builder::new(), std::io::stderr()).unwrap_or_else(|error| {
        let what = format!("no further line is written, because the journal's thread cannot start: {error}");
        write_now(&LogEvent::error(what), source, *format);
        Queue::default()
    });
    if *format == Format::Json {
        report_panics(source.clone());
    }
    let at = queue.clone();
    let lines = lines(source.clone(), *format, filter, move |line| at.send(line));
    // It fails where there is a journal already, which goes on.
    drop(tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)));
    Journal { queue }
}

/// Says as JSON why a role ends, whatever the filter is; `false` in a process that writes no JSON.
pub fn last_words(what: &str) -> bool {
    let Some((source, format @ Format::Json)) = STARTED.get() else { return false };
    write_now(&LogEvent::error(what.to_owned()), source, *format);
    true
}

/// Writes panics as JSON too: a reader that parses each line could not read the default text.
fn report_panics(source: LogSource) {
    std::panic::set_hook(Box::new(move |panic| write_now(&panic_event(panic), &source, Format::Json)));
}

/// A panic as an event of the log.
fn panic_event(panic: &PanicHookInfo<'_>) -> LogEvent<'static> {
    let what = panic.payload_as_str().unwrap_or("a value that is no text");
    let mut event = LogEvent::error(format!("a thread panicked; this is a bug: {what}"));
    let thread = std::thread::current();
    event.fields.push(("thread", thread.name().unwrap_or("unnamed").into()));
    if let Some(location) = panic.location() {
        event.fields.push(("location", location.to_string().into()));
    }
    event
}

/// Writes a line past the queue: the process may end at once.
fn write_now(event: &LogEvent<'_>, source: &LogSource, format: Format) {
    let _ = std::io::stderr().write_all(event.line(source, format).as_bytes());
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.queue.flush();
    }
}

static STARTED: OnceLock<(LogSource, Format)> = OnceLock::new();

fn lines<S>(
    source: LogSource,
    format: Format,
    filter: &Filter,
    write: impl Fn(String) + Send + Sync + 'static,
) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // Spans of ours are `error_span!`: they are kept under every filter, since whichever line is written needs their fields.
    let spans = filter_fn(|what| what.is_span() && *what.level() == Level::ERROR);
    let spans = spans.with_max_level_hint(LevelFilter::ERROR);
    LineLayer { source, format, write }.with_filter(spans.or(filter.parsed()))
}

struct LineLayer<W> {
    source: LogSource,
    format: Format,
    write: W,
}

impl<S, W> Layer<S> for LineLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(String) + Send + Sync + 'static,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let mut all = Fields::default();
        for span in context.event_scope(event).into_iter().flatten().map(|span| span.id()) {
            if let Some(span) = context.span(&span)
                && let Some(fields) = span.extensions().get::<Fields>()
            {
                all.below(fields);
            }
        }
        let message = own.take_message();
        // Fields of the event come before those of its spans, and count where both have one name.
        own.below(&all);
        let meta = event.metadata();
        let event =
            LogEvent { level: *meta.level(), target: meta.target(), message, fields: own.into_inner() };
        (self.write)(event.line(&self.source, self.format));
    }
}

#[cfg(test)]
mod tests;
