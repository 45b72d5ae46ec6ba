//! Consent of a person: a page is shown, and a question is asked on the terminal.
//!
//! Invariant: nothing counts as consent but the typed answer or `--yes`; without a terminal and without `--yes` the verb
//! fails.

use std::io::{IsTerminal as _, Write as _};

use crate::failure::Failure;
use crate::output::{self, Output};
use crate::waiting::runtime;

/// Shows the statement to sign and asks for consent, unless `--yes` was given. Without a terminal nothing is signed. With
/// `-o json` standard output holds the answer alone, so the page goes to standard error.
pub fn ask(page: &str, yes: bool, output: Output) -> Result<(), Failure> {
    ask_for("Sign this?", "nothing was signed", page, yes, output)
}

/// The same with other texts for the question and the refusal.
pub fn ask_for(question: &str, nothing: &str, page: &str, yes: bool, output: Output) -> Result<(), Failure> {
    match output {
        Output::Text => output::show(page)?,
        Output::Json if !yes => output::say(&shown::text(page)),
        Output::Json => {}
    }
    if yes {
        return Ok(());
    }
    let mut ask = std::io::stderr();
    if !std::io::stdin().is_terminal() || !ask.is_terminal() {
        return Err(Failure::usage(format!(
            "there is no terminal on which to ask, so {nothing}; read what is shown above, and give --yes"
        )));
    }
    write!(ask, "\n{question} [y/N] ")?;
    ask.flush()?;
    match answer(nothing)?.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::error(nothing)),
    }
}

/// Reads a typed line; Ctrl-C counts as an answer too.
fn answer(nothing: &str) -> Result<String, Failure> {
    let (send, typed) = tokio::sync::oneshot::channel();
    // A blocking read cannot be cancelled; after Ctrl-C this thread ends with the process.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        send.send(read.map(|_| line))
    });
    runtime()?.block_on(async {
        tokio::select! {
            typed = typed => Ok(typed.map_err(|_| Failure::error(nothing))??),
            pressed = tokio::signal::ctrl_c() => {
                pressed?;
                Err(Failure::interrupted(format!("interrupted: {nothing}")))
            }
        }
    })
}
