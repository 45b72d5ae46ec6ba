//! Development tasks: `cargo x setup|check|tidy|docs|test|bench|accept`.
//!
//! Invariant: each task runs the real tools and fails if one of them does. This crate deliberately omits the logic of the
//! product.

mod accept;
mod apt;
mod browser;
mod cases;
mod command;
mod debian;
mod docs;
mod drill;
mod fresh;
mod fuzz;
mod hook;
mod mutants;
mod package;
mod peers;
mod public;
mod run;
mod tidy;
mod usage;

use std::process::ExitCode;

use usage::USAGE;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["setup"] => run::setup().and_then(|()| hook::install(&command::root())),
        ["setup", "--peers"] => run::setup().and_then(|()| peers::setup()),
        ["check"] => run::check(),
        ["tidy"] => run::tidy(),
        ["docs"] => run::docs(),
        ["words"] => run::words(""),
        ["words", "--lower"] => tidy::words::lower(&command::root()),
        ["words", path] => run::words(path),
        ["test", "--peers", rest @ ..] => peers::setup().and_then(|()| run::test_with_peers(rest)),
        ["test", "--browser", rest @ ..] => browser::test(rest),
        ["test", rest @ ..] => run::test(rest),
        ["bench", rest @ ..] => run::bench(rest),
        ["fuzz", seconds, only @ ..] if seconds.parse::<u64>().is_ok() => {
            fuzz::run(seconds.parse().unwrap_or(60), only)
        }
        ["screens"] => browser::screens(),
        ["package", rest @ ..] => package::make(rest),
        ["mutants"] => mutants::run(),
        ["mutants", only] => mutants::run_only(only),
        ["sim", rest @ ..] => run::sim(rest),
        ["seed", dir, releases, rest @ ..] => run::sim(&[&["seed", dir, releases], rest].concat()),
        ["accept", area] => accept::accept(area, None),
        ["accept", area, only] => accept::accept(area, Some(only)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
