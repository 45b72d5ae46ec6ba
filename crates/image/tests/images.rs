//! Images as tools make them: loaded from directories and tars, unpacked once, removed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use evidence::Digest;
use image::ImageError;
use serde_json::json;
use support::{Item, Layout, Place, dir, file, hard_link, item, link, program};

fn base() -> Vec<Item> {
    vec![
        dir("./"),
        dir("bin/"),
        program("bin/tool", b"#!/bin/sh\n"),
        item("bin/su", b'0', 0o4755, "suid", ""),
        item("shut", b'5', 0o555, "", ""),
        file("shut/inside", "x"),
        link("usr-bin", "/bin"),
        hard_link("bin/other", "bin/tool"),
        item("dev/null", b'3', 0o666, "", ""),
        file("etc/old", "old"),
        file("etc/deep/a", "a"),
        file("etc/deep/b", "b"),
    ]
}

#[test]
fn an_image_is_loaded_from_a_directory_or_a_tar_and_unpacked_once() {
    let mut layout = Layout::of(&[&base(), &[file("etc/new", "new")]]);
    let digest = layout.seal();
    for path in [layout.path().to_path_buf(), layout.archive()] {
        let place = Place::new();
        assert_eq!(place.load(&path).unwrap(), [digest]);
        let held = place.store.list().unwrap();
        assert_eq!((held.len(), held[0].image, held[0].unpacked), (1, digest, false));
        let tree = place.store.tree(&digest, &|| true).unwrap();
        let variables = [("PATH", "/bin:/usr/bin"), ("TOOL", "one=two")];
        assert_eq!(tree.environment, variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let at = |name: &str| tree.root.join(name);
        assert_eq!(fs::read_to_string(at("etc/new")).unwrap(), "new");
        let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("bin/tool"), mode("bin/su"), mode("shut")), (0o755, 0o755, 0o755), "no setuid bit");
        assert_eq!(fs::read_link(at("usr-bin")).unwrap().to_str(), Some("/bin"));
        assert_eq!(fs::metadata(at("bin/other")).unwrap().ino(), fs::metadata(at("bin/tool")).unwrap().ino());
        assert!(!at("dev/null").exists(), "no device is made");
        for timed in ["bin/tool", "bin", "etc"] {
            let expected = if timed == "etc" { 0 } else { 1_700_000_000 };
            assert_eq!(fs::metadata(at(timed)).unwrap().mtime(), expected, "{timed}");
        }
        let first = fs::metadata(at("bin/tool")).unwrap().ino();
        let again = place.store.tree(&digest, &|| true).unwrap();
        assert_eq!(fs::metadata(again.root.join("bin/tool")).unwrap().ino(), first, "unpacked once");
    }
}

#[test]
fn whiteouts_hide_what_lower_layers_left() {
    let upper = [
        file("etc/.wh.old", ""),
        file("etc/deep/.wh..wh..opq", ""),
        file("etc/deep/c", "c"),
        file(".wh.missing", ""),
        file("bin/.wh.tool", ""),
        file("bin/tool", "another"),
        file("usr-bin", "a file in place of a link"),
    ];
    let last = [file("etc/deep/d", "d"), file("etc/deep/.wh..wh..opq", ""), file("etc/.wh..wh.plnk", "")];
    let place = Place::new();
    let root = place.unpacked(&mut Layout::of(&[&base(), &upper])).unwrap();
    let all = |dir: &std::path::Path| {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(all(&root.join("etc")), ["deep"]);
    assert_eq!(all(&root.join("etc/deep")), ["c"], "the order in the layer does not matter");
    assert_eq!(fs::read_to_string(root.join("bin/tool")).unwrap(), "another");
    assert!(fs::symlink_metadata(root.join("usr-bin")).unwrap().is_file());
    let root = place.unpacked(&mut Layout::of(&[&base(), &upper, &last])).unwrap();
    assert_eq!(all(&root.join("etc/deep")), ["d"]);
}

#[test]
fn an_index_stands_for_its_image_of_this_platform() {
    let mut layout = Layout::of(&[&base()]);
    let manifest = layout.seal();
    let (os, architecture) = image::platform();
    let size = fs::metadata(layout.blob_path(&manifest)).unwrap().len();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let ours = json!({"mediaType": kind, "digest": manifest, "size": size,
        "platform": {"os": os, "architecture": architecture}});
    let theirs = json!({"mediaType": kind, "digest": Digest::of(b"x"), "size": 1,
        "platform": {"os": "unknown", "architecture": "unknown"}});
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [theirs, ours]});
    let descriptor = layout.blob("application/vnd.oci.image.index.v1+json", index.to_string().as_bytes());
    let digest = layout.name(&descriptor);
    let place = Place::new();
    assert_eq!(place.load(layout.path()).unwrap(), [digest]);
    let by_index = place.store.tree(&digest, &|| true).unwrap().root.clone();
    assert_eq!(place.store.tree(&manifest, &|| true).unwrap().root, by_index);
    place.store.remove(&manifest, &|| true).unwrap();
    assert_eq!(place.store.list().unwrap(), [], "both names are gone");
}

#[test]
fn images_that_are_not_used_can_be_removed() {
    let place = Place::new();
    let (mut one, mut two) = (Layout::of(&[&base()]), Layout::of(&[&base(), &[file("more", "")]]));
    let (one, two) =
        (place.unpacked(&mut one).map(|_| one.seal()), place.unpacked(&mut two).map(|_| two.seal()));
    let (one, two) = (one.unwrap(), two.unwrap());
    let used = place.store.tree(&two, &|| true).unwrap();
    let busy = place.store.remove(&two, &|| true).unwrap_err().to_string();
    assert!(busy.contains("a step runs in image"), "{busy}");
    place.store.remove(&one, &|| true).unwrap();
    assert!(matches!(place.store.tree(&one, &|| true), Err(ImageError::Missing(_))));
    // The layer that both have is still there.
    assert!(used.root.join("bin/tool").exists());
    drop(used);
    fs::remove_dir_all(place.images().join("trees")).unwrap();
    assert!(place.store.tree(&two, &|| true).is_ok());
    place.store.remove(&two, &|| true).unwrap();
    assert_eq!(fs::read_dir(place.images().join("blobs/sha256")).unwrap().count(), 0);
}

#[test]
fn what_a_crash_left_is_never_used() {
    let mut layout = Layout::of(&[&base()]);
    let digest = layout.seal();
    let place = Place::new();
    let trees = place.images().join("trees");
    fs::write(place.images().join("blobs/sha256/remains.new"), "x").unwrap();
    place.load(layout.path()).unwrap();
    assert!(!place.images().join("blobs/sha256/remains.new").exists());
    // The process ended while it unpacked, or while it removed.
    for half in [trees.join(format!("{}.new", digest.hex())), trees.join(digest.hex())] {
        fs::create_dir_all(half.join("root/bin")).unwrap();
        fs::write(half.join("root/bin/evil"), "x").unwrap();
    }
    let tree = place.store.tree(&digest, &|| true).unwrap();
    assert!(tree.root.join("bin/tool").exists() && !tree.root.join("bin/evil").exists());
    assert_eq!(fs::read_dir(&trees).unwrap().count(), 1);
    // A tree that names another image is unpacked again.
    drop(tree);
    fs::write(trees.join(digest.hex()).join("complete"), Digest::of(b"another").to_string()).unwrap();
    fs::remove_file(trees.join(digest.hex()).join("root/bin/tool")).unwrap();
    assert!(place.store.tree(&digest, &|| true).unwrap().root.join("bin/tool").exists());
    let unwanted = Place::new();
    let refused = image::load(&unwanted.store, layout.path(), None, &|| false).unwrap_err().to_string();
    assert!(refused.contains("no longer wanted"), "{refused}");
    assert_eq!(unwanted.store.list().unwrap(), []);
}
