//! Attacks on the enclosure of services, each as a separate program: the agent's side, the launcher, and the services.
//!
//! `keep …` and `split …` are the launcher's stages; `attack NAME DIR` acts as an agent with the directory, and ends with 0 if the attack
//! is stopped. It is for tests only.

mod attacks;
mod drift;
mod drift_host;
mod reaching;
mod rollouts;
mod stage;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use agent::exec_service;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tracing::field::Field;
use tracing::{Event, Level, Metadata, Subscriber, span};

use stage::Stage;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let _ = tracing::subscriber::set_global_default(Messages);
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["keep" | "split", ..] => Err(exec_service(&words).to_string()),
        ["serve", how, ..] => serve(how),
        ["pass"] => Ok(()),
        ["attack", name, dir] => Stage::new(dir).and_then(|stage| stage.attack(name)),
        _ => Err("expected `keep`, `split`, `serve` or `attack`".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the messages of the agent: the tests look there which enclosure holds services.
struct Messages;

impl Subscriber for Messages {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut |field: &Field, value: &dyn std::fmt::Debug| {
            if field.name() == "message" {
                eprintln!("{value:?}");
            }
        });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A server on its standard input, or on its port. `silent` never answers; `hidden` hides its descriptors, and listens
/// again when its socket is shut down; `shy` hides and ends in that case.
fn serve(how: &str) -> Result<(), String> {
    if ["hidden", "shy"].contains(&how) {
        set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| error.to_string())?;
    }
    let listener = match std::env::var("PORT") {
        Ok(port) => TcpListener::bind(("127.0.0.1", port.parse().unwrap_or(0))),
        Err(_) => std::io::stdin().as_fd().try_clone_to_owned().map(TcpListener::from),
    };
    let listener = listener.map_err(|error| error.to_string())?;
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else {
            if how == "shy" {
                break;
            }
            let _ = rustix::net::listen(&listener, 8);
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        if how == "silent" {
            std::thread::sleep(Duration::from_secs(1000));
        }
        let mut request = [0; 4096];
        drop(stream.read(&mut request));
        if how == "re-executes" && request.starts_with(b"GET /lax") {
            let words = std::env::args().skip(1);
            let failed = Command::new("/proc/self/exe").args(words).env("MODE", "lax").exec();
            return Err(failed.to_string());
        }
        let (status, body) = answer(how);
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        drop(stream.write_all(head.as_bytes()));
    }
    Ok(())
}

/// `says-WORD TOKEN DIR` answers with the word, and with an error once a file of that name is in the directory.
fn answer(how: &str) -> (&'static str, &str) {
    let Some(word) = how.strip_prefix("says-") else { return ("200 OK", "ok") };
    let dir = std::env::args().nth(4).unwrap_or_default();
    let is_bad = std::path::Path::new(&dir).join(word).exists();
    if is_bad { ("500 Internal Server Error", "") } else { ("200 OK", word) }
}
