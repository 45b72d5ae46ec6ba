//! Arguments of the listener for other machines.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use client::authority_files;
use client::clock::now;
use client::home::Home;
use evidence::Id;

use super::address;
use crate::failure::Failure;

/// The listener for other machines.
#[derive(Clone, Debug, Args)]
pub struct TlsArguments {
    /// Address to listen on for other machines, over TLS 1.3, such as 0.0.0.0:8443; default: only this machine is answered.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    tls: Option<SocketAddr>,
    /// URL by which other machines reach that listener, such as https://server.example:8443; may be given several times; default: the address of --tls, if it names one host.
    #[arg(long = "address", value_name = "URL", requires = "tls")]
    addresses: Vec<server::Address>,
    /// PEM file of a certificate from elsewhere, with its chain; it is read again when it changes; default: the installation's own authority issues certificates of a day.
    #[arg(long, value_name = "FILE", requires_all = ["tls", "certificate_key"])]
    certificate: Option<PathBuf>,
    /// PEM file of the private key of --certificate.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
}

impl TlsArguments {
    /// The listener that they ask for; its authority is made if it is missing.
    pub fn listener(&self, home: &Home, installation: Id) -> Result<Option<server::TlsListen>, Failure> {
        let Some(listen) = self.tls else { return Ok(None) };
        let addresses = self.addresses.clone();
        let files = self.certificate.clone().zip(self.certificate_key.clone());
        let files = files.map(|(chain, key)| server::CertificateFiles { chain, key });
        let authority = authority_files::take_up(&home.keys(), installation, now()?)?;
        Ok(Some(server::TlsListen { listen, addresses, authority, files }))
    }

    /// The same as arguments of `countersign server`.
    pub fn arguments(&self) -> Result<Vec<String>, Failure> {
        let mut arguments = Vec::new();
        let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        if let Some(listen) = self.tls {
            add("--tls", listen.to_string());
        }
        for address in &self.addresses {
            add("--address", address.url().to_owned());
        }
        for (name, file) in
            [("--certificate", &self.certificate), ("--certificate-key", &self.certificate_key)]
        {
            if let Some(file) = file {
                add(name, std::path::absolute(file)?.display().to_string());
            }
        }
        Ok(arguments)
    }
}
