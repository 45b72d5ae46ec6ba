//! Images as a test makes them: tars byte by byte, and layouts of them.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "each test file uses a part")]

pub mod registry;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use evidence::Digest;
use image::{Bounds, Store};
use serde_json::{Value, json};

/// An entry of a tar: path, type flag, mode, content, target of a link.
#[derive(Clone, Debug)]
pub struct Item {
    pub path: String,
    pub flag: u8,
    pub mode: u32,
    pub content: Vec<u8>,
    pub target: String,
}

pub fn file(path: &str, content: &str) -> Item {
    item(path, b'0', 0o644, content, "")
}

pub fn program(path: &str, content: &[u8]) -> Item {
    Item { content: content.to_vec(), ..item(path, b'0', 0o755, "", "") }
}

pub fn dir(path: &str) -> Item {
    item(path, b'5', 0o755, "", "")
}

pub fn link(path: &str, target: &str) -> Item {
    item(path, b'2', 0o777, "", target)
}

pub fn hard_link(path: &str, target: &str) -> Item {
    item(path, b'1', 0o644, "", target)
}

pub fn item(path: &str, flag: u8, mode: u32, content: &str, target: &str) -> Item {
    let (path, target) = (path.to_owned(), target.to_owned());
    Item { path, flag, mode, content: content.as_bytes().to_vec(), target }
}

/// Programs of this machine at their own paths, with the libraries that they need.
pub fn programs(names: &[&str]) -> Vec<Item> {
    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    for name in names {
        let path = Path::new("/bin").join(name);
        let said = Command::new("ldd").arg(&path).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        paths.extend(said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from));
        paths.insert(path);
    }
    let item =
        |path: PathBuf| program(path.to_str().unwrap().trim_start_matches('/'), &fs::read(&path).unwrap());
    paths.into_iter().map(item).collect()
}

/// A header of ustar with its sum.
pub fn header(item: &Item) -> [u8; 512] {
    let mut block = [0u8; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, item.path.as_bytes());
    put(100, format!("{:07o}\0", item.mode).as_bytes());
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", item.content.len()).as_bytes());
    put(136, format!("{:011o}\0", 1_700_000_000).as_bytes());
    put(148, b"        ");
    put(156, &[item.flag]);
    put(157, item.target.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

pub fn tar(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for item in items {
        bytes.extend(header(item));
        bytes.extend(&item.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.extend([0; 1024]);
    bytes
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut made = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    made.write_all(bytes).unwrap();
    made.finish().unwrap()
}

/// A layout that is being made.
pub struct Layout {
    pub dir: tempfile::TempDir,
    pub manifest: Value,
    pub config: Value,
}

pub const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
pub const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

impl Layout {
    pub fn of(layers: &[&[Item]]) -> Self {
        Self::of_tars(&layers.iter().map(|items| tar(items)).collect::<Vec<_>>())
    }

    pub fn of_tars(tars: &[Vec<u8>]) -> Self {
        let (os, architecture) = image::platform();
        let config = json!({
            "os": os, "architecture": architecture,
            "config": {"Env": ["PATH=/bin:/usr/bin", "TOOL=one=two", "broken"], "User": "root", "WorkingDir": "/srv"},
            "rootfs": {"type": "layers", "diff_ids": tars.iter().map(|tar| Digest::of(tar)).collect::<Vec<_>>()},
        });
        let dir = tempfile::tempdir().unwrap();
        let mut layout = Self { dir, manifest: Value::Null, config };
        fs::create_dir_all(layout.path().join("blobs/sha256")).unwrap();
        fs::write(layout.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        // The first layer is plain, the others are compressed.
        let layers: Vec<_> = tars
            .iter()
            .enumerate()
            .map(|(at, tar)| {
                let (kind, bytes) = if at == 0 { (TAR, tar.clone()) } else { (GZIP, gzip(tar)) };
                layout.blob(kind, &bytes)
            })
            .collect();
        layout.manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": layers,
        });
        layout
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Adds a blob and returns its descriptor.
    pub fn blob(&self, kind: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        fs::write(self.blob_path(&digest), bytes).unwrap();
        json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    }

    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path().join("blobs/sha256").join(digest.hex())
    }

    /// Adds configuration and manifest as they are now, and names the manifest in the index. Returns its digest.
    pub fn seal(&mut self) -> Digest {
        let config =
            self.blob("application/vnd.oci.image.config.v1+json", self.config.to_string().as_bytes());
        if self.manifest["config"].is_null() {
            self.manifest["config"] = config;
        }
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let descriptor = self.blob(kind, self.manifest.to_string().as_bytes());
        self.name(&descriptor)
    }

    /// Names one descriptor in the index.
    pub fn name(&self, descriptor: &Value) -> Digest {
        let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
        fs::write(self.path().join("index.json"), index.to_string()).unwrap();
        descriptor["digest"].as_str().unwrap().parse().unwrap()
    }

    /// The layout as one tar.
    pub fn archive(&self) -> PathBuf {
        let mut items = Vec::new();
        for name in ["oci-layout", "index.json"] {
            items.push(program(name, &fs::read(self.path().join(name)).unwrap()));
        }
        for blob in fs::read_dir(self.path().join("blobs/sha256")).unwrap() {
            let blob = blob.unwrap();
            let name = format!("./blobs/sha256/{}", blob.file_name().to_str().unwrap());
            items.push(program(&name, &fs::read(blob.path()).unwrap()));
        }
        let path = self.path().join("layout.tar");
        fs::write(&path, tar(&items)).unwrap();
        path
    }
}

/// A store in a private directory.
pub struct Place {
    pub dir: tempfile::TempDir,
    pub store: Store,
}

impl Place {
    pub fn new() -> Self {
        Self::with(Bounds::default())
    }

    pub fn with(bounds: Bounds) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("images"), bounds).unwrap();
        Self { dir, store }
    }

    pub fn images(&self) -> PathBuf {
        self.dir.path().join("images")
    }

    /// Loads a layout and unpacks its image: the root of its tree, or the error.
    pub fn unpacked(&self, layout: &mut Layout) -> Result<PathBuf, String> {
        let digest = layout.seal();
        self.load(layout.path())?;
        self.store.tree(&digest, &|| true).map(|tree| tree.root.clone()).map_err(|error| error.to_string())
    }

    pub fn load(&self, path: &Path) -> Result<Vec<Digest>, String> {
        image::load(&self.store, path, None, &|| true).map_err(|error| error.to_string())
    }
}
