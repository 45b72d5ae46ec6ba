//! Development tasks: `cargo x setup|check|tidy|docs|test|bench|accept`.
//!
//! Invariant: each task runs the real tools and exits non-zero when one of them does. It deliberately lacks
//! any logic of the product.

mod accept;
mod apt;
mod cases;
mod docs;
mod drill;
mod fresh;
mod fuzz;
mod hook;
mod mutants;
mod peers;
mod public;
mod run;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["setup"] => run::setup().and_then(|()| hook::install(&run::root())),
        ["setup", "--peers"] => run::setup().and_then(|()| peers::setup()),
        ["check"] => run::check(),
        ["tidy"] => run::tidy(),
        ["docs"] => run::docs(),
        ["words"] => run::words(""),
        ["words", "--lower"] => tidy::words::lower(&run::root()),
        ["words", path] => run::words(path),
        ["test", "--peers", rest @ ..] => peers::setup().and_then(|()| run::test_with_peers(rest)),
        ["test", rest @ ..] => run::test(rest),
        ["bench", rest @ ..] => run::bench(rest),
        ["fuzz", seconds, only @ ..] if seconds.parse::<u64>().is_ok() => {
            fuzz::run(seconds.parse().unwrap_or(60), only)
        }
        ["mutants"] => mutants::run(),
        ["sim", rest @ ..] => run::sim(rest),
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

const USAGE: &str = "usage: cargo x <task>

  setup          look for the tools that the project needs, and turn on the hook that reads commit messages
  setup --peers  fetch and build other people's programs to compare with, below target/peers
  check          formatting, lints, laws of the tree, pages, tests, documentation, licences
  tidy           the laws of the tree alone
  docs           the pages against the program alone: links, commands, names
  words [PATH]   idioms that STYLE.md replaces by plain words, in all files or below PATH
  words --lower  write into xtask/src/tidy/words-allowed.txt where fewer are left
  test [ARGS]    all tests; ARGS go to the test runner
  test --peers [ARGS]  the same, with other people's programs beside ours instead of skipping them
  bench [ARGS]   figures with their floors
  mutants        the judge without each of its checks, against every forgery
  fuzz SECONDS [PARSER]  every parser of foreign bytes under libFuzzer, and its record
  sim [ARGS]     the whole product under virtual time and seeded faults: --seed N --hours H --count C --tell
  accept AREA [TEXT]  the acceptance lines of an area, or those that contain TEXT, each run for real";
