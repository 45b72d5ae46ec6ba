//! The stage of a splitter: it gives up its rights, follows the agent, and serves.
//!
//! Invariant: it holds the listening socket and the agent's stream, and no other descriptor, variable or directory of the agent.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::service_user::ServiceUser;

/// Serves with standard input as the listening socket and standard output as the agent's stream. `follow` makes the process
/// end with the agent, and comes after the change of accounts, which would take that away (prctl(2)).
pub fn split(user: Option<&str>, follow: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    sandbox::close_inherited()?;
    let user: Option<ServiceUser> = user.map(serde_json::from_str).transpose()?;
    let listener = TcpListener::from(fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?);
    let control = UnixStream::from(fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?);
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    // A connection of a client and one to a process for each request.
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    // No core file has what clients sent. Not 0, as for services.
    let core = getrlimit(Resource::Core).maximum.map_or(1, |most| most.min(1));
    setrlimit(Resource::Core, Rlimit { current: Some(core), maximum: Some(core) })?;
    rustix::thread::set_no_new_privs(true)?;
    if let Some(user) = user {
        let (uid, gid) = user.ids();
        sandbox::become_user(uid, gid)?;
    }
    follow()?;
    // A service manager that stops the agent signals its whole group; requests end first, as the agent says.
    sandbox::ignore_requests_to_end(true)?;
    splitter::serve(listener, control).map_err(io::Error::other)
}
