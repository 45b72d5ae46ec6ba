//! The addresses that the server listens on: the one it was told, and the other loopback address at the same port.
//!
//! Invariant: browsers resolve the console's name to both loopback addresses, the one of IPv6 first. A program that
//! listened on the other one would be sent the cookies of sessions, so sessions are given only while this process holds
//! both, or the machine has only one.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

/// The listeners of one server.
#[derive(Debug)]
pub struct Listeners {
    /// At the address that was asked for.
    pub main: TcpListener,
    /// At the other loopback address.
    pub twin: Option<TcpListener>,
    /// Why another program may answer under the console's name; `None` if none can.
    pub shared_name: Option<String>,
}

impl Listeners {
    /// Listens at an address. For port 0 it looks for a port that is free at both.
    ///
    /// # Errors
    /// If the address itself cannot be listened on.
    pub async fn bind(listen: SocketAddr) -> io::Result<Self> {
        let mut bound = Self::at(listen).await?;
        let mut attempts = ATTEMPTS;
        while listen.port() == 0 && bound.shared_name.is_some() && attempts > 0 {
            // The last one is still held, so the system gives another port.
            let next = Self::at(listen).await?;
            bound = next;
            attempts -= 1;
        }
        Ok(bound)
    }

    async fn at(listen: SocketAddr) -> io::Result<Self> {
        let main = TcpListener::bind(listen).await?;
        let Some(other) = other(main.local_addr()?) else {
            let what = format!(
                "browsers look for the console at 127.0.0.1, and the server listens at {}: start it with `--listen \
                 127.0.0.1:PORT`",
                listen.ip()
            );
            return Ok(Self { main, twin: None, shared_name: Some(what) });
        };
        Ok(match TcpListener::bind(other).await {
            Ok(twin) => Self { main, twin: Some(twin), shared_name: None },
            Err(error) if has_no_such_address(&error) => Self { main, twin: None, shared_name: None },
            Err(error) => {
                let what = format!(
                    "another program may answer at {other} in the server's place ({error}): end it, or start the \
                     server at another port with `--listen`"
                );
                Self { main, twin: None, shared_name: Some(what) }
            }
        })
    }
}

/// The other address to which browsers resolve names below `localhost`.
fn other(main: SocketAddr) -> Option<SocketAddr> {
    let ip: IpAddr = match main.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Ipv4Addr::LOCALHOST.into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, main.port()))
}

/// Whether the machine has no such address, so that no program can listen there.
fn has_no_such_address(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

const ATTEMPTS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[tokio::test]
    async fn attack_a_program_at_the_other_loopback_address_is_noticed() {
        let free = Listeners::bind(ANY).await.unwrap();
        assert!(free.shared_name.is_none());
        let Some(twin) = &free.twin else {
            // This machine has one loopback address, so no program can listen at another.
            assert!(TcpListener::bind("[::1]:0").await.is_err());
            return;
        };
        let address = free.main.local_addr().unwrap();
        assert_eq!(twin.local_addr().unwrap(), other(address).unwrap());
        assert_eq!(
            TcpListener::bind(other(address).unwrap()).await.unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
        // Another program was first.
        let other_program = TcpListener::bind("[::1]:0").await.unwrap();
        let port = other_program.local_addr().unwrap().port();
        let Ok(bound) = Listeners::bind(SocketAddr::new(ANY.ip(), port)).await else { return };
        assert!(bound.twin.is_none());
        let why = bound.shared_name.unwrap();
        assert!(why.contains(&format!("another program may answer at [::1]:{port}")), "{why}");
    }

    #[tokio::test]
    async fn an_address_that_browsers_do_not_look_at_has_no_console() {
        let bound = Listeners::bind("127.0.0.9:0".parse().unwrap()).await.unwrap();
        assert!(bound.shared_name.unwrap().contains("the server listens at 127.0.0.9"));
    }
}
