//! A step before a release, from its start to the end of everything that it started.
//!
//! Invariant: a step is over only once none of its processes is left. It is done if it ended with exit code 0 within its
//! time; otherwise it failed, and the release does not begin.

use std::time::Duration;

use evidence::plan::StepBefore;
use tokio::time::{Instant, sleep};

use crate::apply::{ENDING, Fault};
use crate::held::{End, ServiceProcess};
use crate::interrupts::{Interrupt, Interrupts};

/// Waits for the end of a step, for the end of its time, or for an interrupt; ends what it started.
pub async fn until_done(
    step: &StepBefore,
    mut held: ServiceProcess,
    interrupts: &Interrupts,
) -> Result<(), Fault> {
    let ended = watched(step, &mut held, interrupts).await;
    held.stop().map_err(|alive| Fault::new("still-alive", format!("step `{}`: {alive}", step.name)))?;
    ended
}

async fn watched(step: &StepBefore, held: &mut ServiceProcess, interrupts: &Interrupts) -> Result<(), Fault> {
    let until = Instant::now() + Duration::from_millis(step.stop_ms);
    loop {
        match held.ended() {
            Some(End::Code(0)) => return Ok(()),
            Some(end) => return Err(failed(step, &format!("it ended with {end}"))),
            None => {}
        }
        if let Some(interrupt) = interrupts.take() {
            return Err(interrupted(step, &interrupt));
        }
        let now = Instant::now();
        if now >= until {
            let seconds = Duration::from_millis(step.stop_ms).as_secs_f64();
            return Err(failed(step, &format!("it did not end within {seconds} seconds")));
        }
        tokio::select! {
            () = interrupts.raised() => {}
            () = sleep(LOOK_EVERY.min(until - now)) => {}
        }
    }
}

/// The fault of a step that did not do what it was to do.
pub fn failed(step: &StepBefore, why: &str) -> Fault {
    let what = format!("step `{}` before the release failed: {why}; what ran goes on", step.name);
    Fault::new("before-failed", what)
}

fn interrupted(step: &StepBefore, interrupt: &Interrupt) -> Fault {
    match interrupt {
        Interrupt::Ending => Fault::new(ENDING, "the agent was asked to end"),
        Interrupt::Unwanted(why) => {
            let what = format!("step `{}` before the release was ended: {why}; what ran goes on", step.name);
            Fault::new("before-interrupted", what)
        }
    }
}

/// A fault with the last lines that the step printed.
pub fn with_lines(fault: Fault, lines: &str) -> Fault {
    if lines.is_empty() || fault.code == ENDING {
        return fault;
    }
    Fault::new(fault.code, format!("{fault}\nits last lines:\n{lines}"))
}

/// How soon the end of a step is seen.
const LOOK_EVERY: Duration = Duration::from_millis(5);
