//! The sandbox's init as a program of its own, for this crate's tests; the product uses its one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(sandbox::init_main())
}
