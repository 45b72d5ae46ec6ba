//! People's keys: found in the usual files, and used by `ssh-keygen`, so that agents, passphrases and hardware keys work
//! as the person is used to.
//!
//! Input: a file, or nothing. Output: the public key, and signatures that were checked at once. Invariant: no private key
//! passes through this program.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::dsse::{Envelope, Signature};
use evidence::ssh::SshKey;

use crate::dirs::home_dir;
use crate::error::Error;
use shown::shell;

/// A person's key and the file that `ssh-keygen` signs with.
#[derive(Clone, Debug)]
pub struct PersonKey {
    /// The public key.
    pub key: SshKey,
    /// Private key file, or a public key file whose private half is in the ssh agent.
    pub file: PathBuf,
}

impl PersonKey {
    /// Reads the public key from a file or from the `.pub` file beside it: `id_ed25519`, `id_ed25519.pub`.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let mut public = file.to_path_buf();
        if file.extension().is_none_or(|ending| ending != "pub") {
            let mut name = file.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
            name.push(".pub");
            public.set_file_name(name);
        }
        let text = fs::read_to_string(&public).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound && public != file && file.is_file() {
                let (file, public) = (shell::path(file), shell::path(&public));
                return Error::unusable(format!(
                    "there is no public key `{public}` beside `{file}`: if that is a private key, `ssh-keygen -y -f {file} > \
                     {public}` makes it; else name the file of an SSH key, such as `~/.ssh/id_ed25519`"
                ));
            }
            let remedy = "name the file of an SSH key, or make one with `ssh-keygen -t ed25519`";
            Error::unusable(format!("cannot read public key `{}`: {error}; {remedy}", public.display()))
        })?;
        let key =
            text.parse().map_err(|error| Error::unusable(format!("`{}`: {error}", public.display())))?;
        let private = public.with_extension("");
        let file = if private.is_file() { private } else { public };
        Ok(Self { key, file: std::path::absolute(file)? })
    }

    /// The person's key: the one that git signs with, else the first of the usual files that can be used.
    pub fn discover() -> Result<Self, Error> {
        if let Some(named) = Self::of_git()? {
            return Ok(named);
        }
        let dir = home_dir().unwrap_or_default().join(".ssh");
        let candidates = ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"].map(|name| dir.join(name));
        let mut wrong = Vec::new();
        for file in candidates.iter().filter(|file| file.exists()) {
            match Self::read(file) {
                Ok(found) => return Ok(found),
                Err(failure) => wrong.push(failure.to_string()),
            }
        }
        let looked: Vec<_> = candidates.iter().map(|file| file.display().to_string()).collect();
        let remedy = "name one with --key FILE, or make one with `ssh-keygen -t ed25519`";
        let what = format!("found no SSH key that can be used; looked at {}; {remedy}", looked.join(", "));
        Err(Error::unusable([vec![what], wrong].concat().join("; ")))
    }

    /// The key that git signs with (gpg.format, user.signingkey, gpg.ssh.defaultKeyCommand). If git names one that cannot be
    /// used, that is an error: commits would be signed by another key than the enrolled one.
    fn of_git() -> Result<Option<Self>, Error> {
        let ssh = git_config("gpg.format")?.is_some_and(|format| format == "ssh");
        let (named, source) = match git_config("user.signingkey")? {
            Some(named) => (named, "user.signingkey"),
            None if ssh => match default_key()? {
                Some(named) => (named, "gpg.ssh.defaultKeyCommand"),
                None => return Ok(None),
            },
            None => return Ok(None),
        };
        let text = named.strip_prefix("key::").unwrap_or(&named);
        let literal = ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| text.starts_with(kind));
        let file = expand(&named);
        // With another format this is the name of an OpenPGP or X.509 key.
        if !ssh && !literal && !file.exists() {
            return Ok(None);
        }
        let found = if literal { Self::with_text(text) } else { Self::read(&file) };
        let wrong = |failure: Error| {
            let remedy = "correct it, or name another key with --key FILE and sign commits with that one";
            Error::unusable(format!(
                "git's {source} names the key that signs your commits: {}; {remedy}",
                failure
            ))
        };
        found.map(Some).map_err(wrong)
    }

    /// The key of a file, or the one of the usual files that has this fingerprint.
    pub fn given(file: &Path) -> Result<Self, Error> {
        match file.to_str().filter(|text| text.starts_with("SHA256:") && !file.exists()) {
            Some(fingerprint) => Self::usual(fingerprint, |key| key.fingerprint() == fingerprint)
                .map_err(|failure| Error::unusable(format!("{}, or name its file", failure))),
            None => Self::read(file),
        }
    }

    /// The file of a public key, among the usual ones.
    pub fn of(key: &SshKey) -> Result<Self, Error> {
        Self::usual(key.fingerprint(), |other| other == key)
    }

    /// Whether `ssh-keygen` can sign with it on this machine: a private file, or a key in the agent.
    pub fn is_at_hand(&self) -> bool {
        if self.file.extension().is_none_or(|ending| ending != "pub") {
            return self.file.is_file();
        }
        let listed = runner::program::of_person("ssh-add").arg("-L").stderr(Stdio::null()).output();
        let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let is_this = |line: &str| line.parse::<SshKey>().is_ok_and(|key| key == self.key);
        listed.is_ok_and(|listed| listed.lines().any(is_this))
    }

    /// A key that is given as text: its file is searched among the usual ones, because `ssh-keygen` signs with a file.
    fn with_text(text: &str) -> Result<Self, Error> {
        let key: SshKey = text.parse().map_err(|error| Error::unusable(format!("`{text}`: {error}")))?;
        Self::usual(key.fingerprint(), |other| *other == key)
    }

    /// A key in the directory in which people keep their keys.
    fn usual(what: &str, is_meant: impl Fn(&SshKey) -> bool) -> Result<Self, Error> {
        let dir = home_dir().unwrap_or_default().join(".ssh");
        let files = match fs::read_dir(&dir) {
            Ok(files) => files.collect::<Result<Vec<_>, _>>()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::unusable(format!("cannot read `{}`: {error}", dir.display()))),
        };
        let mut paths: Vec<_> = files.into_iter().map(|file| file.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "pub"));
        paths.sort();
        // Other files of that directory may hold keys of unsupported kinds; they are skipped.
        let same = paths.iter().filter_map(|path| Self::read(path).ok()).find(|found| is_meant(&found.key));
        same.ok_or_else(|| {
            Error::unusable(format!(
                "no file `{}/*.pub` holds {what}; save the public key there, so that `ssh-keygen` can sign with it",
                dir.display()
            ))
        })
    }

    /// Signs an envelope's PAE bytes in a namespace, checks the signature at once, and adds it.
    pub fn sign(&self, envelope: &mut Envelope, namespace: &str) -> Result<(), Error> {
        let message = envelope.pae();
        let sig = self.sshsig(namespace, &message)?;
        self.key.verify(namespace, &message, &sig)?;
        envelope.add(Signature { keyid: self.key.fingerprint().to_owned(), sig });
        Ok(())
    }

    /// Makes an SSHSIG blob with `ssh-keygen -Y sign`, which reads the message from its standard input.
    fn sshsig(&self, namespace: &str, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut command = runner::program::of_person("ssh-keygen");
        command.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(&self.file);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |error: std::io::Error| Error::unusable(format!("cannot run `ssh-keygen`: {error}"));
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(message) {
                // `ssh-keygen` ended before it read the whole message; its output below says why.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
                written => written.map_err(failed)?,
            }
        }
        let output = child.wait_with_output().map_err(failed)?;
        // Ctrl-C at the passphrase prompt ends `ssh-keygen`. This program returns a failure, so that callers can clean up.
        if output.status.signal() == Some(rustix::process::Signal::INT.as_raw()) {
            return Err(Error::Interrupted("interrupted: nothing was signed"));
        }
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let what = format!("`ssh-keygen` could not sign with `{}`: {}", self.file.display(), said.trim());
            return Err(Error::unusable(format!("{what}; is the key in the agent? `ssh-add -l` lists them")));
        }
        let pem = String::from_utf8_lossy(&output.stdout);
        let inner: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        Ok(STANDARD.decode(inner)?)
    }
}

/// A value of the person's git configuration; `None` if it is not set, and an error in git's words if it cannot be
/// read.
pub fn git_config(name: &str) -> Result<Option<String>, Error> {
    let output = runner::program::of_person("git").args(["config", "--get", name]).output();
    let output = output.map_err(|error| Error::unusable(format!("cannot run `git`: {error}")))?;
    let value = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok((!value.is_empty()).then_some(value)),
        Some(1) => Ok(None),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Error::unusable(format!("git cannot read its setting {name}: {said}; correct that file")))
        }
    }
}

/// The key that git uses if none is named: the first line that the configured command prints.
fn default_key() -> Result<Option<String>, Error> {
    let Some(command) = git_config("gpg.ssh.defaultKeyCommand")? else { return Ok(None) };
    let output = runner::program::of_person("sh").args(["-c", &command]).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().next().map(str::trim).filter(|line| output.status.success() && !line.is_empty());
    let named = line.map(str::to_owned);
    named.map(Some).ok_or_else(|| {
        let what = format!("git's gpg.ssh.defaultKeyCommand, `{command}`, named no key");
        Error::unusable(format!("{what}; name yours with --key FILE"))
    })
}

/// A path as git reads it from its settings.
pub(crate) fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}
