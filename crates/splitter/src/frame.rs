//! Frames between an agent and its splitter: a length of four bytes, most significant first, and as many bytes of JSON.
//!
//! Invariant: no frame is longer than [`FRAME_BYTES_MAX`], so nobody asks for memory by a number. Each order has one answer,
//! in the order of orders.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::figures::Figures;
use crate::table::Table;

/// Highest number of bytes of a frame.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;

/// An order to a splitter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Order {
    /// Puts a table in force, at once and whole.
    Set(Table),
    /// Asks for figures.
    Ask {},
    /// Gives a group no further requests, not even of clients that stay with it.
    Drain {
        /// The group, of weight 0.
        group: String,
        /// Time after which its requests that are still under way are broken off.
        within_ms: u64,
        /// Longest time for which the answer may wait for the end of all requests.
        wait_ms: u64,
    },
}

/// The answer to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Answer {
    /// The table is in force.
    Done {
        /// Its number.
        generation: u64,
    },
    /// The figures.
    Figures(Figures),
    /// The group gets nothing more.
    Drained {
        /// Requests that are still under way.
        left: u64,
    },
    /// The order was not followed, and nothing has changed.
    Refused {
        /// Why.
        why: String,
    },
}

/// Writes a frame.
pub(crate) fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(message)?)?;
    to.flush()
}

/// Reads a frame; `None` if the other side has ended between two frames.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    let mut have = 0;
    while let Some(rest) = length.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut bytes = vec![0; length_of(length)?];
    from.read_exact(&mut bytes)?;
    Ok(Some(decode(&bytes)?))
}

/// The bytes of a frame.
pub(crate) fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= FRAME_BYTES_MAX);
    let mut bytes = length.ok_or_else(too_long)?.to_be_bytes().to_vec();
    bytes.extend(body);
    Ok(bytes)
}

/// The length that a frame begins with.
pub(crate) fn length_of(bytes: [u8; 4]) -> io::Result<usize> {
    let length = usize::try_from(u32::from_be_bytes(bytes)).ok();
    length.filter(|length| *length <= FRAME_BYTES_MAX).ok_or_else(too_long)
}

/// The message of a frame.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(io::Error::from)
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a frame is longer than {FRAME_BYTES_MAX} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_were_written() {
        let orders = [
            Order::Set(Table::default()),
            Order::Ask {},
            Order::Drain { group: "stable".to_owned(), within_ms: 1, wait_ms: 0 },
        ];
        let mut bytes = Vec::new();
        orders.iter().for_each(|order| write(&mut bytes, order).unwrap());
        let mut from = bytes.as_slice();
        for order in orders {
            assert_eq!(read::<Order>(&mut from).unwrap(), Some(order));
        }
        assert_eq!(read::<Order>(&mut from).unwrap(), None);
    }

    #[test]
    fn attack_a_length_beyond_the_bound_asks_for_no_memory() {
        let mut good = Vec::new();
        write(&mut good, &Order::Ask {}).unwrap();
        assert!(read::<Order>(&mut good.as_slice()).is_ok());
        let mut long = good.clone();
        long.splice(..4, [0xff; 4]);
        let error = read::<Order>(&mut long.as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "a frame is longer than 262144 bytes");
        let cut = good.get(..good.len() - 1).unwrap();
        assert!(read::<Order>(&mut &*cut).is_err());
        assert!(read::<Order>(&mut good.get(..2).unwrap()).is_err());
    }
}
