//! Hides values of secrets in streams of bytes, such as the log of a step: as they are, in the encodings that programs print
//! them in, and split over lines and pieces of the stream.
//!
//! Invariant: whatever the pieces are that a stream comes in, what is found and what is shown is the same. Bytes that may be
//! the beginning of a value are held until that is known, or until the caller has waited long enough (`flush`).
//! Limits, said in `docs/secrets/masking.md`: values below [`BYTES_MIN`] bytes, encryption, compression, encodings of
//! encodings, and letters with something between them stay as they are. Nothing here has a `Debug` output with a value.

mod beginnings;
mod encodings;
mod masker;
mod search;
mod stream;
mod timed;

pub use encodings::{BYTES_MIN, TEXT_MAX, is_hidden};
pub use masker::{MaskError, Masker};
pub use search::Search;
pub use stream::{MASK, MaskedStream};
pub use timed::{TimedStream, WAIT_MAX};
