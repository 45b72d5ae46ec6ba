//! Commit objects: tree, parents, people and signature.
//!
//! Invariant: the signed payload is the object's bytes without its signature headers, exactly as git signs it
//! (<https://git-scm.com/docs/gitformat-signature>). The search for people is generous: a trailer anywhere in the
//! message counts, because a person found in error is only barred from approving.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::identity::{Identity, Trailers};
use super::object::OBJECT_BYTES_MAX;
use crate::CommitId;
use crate::ssh::{self, SshKey, SshSigError};

/// A parsed commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Id of the tree.
    pub tree: CommitId,
    /// Ids of the parents, in order.
    pub parents: Vec<CommitId>,
    /// Author of the change.
    pub author: Identity,
    /// Committer of the change.
    pub committer: Identity,
    /// Further authors that the message names.
    pub co_authors: Vec<Identity>,
    /// People who signed the commit off.
    pub signed_off: Vec<Identity>,
    /// Tools that the message says helped with the change.
    pub assisted: BTreeSet<String>,
    /// The signature, if the commit has one.
    pub signature: Option<CommitSignature>,
    /// The message.
    pub message: String,
}

/// A commit's signature with the bytes that it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitSignature {
    /// Armoured text of the header.
    pub armour: String,
    /// Bytes that were signed.
    pub payload: Vec<u8>,
}

/// Errors of parsing and verifying a commit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommitError {
    /// The object is larger than allowed.
    #[error("commit: more than {OBJECT_BYTES_MAX} bytes")]
    Long,
    /// The bytes do not have the form of a commit.
    #[error("commit: {0}")]
    Shape(&'static str),
    /// The commit is not signed.
    #[error("the commit is not signed; sign with `git commit --amend --no-edit -S` and gpg.format=ssh")]
    Unsigned,
    /// The signature is not an SSH signature.
    #[error("the commit's signature is not an SSH signature; sign with gpg.format=ssh")]
    Format,
    /// The signature is invalid.
    #[error("commit {0}")]
    Signature(#[from] SshSigError),
}

/// Namespace of git's SSH signatures (<https://git-scm.com/docs/gitformat-signature>).
pub const NAMESPACE: &str = "git";

impl Commit {
    /// Parses a commit object whose id was checked.
    ///
    /// # Errors
    /// `CommitError` names the fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, CommitError> {
        if bytes.len() > OBJECT_BYTES_MAX {
            return Err(CommitError::Long);
        }
        // Git reads an object without an empty line as a commit without a message.
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").map_or(bytes.len(), |at| at + 1);
        let (head, message) = bytes.split_at(end);
        let headers = headers(head)?;
        let mut rest = headers.iter().peekable();
        let tree = rest.next().filter(|header| header.name == "tree").ok_or(CommitError::Shape("no tree"))?;
        let tree = id(tree.text()?)?;
        let mut parents = Vec::new();
        while let Some(parent) = rest.next_if(|header| header.name == "parent") {
            parents.push(id(parent.text()?)?);
        }
        let encoding = headers.iter().find(|header| header.name == "encoding");
        let latin = encoding.is_some_and(|header| is_latin(&header.value));
        let mut named = Vec::new();
        let mut person = |name: &str| {
            // Git shows a commit without such a line as a commit by nobody.
            let header = rest.next_if(|header| header.name == name);
            let line = header.map_or_else(String::new, |header| decoded(&header.value, latin));
            let (person, more) = Identity::of_line(&line);
            named.extend(more);
            person
        };
        let (author, committer) = (person("author"), person("committer"));
        if rest.any(|header| ["tree", "parent", "author", "committer"].contains(&header.name.as_str())) {
            return Err(CommitError::Shape("a header stands twice or out of order"));
        }
        let signature = signature(&headers, bytes, tree.as_str().len())?;
        let message = decoded(message.get(1..).unwrap_or_default(), latin);
        let Trailers { co_authors, signed_off, assisted } = Trailers::of(&message);
        named.extend(co_authors);
        Ok(Self {
            tree,
            parents,
            author,
            committer,
            co_authors: named,
            signed_off,
            assisted,
            signature,
            message,
        })
    }

    /// Finds the key in `allowed` that signed the commit.
    ///
    /// # Errors
    /// `CommitError` when the commit is unsigned, not signed by SSH, signed by another key, or the signature is wrong.
    pub fn signer<'a>(&self, allowed: &[&'a SshKey]) -> Result<&'a SshKey, CommitError> {
        let signature = self.signature.as_ref().ok_or(CommitError::Unsigned)?;
        let blob = signature.blob().ok_or(CommitError::Format)?;
        let embedded = ssh::embedded_key(&blob).ok_or(CommitError::Format)?;
        let key = allowed.iter().find(|key| **key == &embedded);
        let key = *key.ok_or_else(|| SshSigError::Unknown(embedded.fingerprint().to_owned()))?;
        key.verify(NAMESPACE, &signature.payload, &blob)?;
        Ok(key)
    }

    /// All people whom the commit names: author, committer, co-authors.
    pub fn people(&self) -> impl Iterator<Item = &Identity> {
        [&self.author, &self.committer].into_iter().chain(&self.co_authors)
    }
}

impl CommitSignature {
    /// The SSHSIG blob inside the armour; `None` if the armour holds something else.
    #[must_use]
    pub fn blob(&self) -> Option<Vec<u8>> {
        unarmour(&self.armour)
    }
}

/// One header: name, value with joined continuation lines, and raw bytes.
struct Header {
    name: String,
    value: Vec<u8>,
    raw: std::ops::Range<usize>,
}

impl Header {
    fn text(&self) -> Result<&str, CommitError> {
        std::str::from_utf8(&self.value).map_err(|_| CommitError::Shape("a header is not text"))
    }
}

fn headers(head: &[u8]) -> Result<Vec<Header>, CommitError> {
    let mut found: Vec<Header> = Vec::new();
    let mut start = 0;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len();
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if let Some(more) = text.strip_prefix(b" ") {
            let last = found.last_mut().ok_or(CommitError::Shape("it starts with a continuation line"))?;
            last.value.push(b'\n');
            last.value.extend_from_slice(more);
            last.raw.end = end;
        } else {
            let at = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
            let (name, value) = text.split_at(at);
            let name = String::from_utf8(name.to_vec())
                .map_err(|_| CommitError::Shape("a header's name is not text"))?;
            let value = value.get(1..).unwrap_or_default().to_vec();
            found.push(Header { name, value, raw: start..end });
        }
        start = end;
    }
    Ok(found)
}

/// Finds the signature and the bytes that it covers. Git signs the object without any of its signature headers; only
/// the header of the repository's hash counts.
fn signature(
    headers: &[Header],
    bytes: &[u8],
    digits: usize,
) -> Result<Option<CommitSignature>, CommitError> {
    let ours = if digits == 64 { "gpgsig-sha256" } else { "gpgsig" };
    let is_signature = |header: &&Header| ["gpgsig", "gpgsig-sha256"].contains(&header.name.as_str());
    let signatures: Vec<_> = headers.iter().filter(is_signature).collect();
    let mut own = signatures.iter().filter(|header| header.name == ours);
    let Some(header) = own.next() else { return Ok(None) };
    if own.next().is_some() {
        return Err(CommitError::Shape("it has two signatures"));
    }
    let mut payload = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for header in &signatures {
        payload.extend_from_slice(bytes.get(from..header.raw.start).unwrap_or_default());
        from = header.raw.end;
    }
    payload.extend_from_slice(bytes.get(from..).unwrap_or_default());
    Ok(Some(CommitSignature { armour: header.text()?.to_owned(), payload }))
}

fn unarmour(armour: &str) -> Option<Vec<u8>> {
    let inner = armour.trim_end().strip_prefix("-----BEGIN SSH SIGNATURE-----\n")?;
    let inner = inner.strip_suffix("\n-----END SSH SIGNATURE-----")?;
    STANDARD.decode(inner.replace('\n', "")).ok()
}

fn id(text: &str) -> Result<CommitId, CommitError> {
    text.parse().map_err(|_| CommitError::Shape("an id is not one"))
}

/// Decodes text in the encoding that the commit states, as far as addresses depend on it. Invalid bytes are replaced.
fn decoded(bytes: &[u8], latin: bool) -> String {
    if latin {
        bytes.iter().copied().map(char::from).collect()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// Whether an encoding is ISO 8859-1, whose bytes are the first 256 characters of Unicode.
fn is_latin(encoding: &[u8]) -> bool {
    let plain: String =
        encoding.iter().filter(|byte| byte.is_ascii_alphanumeric()).copied().map(char::from).collect();
    ["iso88591", "latin1", "l1", "windows1252", "cp1252"].contains(&plain.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::{Commit, CommitError};

    /// Git reads all of these commits; bytes that git does not read as a commit are refused here too.
    #[test]
    fn commits_of_old_programs_are_read() {
        let tree = "0".repeat(40);
        let who = "author A <a@x> 1 +0000\ncommitter B <b@x> 2 +0000\n";
        for (text, message) in [
            (format!("tree {tree}\n{who}"), ""),
            (format!("tree {tree}\n{who}\n"), ""),
            (format!("tree {tree}\n{who}strange\nHG:extra a\n b\n\nmessage"), "message"),
            (format!("tree {tree}\n{who}\n\nsecond line"), "\nsecond line"),
        ] {
            let commit = Commit::parse(text.as_bytes()).unwrap();
            assert_eq!((commit.message.as_str(), commit.author.email.as_str()), (message, "a@x"), "{text}");
            assert_eq!(commit.committer.email, "b@x");
        }
        let nobody = Commit::parse(format!("tree {tree}\n\nmessage").as_bytes()).unwrap();
        assert_eq!(nobody.people().map(|person| person.email.as_str()).collect::<Vec<_>>(), ["", ""]);
        let mut latin =
            format!("tree {tree}\n{who}encoding ISO-8859-1\n\nx\n\nCo-authored-by: J").into_bytes();
        latin.extend_from_slice(b"\xd6rg <J\xd6rg@x>");
        let latin = Commit::parse(&latin).unwrap();
        assert_eq!(latin.co_authors[0].email, "j\u{f6}rg@x");
        for wrong in
            [format!("{who}\nmessage"), format!("tree x\n{who}\n"), format!("tree {tree}\n{who}{who}\n")]
        {
            assert!(matches!(Commit::parse(wrong.as_bytes()), Err(CommitError::Shape(_))), "{wrong}");
        }
    }

    /// A header that only resembles one of git's two signature headers is signed like any other header.
    #[test]
    fn what_is_signed_lacks_git_s_own_signature_headers_alone() {
        let head = format!("tree {}\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n", "0".repeat(40));
        let text = format!("{head}gpgsig one\n two\ngpgsig-sha256 three\ngpgsig-note four\n\nmessage\n");
        let signature = Commit::parse(text.as_bytes()).unwrap().signature.unwrap();
        assert_eq!(signature.armour, "one\ntwo");
        assert_eq!(signature.payload, format!("{head}gpgsig-note four\n\nmessage\n").into_bytes());
    }
}
