//! The file operations of a process, parsed from strace's output (strace(1), `-xx -y`: every string in hexadecimal, every
//! descriptor with its path).

use std::collections::BTreeMap;

/// One operation of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A file was opened for writing: created if it is missing, emptied if requested.
    Open { path: String, create: bool, truncate: bool },
    /// Bytes were written at an offset.
    Write { path: String, offset: u64, bytes: Vec<u8> },
    /// A file was truncated or extended.
    Truncate { path: String, length: u64 },
    /// A file or directory was synced.
    Sync { path: String },
    /// A file was renamed.
    Rename { from: String, to: String },
    /// A name was removed.
    Remove { path: String },
    /// A directory was made.
    MakeDir { path: String },
    /// A symbolic link was made.
    Link { target: String, path: String },
    /// The process printed a line.
    Said(String),
}

/// Parses a whole trace. An unknown call ends the test, because it could be a write.
pub fn read(text: &str) -> Vec<Operation> {
    let mut reading = TraceParser::default();
    let mut unfinished: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread.to_owned(), begun.trim_end().to_owned());
        } else if let Some((_, rest)) =
            call.strip_prefix("<... ").and_then(|rest| rest.split_once("resumed>"))
        {
            reading.take(&(unfinished.remove(thread).unwrap() + rest));
        } else {
            reading.take(call);
        }
    }
    reading.acts
}

/// The parser's state within a trace.
#[derive(Default)]
struct TraceParser {
    acts: Vec<Operation>,
    /// Offset of the next write of each descriptor; `APPENDS` for the end.
    offsets: BTreeMap<String, u64>,
    /// The beginning of a printed line.
    said: String,
}

impl TraceParser {
    /// Parses `name(words) = result`; a failed call changed nothing.
    fn take(&mut self, call: &str) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((words, result)) = rest.rsplit_once(" = ") else { return };
        let words: Vec<&str> = words.trim_end().trim_end_matches(')').split(", ").collect();
        let result = result.trim();
        if call.starts_with("+++") || call.starts_with("---") || result.starts_with("-1") {
            return;
        }
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let act = match name {
            "openat" | "openat2" => return self.open(&words[2..].join(" "), result),
            "write" => return self.write(words[0], &unhex(words[1])[..result.parse().unwrap()]),
            "lseek" => {
                self.offsets.insert(described(words[0]).0, result.parse().unwrap());
                return;
            }
            "pwrite64" => {
                let bytes = unhex(words[1])[..result.parse().unwrap()].to_vec();
                Operation::Write { path: described(words[0]).1, offset: number(3), bytes }
            }
            "ftruncate" => Operation::Truncate { path: described(words[0]).1, length: number(1) },
            "fsync" | "fdatasync" => Operation::Sync { path: described(words[0]).1 },
            "rename" => Operation::Rename { from: string(words[0]), to: string(words[1]) },
            "unlink" | "rmdir" => Operation::Remove { path: string(words[0]) },
            "unlinkat" => Operation::Remove { path: below(words[0], words[1]) },
            "mkdir" => Operation::MakeDir { path: string(words[0]) },
            "symlink" => Operation::Link { target: string(words[0]), path: string(words[1]) },
            _ => unreachable!("no model of this: {}", call.chars().take(200).collect::<String>()),
        };
        self.acts.push(act);
    }

    fn open(&mut self, flags: &str, result: &str) {
        let (descriptor, path) = described(result);
        self.offsets.insert(descriptor, if flags.contains("O_APPEND") { APPENDS } else { 0 });
        let (create, truncate) = (flags.contains("O_CREAT"), flags.contains("O_TRUNC"));
        assert!(!flags.contains("O_TMPFILE"), "no model of a file without a name: {path}");
        if create || truncate {
            self.acts.push(Operation::Open { path, create, truncate });
        }
    }

    fn write(&mut self, word: &str, bytes: &[u8]) {
        let (descriptor, path) = described(word);
        if descriptor == "1" {
            self.said.push_str(std::str::from_utf8(bytes).unwrap());
            while let Some((line, rest)) = self.said.split_once('\n') {
                self.acts.push(Operation::Said(line.to_owned()));
                self.said = rest.to_owned();
            }
            return;
        }
        let offset = self.offsets.entry(descriptor).or_insert(0);
        self.acts.push(Operation::Write { path, offset: *offset, bytes: bytes.to_vec() });
        if *offset != APPENDS {
            *offset += bytes.len() as u64;
        }
    }
}

/// The offset of a write that appends to the file.
pub const APPENDS: u64 = u64::MAX;

/// Every call that changes files, or the offset of the next write.
pub const CALLS: &str = "trace=openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,\
                         copy_file_range,sendfile,lseek,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,\
                         linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir";

/// Number and path of a descriptor.
fn described(word: &str) -> (String, String) {
    let (number, rest) = word.split_once('<').unwrap_or((word, ">"));
    (number.to_owned(), text(rest.split_once('>').map_or("", |(path, _)| path)))
}

fn below(dir: &str, name: &str) -> String {
    let name = string(name);
    if name.starts_with('/') { name } else { format!("{}/{name}", described(dir).1) }
}

fn string(word: &str) -> String {
    text(word.trim_matches('"'))
}

fn text(escaped: &str) -> String {
    String::from_utf8(unhex(escaped)).unwrap()
}

fn unhex(escaped: &str) -> Vec<u8> {
    let digits: String = escaped.trim_matches('"').split("\\x").collect();
    hex::decode(digits).unwrap()
}
