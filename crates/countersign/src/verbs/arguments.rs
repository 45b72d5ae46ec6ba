//! Arguments that several verbs have.
//!
//! Invariant: a verb takes the same thing under the same name and with the same default as every other one.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::home::{Home, Profile};

/// Where the installation is.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The server's data directory.
    #[arg(long, env = "COUNTERSIGN_DATA")]
    pub data: Option<PathBuf>,
}

impl Place {
    /// The directory given, else that of the person's profile, else the default one; it must be there.
    pub fn home(&self) -> Result<Home, Failure> {
        let home = self.named()?;
        home.exists()?;
        Ok(home)
    }

    /// The same, whether it is there or not: a person who only signs may work on another machine.
    pub fn named(&self) -> Result<Home, Failure> {
        match &self.data {
            Some(dir) => Home::new(Some(dir)),
            None => Home::new(Profile::find()?.map(|profile| profile.data).as_deref()),
        }
    }
}

/// Arguments that `up` gives to the roles that it starts.
#[derive(Debug, Args)]
pub struct Child {
    /// End when the process with this id does.
    #[arg(long, hide = true)]
    pub with_parent: Option<u32>,
}

/// Arguments of a role other than the server.
#[derive(Debug, Args)]
pub struct RoleArguments {
    /// The role's own directory.
    #[arg(long, required = true)]
    pub data: Option<PathBuf>,
    /// URL of the server, letter by letter as it prints it when it starts.
    #[arg(long, required = true)]
    pub server: Option<String>,
    #[command(flatten)]
    pub child: Child,
}

/// Words that a person signs: an empty reason is invalid.
pub fn words(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("it is empty; say why, or leave it out".into()) } else { Ok(text.to_owned()) }
}
