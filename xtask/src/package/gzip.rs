//! Compression of the package's parts.
//!
//! Invariant: the result follows from the bytes alone; it holds neither a name nor a time.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

/// Compresses with the system's `gzip`, without a name and a time.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| format!("gzip: {error}");
    let mut command = Command::new("gzip");
    // Variables of the caller may name other options.
    command.args(["-9", "-n", "-c"]).env_remove("GZIP").env("LC_ALL", "C");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let mut input = child.stdin.take().ok_or("gzip: it takes no input")?;
    let output = std::thread::scope(|scope| {
        // The pipe to `gzip` is closed at the end of the thread.
        let feeds = scope.spawn(move || input.write_all(bytes));
        let output = child.wait_with_output();
        feeds
            .join()
            .map_err(|_| "gzip: the thread that feeds it has panicked".to_owned())?
            .map_err(failed)?;
        output.map_err(failed)
    })?;
    if output.status.success() { Ok(output.stdout) } else { Err(format!("gzip: {}", output.status)) }
}
