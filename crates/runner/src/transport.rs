//! How git reaches a remote: one transport, the operator's credentials, and nothing that the remote could choose.
//!
//! Invariant: git follows no redirect, to no other host and no other transport; it runs no hook, filter, helper or lazy fetch,
//! fetches no submodule, bundle or pack from elsewhere, and asks nobody. A token is in the environment of git alone, never
//! among its arguments, and is sent to the remote's own URL only. SSH believes the host keys of the operator's file alone.

use std::path::Path;

use evidence::Bytes;

use crate::git::Reach;
use crate::program::helper;
use crate::remotes::{Remote, RemoteKind, RemotesError, secret, secret_file};

/// The reach of git for a remote over a network.
///
/// # Errors
/// `RemotesError` if a credential cannot be used.
pub fn reach(remote: &Remote) -> Result<Reach, RemotesError> {
    let mut reach = Reach { settings: SETTINGS.map(str::to_owned).to_vec(), ..Reach::default() };
    reach.settings.extend(TOLERATED.iter().map(|fault| format!("fetch.fsck.{fault}=warn")));
    match remote.kind() {
        Some(RemoteKind::Https) => {
            reach.transport = Some("https");
            reach
                .settings
                .extend(remote.ca_file.as_ref().map(|file| format!("http.sslCAInfo={}", file.display())));
            if let Some(file) = &remote.token_file {
                let header = authorization(remote.token_user.as_deref().unwrap_or("git"), file)?;
                reach.secret.push((format!("http.{}.extraHeader", remote.url), header));
            }
        }
        Some(RemoteKind::Ssh) => {
            reach.transport = Some("ssh");
            let (Some(identity), Some(hosts)) = (&remote.identity_file, &remote.known_hosts_file) else {
                return Ok(reach);
            };
            secret_file(identity)?;
            reach.ssh = Some(ssh(&helper("ssh").get_program().to_string_lossy(), identity, hosts));
        }
        Some(RemoteKind::Path) | None => {}
    }
    Ok(reach)
}

/// The reach of git for a pack that somebody sent: nothing but limits.
pub fn unpacking() -> Reach {
    Reach { settings: SETTINGS.map(str::to_owned).to_vec(), ..Reach::default() }
}

/// The command that git runs for SSH. The paths were checked: a shell reads them as they stand.
pub fn ssh(program: &str, identity: &Path, known_hosts: &Path) -> String {
    let options: String = SSH.iter().map(|option| format!(" -o {option}")).collect();
    format!(
        "{program} -F none{options} -o UserKnownHostsFile={} -i {}",
        known_hosts.display(),
        identity.display()
    )
}

/// The header that proves who fetches (RFC 7617).
fn authorization(user: &str, file: &Path) -> Result<String, RemotesError> {
    let bytes = secret(file, TOKEN_FILE_BYTES_MAX)?.unwrap_or_default();
    let token = str::from_utf8(&bytes).unwrap_or_default().trim();
    let is_token =
        (1..=TOKEN_BYTES_MAX).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token {
        let what = "it is not one line of at most 4096 printable characters".to_owned();
        return Err(RemotesError::Unsound(file.to_path_buf(), what));
    }
    let pair = serde_json::to_value(Bytes(format!("{user}:{token}").into_bytes())).unwrap_or_default();
    Ok(format!("Authorization: Basic {}", pair.as_str().unwrap_or_default()))
}

const SETTINGS: [&str; 27] = [
    "core.askPass=",
    "core.bigFileThreshold=64m",
    "core.packedGitLimit=512m",
    "core.packedGitWindowSize=32m",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "fetch.parallel=1",
    "fetch.prune=false",
    "fetch.recurseSubmodules=false",
    "fetch.unpackLimit=1",
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "http.cookieFile=",
    "http.emptyAuth=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "http.proxy=",
    "http.sslVerify=true",
    "maintenance.auto=false",
    "protocol.version=2",
    "ssh.variant=ssh",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
    "transfer.credentialsInUrl=die",
    "transfer.fsckObjects=true",
    "transfer.unpackLimit=1",
];
/// Faults of old commits that git itself once made, or let pass; decision 0037.
const TOLERATED: [&str; 11] = [
    "badDate",
    "badDateOverflow",
    "badEmail",
    "badName",
    "badTimezone",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "multipleAuthors",
    "zeroPaddedDate",
];
const SSH: [&str; 15] = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=none",
    "UpdateHostKeys=no",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ProxyCommand=none",
    "ControlMaster=no",
    "ConnectTimeout=30",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
];
const TOKEN_BYTES_MAX: usize = 4096;
/// With space around the token.
const TOKEN_FILE_BYTES_MAX: u64 = 8192;
