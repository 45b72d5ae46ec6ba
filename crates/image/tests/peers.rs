//! The registry that Debian packages (`docker-registry`, the CNCF's distribution) gives images to this program.
//!
//! It comes with `cargo x setup --peers`; without it this test says that it was skipped, and with `cargo x test --peers` a
//! missing one fails.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::Digest;
use image::Registry;
use support::{Layout, Place, file, program};

/// The registry's program, if it was downloaded.
fn peer() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin/docker-registry");
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("COUNTERSIGN_PEERS").is_none(),
        "docker-registry is missing: cargo x setup --peers"
    );
    println!("skipped: docker-registry is not here; `cargo x test --peers` fetches it");
    None
}

struct Running {
    child: Child,
    host: String,
    dir: tempfile::TempDir,
}

impl Running {
    fn start(program: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (storage, people) = (dir.path().join("storage"), dir.path().join("people"));
        fs::write(&people, format!("ada:{BCRYPT}\n")).unwrap();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             auth: {{htpasswd: {{realm: here, path: {}}}}}\nhttp: {{addr: '{host}'}}\n",
            storage.display(),
            people.display()
        );
        fs::write(dir.path().join("config.yml"), config).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(dir.path().join("config.yml")).stdin(Stdio::null()).stderr(Stdio::null());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        while TcpStream::connect(&host).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "the registry has ended");
        }
        Self { child, host, dir }
    }

    /// The answer to a request: status, and the header `Location`.
    fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let (host, auth) = (&self.host, STANDARD.encode("ada:secret"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {auth}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        let said = String::from_utf8_lossy(&said).into_owned();
        let location = said.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap_or_default();
        (said.split(' ').nth(1).unwrap().parse().unwrap(), location.to_owned())
    }

    /// Pushes all blobs of a layout, and its image.
    fn push(&self, layout: &Layout, image: Digest) {
        for blob in fs::read_dir(layout.path().join("blobs/sha256")).unwrap() {
            let bytes = fs::read(blob.unwrap().path()).unwrap();
            let (status, to) = self.ask("POST", "/v2/team/tools/blobs/uploads/", "x/y", b"");
            assert_eq!(status, 202);
            let to = to.strip_prefix(&format!("http://{}", self.host)).unwrap_or(&to).to_owned();
            let to = format!("{to}{}digest={}", if to.contains('?') { '&' } else { '?' }, Digest::of(&bytes));
            assert_eq!(self.ask("PUT", &to, "application/octet-stream", &bytes).0, 201);
        }
        let manifest = fs::read(layout.blob_path(&image)).unwrap();
        let kind = "application/vnd.oci.image.manifest.v1+json";
        assert_eq!(self.ask("PUT", &format!("/v2/team/tools/manifests/{image}"), kind, &manifest).0, 201);
    }

    fn pull(&self, place: &Place, image: Digest, password: &str) -> Result<(), String> {
        let auth = Some(STANDARD.encode(format!("ada:{password}")));
        let registry = Registry { auth, plain_http: true };
        let from = (self.host.as_str(), "team/tools");
        image::pull(&place.store, from, image, (&registry, false), &|| true)
            .map_err(|error| error.to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

#[test]
fn the_packaged_registry_gives_an_image() {
    let Some(program_file) = peer() else { return };
    let registry = Running::start(&program_file);
    let mut layout = Layout::of(&[&[program("bin/tool", b"tool")], &[file("etc/more", "more")]]);
    let digest = layout.seal();
    registry.push(&layout, digest);
    let place = Place::new();
    assert_eq!(registry.pull(&place, digest, "secret"), Ok(()));
    let tree = place.store.tree(&digest, &|| true).unwrap();
    assert_eq!(fs::read_to_string(tree.root.join("etc/more")).unwrap(), "more");
    let refused = registry.pull(&Place::new(), digest, "guessed").unwrap_err();
    assert!(refused.contains("does not let this runner read"), "{refused}");
    let refused = registry.pull(&Place::new(), Digest::of(b"another"), "secret").unwrap_err();
    assert!(refused.contains("it has no manifests"), "{refused}");
    // Somebody changes a layer where the registry keeps it.
    let layer: Digest = layout.manifest["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
    let blobs = registry.dir.path().join("storage/docker/registry/v2/blobs/sha256");
    let stored = blobs.join(&layer.hex()[..2]).join(layer.hex()).join("data");
    let mut bytes = fs::read(&stored).unwrap();
    bytes[600] ^= 1;
    fs::write(&stored, bytes).unwrap();
    let refused = registry.pull(&Place::new(), digest, "secret").unwrap_err();
    assert!(refused.contains("its bytes have the digest"), "{refused}");
}

/// `secret` as the registry stores it.
const BCRYPT: &str = "$2b$05$qSVHAJVOL2pyFSo0uNNR8ufUOALO7jR886/XuP0DNisbM/04qaD.O";
