//! The configuration of an image (<https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md>).
//!
//! Invariant: fields that are not known are passed over, because builders add their own; a known one of another form or in another
//! spelling is an error.

use std::collections::BTreeMap;

use evidence::Digest;
use serde::{Deserialize, Deserializer};

use super::fault::ImageFault;
use super::spelling;

/// The configuration.
#[derive(Debug, Deserialize)]
pub struct Config {
    /// Time at which it was made, as the builder says.
    pub created: Option<String>,
    /// Operating system.
    #[serde(default)]
    pub os: String,
    /// Processor.
    #[serde(default)]
    pub architecture: String,
    config: Option<Execution>,
    rootfs: RootFs,
    history: Option<Vec<History>>,
    #[serde(flatten, deserialize_with = "of_config")]
    _others: (),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Execution {
    user: Option<String>,
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    #[serde(flatten, deserialize_with = "of_execution")]
    _others: (),
}

#[derive(Debug, Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
    #[serde(flatten, deserialize_with = "of_root")]
    _others: (),
}

/// A step that made the image.
#[derive(Debug, Deserialize)]
pub struct History {
    /// The command.
    pub created_by: Option<String>,
    /// Whether it made no layer.
    #[serde(default)]
    pub empty_layer: bool,
    #[serde(flatten, deserialize_with = "of_history")]
    _others: (),
}

impl Config {
    /// Reads the bytes of a configuration.
    ///
    /// # Errors
    /// `ImageFault` if it is unsound, or speaks of another number of layers.
    pub fn read(name: &str, bytes: &[u8], layers: usize) -> Result<Self, ImageFault> {
        let wrong = |why: String| ImageFault::document(name, why);
        let config: Self = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("it is no configuration of an image: {error}")))?;
        let count = config.rootfs.diff_ids.len();
        if count != layers {
            return Err(wrong(format!("it has {count} layers, and the manifest {layers}")));
        }
        if count > LAYERS_MAX {
            return Err(ImageFault::Bound { limit: LAYERS_MAX as u64, what: "layers" });
        }
        Ok(config)
    }

    /// Digests of the layers without their compression.
    #[must_use]
    pub fn diff_ids(&self) -> &[Digest] {
        &self.rootfs.diff_ids
    }

    /// The account that programs run as; empty if the image says none, which means root.
    #[must_use]
    pub fn user(&self) -> &str {
        self.config.as_ref().and_then(|config| config.user.as_deref()).unwrap_or_default()
    }

    /// Variables, each as `NAME=VALUE`.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.config.iter().flat_map(|config| config.env.iter().flatten());
        all.map(|text| text.split_once('=').unwrap_or((text, "")))
    }

    /// Labels.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.config.iter().flat_map(|config| config.labels.iter().flatten());
        all.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The program that is run, and its arguments.
    pub fn program(&self) -> impl Iterator<Item = &str> {
        let all = self.config.iter().flat_map(|config| config.entrypoint.iter().chain(&config.cmd).flatten());
        all.map(String::as_str)
    }

    /// Steps that made it, the first one first.
    #[must_use]
    pub fn history(&self) -> &[History] {
        self.history.as_deref().unwrap_or_default()
    }
}

/// Keys of a configuration that are not read.
fn of_config<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    spelling::other(from, &["created", "os", "architecture", "config", "rootfs", "history"])
}

/// Keys of the part about running it that are not read.
fn of_execution<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    spelling::other(from, &["User", "Env", "Entrypoint", "Cmd", "Labels"])
}

/// Keys of the part about its layers that are not read.
fn of_root<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    spelling::other(from, &["diff_ids"])
}

/// Keys of a step that are not read.
fn of_history<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    spelling::other(from, &["created_by", "empty_layer"])
}

/// Most layers that are read: as many as runtimes mount.
const LAYERS_MAX: usize = 127;
