//! Tests of whole pages: what they look like, what hostile text does to them, how large they are, and whether colours can be read.

#![allow(clippy::unwrap_used, reason = "test code")]

mod colours;
mod files;
mod hostile;
mod markup;
mod pages;
mod strings;
