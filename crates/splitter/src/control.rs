//! The agent's side of a splitter: orders over a Unix stream, each with its answer.
//!
//! Invariant: every call ends within a stated time, and after an error of the stream no further order is believed: the agent
//! starts the splitter anew. It starts no process.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::fault::TableError;
use crate::figures::Figures;
use crate::frame::{self, Answer, Order};
use crate::table::Table;

/// Longest time for the answer to an order that waits for nothing.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// The agent's side of a splitter.
#[derive(Debug)]
pub struct Control {
    stream: UnixStream,
}

/// Why an order was not followed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The table is refused before it is sent.
    #[error("the table of the splitter is refused: {0}")]
    Table(#[from] TableError),
    /// The splitter refused.
    #[error("the splitter refuses: {0}")]
    Refused(String),
    /// The splitter has ended.
    #[error("the splitter has ended")]
    Ended,
    /// The splitter answered something else.
    #[error("the splitter gave an answer to something else")]
    Unexpected,
    /// The stream failed, or no answer came in time.
    #[error("the splitter cannot be asked: {0}")]
    Stream(#[from] io::Error),
}

impl Control {
    /// The agent's end of the stream whose other end the splitter has.
    #[must_use]
    pub const fn new(stream: UnixStream) -> Self {
        Self { stream }
    }

    /// Puts a table in force; its number. Requests under way go on with the group that they began with.
    ///
    /// # Errors
    /// When the table is refused, and the one before stays in force; or when the stream fails.
    pub fn set(&mut self, table: &Table) -> Result<u64, ControlError> {
        table.check()?;
        match self.asked(&Order::Set(table.clone()), Duration::ZERO)? {
            Answer::Done { generation } => Ok(generation),
            other => Err(unexpected(other)),
        }
    }

    /// The figures since each group began.
    ///
    /// # Errors
    /// When the stream fails.
    pub fn figures(&mut self) -> Result<Figures, ControlError> {
        match self.asked(&Order::Ask {}, Duration::ZERO)? {
            Answer::Figures(figures) => Ok(figures),
            other => Err(unexpected(other)),
        }
    }

    /// Gives a group of weight 0 nothing more, not even requests of clients that stay with it; the number of its requests that
    /// are under way when all have ended or `wait` is over. After `within`, counted from the first such call, those are broken
    /// off. A group that is not there has none.
    ///
    /// # Errors
    /// When the group has a weight, or the stream fails.
    pub fn drain(&mut self, group: &str, within: Duration, wait: Duration) -> Result<u64, ControlError> {
        let order =
            Order::Drain { group: group.to_owned(), within_ms: millis(within), wait_ms: millis(wait) };
        match self.asked(&order, wait)? {
            Answer::Drained { left } => Ok(left),
            other => Err(unexpected(other)),
        }
    }

    fn asked(&mut self, order: &Order, wait: Duration) -> Result<Answer, ControlError> {
        self.stream.set_write_timeout(Some(ANSWER_TIME))?;
        self.stream.set_read_timeout(Some(ANSWER_TIME + wait))?;
        let answer = frame::write(&mut self.stream, order).and_then(|()| frame::read(&mut self.stream));
        // A late answer would be taken for that to the next order.
        if answer.is_err() {
            drop(self.stream.shutdown(std::net::Shutdown::Both));
        }
        match answer {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(ControlError::Ended),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ControlError::Ended),
            Err(error) => Err(error.into()),
        }
    }
}

fn unexpected(answer: Answer) -> ControlError {
    match answer {
        Answer::Refused { why } => ControlError::Refused(why),
        _ => ControlError::Unexpected,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A control whose splitter gives one answer.
    fn answered(answer: &Answer) -> Control {
        let (mut splitter, agent) = UnixStream::pair().unwrap();
        frame::write(&mut splitter, answer).unwrap();
        // The order lies in the socket, so it need not be read.
        drop(splitter.shutdown(std::net::Shutdown::Write));
        std::mem::forget(splitter);
        Control::new(agent)
    }

    #[test]
    fn an_answer_to_something_else_is_not_believed() {
        let done = Answer::Done { generation: 7 };
        assert_eq!(answered(&done).set(&Table::default()).unwrap(), 7);
        assert_eq!(
            answered(&done).figures().unwrap_err().to_string(),
            "the splitter gave an answer to something else"
        );
        let refused = Answer::Refused { why: "no".to_owned() };
        let error = answered(&refused).drain("a", Duration::ZERO, Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "the splitter refuses: no");
    }

    #[test]
    fn a_splitter_that_has_ended_is_named() {
        let (splitter, agent) = UnixStream::pair().unwrap();
        drop(splitter);
        let error = Control::new(agent).figures().unwrap_err();
        assert_eq!(error.to_string(), "the splitter has ended");
    }
}
