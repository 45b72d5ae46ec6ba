//! Contents of a repository, and the ids of its commits and files, from one process of git.
//!
//! Invariant: nothing is fetched; an object that the clone does not have is missing. A larger content than a scan takes is
//! passed over and never kept.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout};

use crate::error::Error;

/// A content of a repository.
#[derive(Debug)]
pub struct Content {
    /// The bytes, or the reason why they are not read.
    pub bytes: Result<Vec<u8>, String>,
}

/// Contents of a repository, read one after the other by one process.
#[derive(Debug)]
pub struct Contents {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

/// The answer of git about an object, before its bytes.
enum Answer {
    Found { id: String, kind: String, size: u64 },
    Missing,
    Ended,
}

impl Contents {
    pub(super) fn new(mut child: Child) -> Self {
        let (input, output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Self { child, input, output }
    }

    /// Id of a commit by its name.
    ///
    /// # Errors
    /// `Error` when there is no such commit.
    pub fn commit(&mut self, name: &str) -> Result<String, Error> {
        self.try_commit(name)?.ok_or_else(|| {
            Error::unusable(format!(
                "`{name}` is no commit of this clone; name another one, or fetch it (a shallow clone by `git fetch --unshallow`)"
            ))
        })
    }

    /// The same; `None` if there is no such commit.
    ///
    /// # Errors
    /// `Error` when the process failed.
    pub fn try_commit(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.id(&format!("{name}^{{commit}}"), "commit")
    }

    /// The id of the content of a path in a commit; `None` if the commit has no file there.
    ///
    /// # Errors
    /// `Error` when the process failed.
    pub fn at(&mut self, commit: &str, path: &str) -> Result<Option<String>, Error> {
        self.id(&format!("{commit}:{path}"), "blob")
    }

    /// The id of an object of a kind by its name. A name that is no line of text names none: then a finding of a file
    /// that was there before counts as new.
    fn id(&mut self, name: &str, wanted: &str) -> Result<Option<String>, Error> {
        if name.contains('\n') {
            return Ok(None);
        }
        let Answer::Found { id, kind, size } = self.ask(name)? else { return Ok(None) };
        if let Some(output) = &mut self.output {
            std::io::copy(&mut output.take(size + 1), &mut std::io::sink())?;
        }
        Ok((kind == wanted).then_some(id))
    }

    fn ask(&mut self, name: &str) -> Result<Answer, Error> {
        let (Some(input), Some(output)) = (&mut self.input, &mut self.output) else {
            return Ok(Answer::Ended);
        };
        input.write_all(format!("{name}\n").as_bytes())?;
        let mut line = String::new();
        output.read_line(&mut line)?;
        // `ID KIND SIZE` of an object. Git repeats the name of one that it does not have, or that several objects have.
        if [" missing", " ambiguous", " submodule"].iter().any(|end| line.trim_end().ends_with(end)) {
            return Ok(Answer::Missing);
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [id, kind, size] => {
                let size = size.parse().map_err(|_| unreadable(name))?;
                Ok(Answer::Found { id: (*id).to_owned(), kind: (*kind).to_owned(), size })
            }
            _ => Err(unreadable(name)),
        }
    }

    /// A content by its id.
    ///
    /// # Errors
    /// `Error` when the process failed.
    pub fn read(&mut self, id: &str) -> Result<Content, Error> {
        let unread = |why: String| Ok(Content { bytes: Err(why) });
        let (kind, size) = match self.ask(id)? {
            Answer::Found { kind, size, .. } => (kind, size),
            Answer::Missing => return unread("this clone does not have its content; fetch it".into()),
            Answer::Ended => return unread("git has ended".into()),
        };
        let Some(output) = self.output.as_mut().filter(|_| kind == "blob") else {
            return Err(unreadable(id));
        };
        // A line feed follows the content.
        let mut content = output.take(size + 1);
        let most = scan::INPUT_BYTES_MAX as u64;
        if size > most {
            std::io::copy(&mut content, &mut std::io::sink())?;
            return unread(format!("it has more than {most} bytes"));
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        if (bytes.len() as u64) < size {
            return Err(unreadable(id));
        }
        Ok(Content { bytes: Ok(bytes) })
    }
}

impl Drop for Contents {
    /// The process ends when its input does.
    fn drop(&mut self) {
        drop((self.input.take(), self.output.take()));
        drop(self.child.wait());
    }
}

fn unreadable(name: &str) -> Error {
    Error::unusable(format!("`git cat-file` cannot read {name}; look at `git fsck`"))
}
