//! The kernel's clock, as far as it says whether something keeps it right (adjtimex(2)).

#![expect(unsafe_code, reason = "adjtimex has no safe form in our libraries")]

use std::io;

/// Whether the kernel's clock is synchronised, by whatever program.
///
/// # Errors
/// When the kernel does not tell this process.
pub fn is_clock_synchronised() -> io::Result<bool> {
    // SAFETY: zeroes are a valid value of this structure of numbers, and mean that nothing is set.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes into the structure that it was given.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(state != libc::TIME_ERROR && clock.status & libc::STA_UNSYNC == 0)
}
