//! Commit objects: who, what tree, after which commits, and signed by whom.
//!
//! Invariant: the signed payload is the object's bytes without its signature headers, exactly as git signs
//! it. People who took part are found generously: a trailer anywhere counts, since it only ever bars them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
    /// Who wrote the change.
    pub author: Identity,
    /// Who made the commit.
    pub committer: Identity,
    /// Who is named as co-author.
    pub co_authors: Vec<Identity>,
    /// The signature, if there is one.
    pub signature: Option<CommitSignature>,
    /// The message.
    pub message: String,
}

/// A name and address as git writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name, for reading only.
    pub name: String,
    /// Address in lower case; what an enrolment is found by.
    pub email: String,
    /// Seconds since the Epoch that the commit states; nobody vouches for them.
    pub time_seconds: i64,
}

/// A commit's signature and the bytes that it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitSignature {
    /// The header's text, armoured.
    pub armour: String,
    /// What was signed.
    pub payload: Vec<u8>,
}

/// Why bytes are not a commit that counts.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommitError {
    /// Larger than allowed.
    #[error("commit: more than {OBJECT_BYTES_MAX} bytes")]
    Long,
    /// Not the shape of a commit.
    #[error("commit: {0}")]
    Shape(&'static str),
    /// Not signed.
    #[error("the commit is not signed; sign with `git commit -S` and gpg.format=ssh")]
    Unsigned,
    /// Signed by something other than SSH.
    #[error("the commit's signature is not an SSH signature; sign with gpg.format=ssh")]
    Format,
    /// The signature does not count.
    #[error("commit {0}")]
    Signature(#[from] SshSigError),
}

/// Namespace of git's SSH signatures (gitformat-signature).
pub const NAMESPACE: &str = "git";

impl Commit {
    /// Parses the bytes of a commit object whose id was checked.
    ///
    /// # Errors
    /// `CommitError` names what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, CommitError> {
        if bytes.len() > OBJECT_BYTES_MAX {
            return Err(CommitError::Long);
        }
        let at = bytes.windows(2).position(|pair| pair == b"\n\n").ok_or(CommitError::Shape("no message"))?;
        let (head, message) = bytes.split_at(at + 1);
        let message = String::from_utf8_lossy(message.get(1..).unwrap_or_default()).into_owned();
        let headers = headers(head)?;
        let mut rest = headers.iter().peekable();
        let tree = rest.next().filter(|header| header.name == "tree").ok_or(CommitError::Shape("no tree"))?;
        let tree = id(tree.text()?)?;
        let mut parents = Vec::new();
        while let Some(parent) = rest.next_if(|header| header.name == "parent") {
            parents.push(id(parent.text()?)?);
        }
        let mut person = |name: &str, missing| {
            let header = rest.next().filter(|header| header.name == name);
            identity(&String::from_utf8_lossy(&header.ok_or(CommitError::Shape(missing))?.value))
        };
        let author = person("author", "no author")?;
        let committer = person("committer", "no committer")?;
        if rest.any(|header| ["tree", "parent", "author", "committer"].contains(&header.name.as_str())) {
            return Err(CommitError::Shape("a header stands twice or out of order"));
        }
        let signature = signature(&headers, bytes, tree.as_str().len())?;
        let co_authors = co_authors(&message);
        Ok(Self { tree, parents, author, committer, co_authors, signature, message })
    }

    /// The key among `allowed` that signed the commit.
    ///
    /// # Errors
    /// `CommitError` when it is unsigned, not by SSH, by another key, or the signature does not match.
    pub fn signer<'a>(&self, allowed: &[&'a SshKey]) -> Result<&'a SshKey, CommitError> {
        let signature = self.signature.as_ref().ok_or(CommitError::Unsigned)?;
        let blob = signature.blob().ok_or(CommitError::Format)?;
        let embedded = ssh::embedded_key(&blob).ok_or(CommitError::Format)?;
        let key = allowed.iter().find(|key| **key == &embedded);
        let key = *key.ok_or_else(|| SshSigError::Unknown(embedded.fingerprint().to_owned()))?;
        key.verify(NAMESPACE, &signature.payload, &blob)?;
        Ok(key)
    }

    /// Everyone whom the commit names: author, committer, co-authors.
    pub fn people(&self) -> impl Iterator<Item = &Identity> {
        [&self.author, &self.committer].into_iter().chain(&self.co_authors)
    }
}

impl CommitSignature {
    /// The SSHSIG blob inside the armour, if it is one.
    #[must_use]
    pub fn blob(&self) -> Option<Vec<u8>> {
        unarmour(&self.armour)
    }
}

/// One header: its name, its value with continuation lines joined, and the bytes that it takes.
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
            let at = text
                .iter()
                .position(|byte| *byte == b' ')
                .ok_or(CommitError::Shape("a header has no value"))?;
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

/// Git signs the object without any signature header; the one of the repository's hash counts.
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

/// `Name <address> seconds zone`.
fn identity(text: &str) -> Result<Identity, CommitError> {
    let wrong = CommitError::Shape("an author or committer is not `Name <address> seconds zone`");
    let parsed = || {
        let (name, rest) = text.split_once('<')?;
        let (email, rest) = rest.split_once('>')?;
        let time_seconds = rest.trim().split(' ').next()?.parse().ok()?;
        Some(Identity { name: name.trim().to_owned(), email: email.trim().to_lowercase(), time_seconds })
    };
    parsed().ok_or(wrong)
}

fn co_authors(message: &str) -> Vec<Identity> {
    let person = |line: &str| {
        let (key, value) = line.trim().split_once(':')?;
        if !key.eq_ignore_ascii_case("co-authored-by") {
            return None;
        }
        // Without an address nobody can be found by it: the address is then empty and matches no one.
        let (name, email) = value.split_once('<').unwrap_or((value, ""));
        let email = email.trim().trim_end_matches('>').trim().to_lowercase();
        Some(Identity { name: name.trim().to_owned(), email, time_seconds: 0 })
    };
    message.lines().filter_map(person).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::Commit;

    /// A header that only looks like one of git's two is signed as any other is.
    #[test]
    fn what_is_signed_lacks_git_s_own_signature_headers_alone() {
        let head = format!("tree {}\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n", "0".repeat(40));
        let text = format!("{head}gpgsig one\n two\ngpgsig-sha256 three\ngpgsig-note four\n\nmessage\n");
        let signature = Commit::parse(text.as_bytes()).unwrap().signature.unwrap();
        assert_eq!(signature.armour, "one\ntwo");
        assert_eq!(signature.payload, format!("{head}gpgsig-note four\n\nmessage\n").into_bytes());
    }
}
