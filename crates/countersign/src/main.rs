//! The binary: parses the command line and calls the file of the verb; each verb has one file.
//!
//! Exit codes: 0 success, 1 error, 2 usage, 3 refused by a decision, 4 could not decide, 130 interrupted while waiting.

mod advice;
mod children;
mod cleanup;
mod comebacks;
mod consent;
mod failure;
mod founders;
mod local_build;
mod log_options;
mod log_text;
mod operator;
mod output;
mod own_program;
mod places;
mod progress;
mod rebuild;
mod remote_tiles;
mod scaffold;
mod sending;
mod trust;
mod verbs;
mod waiting;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // A runner starts this program as the init process of each sandbox; that command line has no options to parse.
    if std::env::args_os().skip(1).eq([operator::SANDBOX_INIT]) {
        return sandbox::init_main(runner::own_task).into();
    }
    // A runner starts it as the process that holds the secrets of a step, too.
    if std::env::args_os().skip(1).eq([operator::SECRET_HOLDER]) {
        return runner::holder_main(operator::sandbox_init).into();
    }
    let command = match verbs::CommandLine::try_parse() {
        Ok(command) => command,
        Err(said) => return usage(&said),
    };
    let output = command.output;
    match verbs::run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(output),
    }
}

/// Prints help, the version, or the error in the command line.
fn usage(said: &clap::Error) -> ExitCode {
    let text = said.render();
    if said.use_stderr() && asks_for_json(std::env::args_os().skip(1)) {
        let words = text.to_string();
        let words = words.trim().strip_prefix("error: ").unwrap_or_else(|| words.trim());
        return failure::Failure::usage(words).report(output::Output::Json);
    }
    if said.use_stderr() {
        output::say(text.to_string().trim_end());
        return ExitCode::from(2);
    }
    match output::stream(text.to_string().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(output::Output::Text),
    }
}

/// Whether an invalid command line asks for JSON; the arguments are searched because they cannot be parsed.
fn asks_for_json(arguments: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let words: Vec<_> = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<_> = words.iter().map(String::as_str).take_while(|word| *word != "--").collect();
    words.iter().any(|word| ["-ojson", "-o=json", "--output=json"].contains(word))
        || words.windows(2).any(|pair| matches!(pair, ["-o" | "--output", "json"]))
}
