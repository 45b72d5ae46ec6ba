//! Tests of the console's pages in a real browser: Debian's Chromium, driven by its chromedriver.
//!
//! Invariant: it imports no crate of the product but `web`, for sample pages. It sees what a person at a browser sees, and starts the program as a person
//! does. Everything is below `tests/`; a plain run of all tests leaves these out, since they need a browser:
//! `cargo x test --browser` runs them.
