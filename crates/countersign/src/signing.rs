//! People's keys: found where they usually are, and used by `ssh-keygen`, so that agents, passphrases and
//! hardware keys work as the person is used to. No private key passes through this program.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::dsse::{Envelope, Signature};
use evidence::ssh::SshKey;

use crate::failure::Failure;
use crate::home::home_dir;
use crate::output::{self, Output};

/// A person's key and the file that `ssh-keygen` is told to use.
#[derive(Clone, Debug)]
pub struct PersonKey {
    /// The public key.
    pub key: SshKey,
    /// Private key file, or a public one whose private half is in the agent.
    pub file: PathBuf,
}

impl PersonKey {
    /// Reads the public half beside or in a file: `id_ed25519`, `id_ed25519.pub`.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let mut public = file.to_path_buf();
        if file.extension().is_none_or(|ending| ending != "pub") {
            let mut name = file.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
            name.push(".pub");
            public.set_file_name(name);
        }
        let text = fs::read_to_string(&public).map_err(|error| {
            Failure::error(format!("cannot read public key `{}`: {error}", public.display()))
        })?;
        let key = text.parse().map_err(|error| Failure::error(format!("`{}`: {error}", public.display())))?;
        let private = public.with_extension("");
        let file = if private.is_file() { private } else { public };
        Ok(Self { key, file: std::path::absolute(file)? })
    }

    /// The key that this person most likely means: git's signing key, else the usual files.
    pub fn discover() -> Result<Self, Failure> {
        let mut candidates: Vec<PathBuf> = Vec::new();
        if let Some(named) = git_config("user.signingkey") {
            candidates.push(expand(&named));
        }
        if let Some(home) = home_dir() {
            for name in ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"] {
                candidates.push(home.join(".ssh").join(name));
            }
        }
        let found = candidates.iter().find_map(|file| Self::read(file).ok());
        found.ok_or_else(|| {
            let looked: Vec<_> = candidates.iter().map(|file| file.display().to_string()).collect();
            let remedy = "name one with --key FILE, or make one with `ssh-keygen -t ed25519`";
            Failure::error(format!(
                "found no SSH key that can be used; looked at {}; {remedy}",
                looked.join(", ")
            ))
        })
    }

    /// Signs an envelope's PAE bytes in a namespace and adds the signature, checked at once.
    pub fn sign(&self, envelope: &mut Envelope, namespace: &str) -> Result<(), Failure> {
        let message = envelope.pae();
        let sig = self.sshsig(namespace, &message)?;
        self.key.verify(namespace, &message, &sig)?;
        envelope.add(Signature { keyid: self.key.fingerprint().to_owned(), sig });
        Ok(())
    }

    /// An SSHSIG blob by `ssh-keygen -Y sign`, which reads the message from its standard input.
    fn sshsig(&self, namespace: &str, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut command = runner::program::of_person("ssh-keygen");
        command.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(&self.file);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |error: std::io::Error| Failure::error(format!("cannot run `ssh-keygen`: {error}"));
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(message).map_err(failed)?;
        }
        let output = child.wait_with_output().map_err(failed)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let what = format!("`ssh-keygen` could not sign with `{}`: {}", self.file.display(), said.trim());
            return Err(Failure::error(format!("{what}; is the key in the agent? `ssh-add -l` lists them")));
        }
        let pem = String::from_utf8_lossy(&output.stdout);
        let inner: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        Ok(STANDARD.decode(inner)?)
    }
}

/// Shows what is to be signed and asks whether it is, unless `--yes` was given. Where nobody can be asked, nothing is
/// signed. A machine that reads the answer gets nothing else: for it the page goes to standard error.
pub fn ask(page: &str, yes: bool, output: Output) -> Result<(), Failure> {
    ask_for("Sign this?", "nothing was signed", page, yes, output)
}

/// The same with words of its own.
pub fn ask_for(question: &str, nothing: &str, page: &str, yes: bool, output: Output) -> Result<(), Failure> {
    match output {
        Output::Text => output::show(page)?,
        Output::Json if !yes => output::say(&shown::text(page)),
        Output::Json => {}
    }
    if yes {
        return Ok(());
    }
    let (mut ask, answers) = (std::io::stderr(), std::io::stdin());
    if !answers.is_terminal() || !ask.is_terminal() {
        return Err(Failure::usage(format!(
            "there is no terminal on which to ask, so {nothing}; look at what would be signed, and give --yes"
        )));
    }
    write!(ask, "\n{question} [y/N] ")?;
    ask.flush()?;
    let mut said = String::new();
    answers.read_line(&mut said)?;
    match said.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::error(nothing)),
    }
}

/// A value of the person's git configuration.
pub fn git_config(name: &str) -> Option<String> {
    let output = runner::program::of_person("git")
        .args(["config", "--get", name])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let value = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !value.is_empty()).then_some(value)
}

fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}
