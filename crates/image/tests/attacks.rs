//! Images that somebody changed: each one is good until then, is refused with the reason, and changes nothing outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::fs;
use std::os::unix::fs::FileExt as _;

use evidence::Digest;
use image::Bounds;
use serde_json::{Value, json};
use support::{GZIP, Item, Layout, Place, dir, file, gzip, hard_link, item, link, tar};

fn base() -> Vec<Item> {
    vec![dir("bin/"), file("bin/tool", "tool"), link("way", "bin"), file("plain", "plain")]
}

/// Unpacks the good image with one more layer; a file beside the tree must stay as it is.
fn with(extra: &[Item]) -> Result<(), String> {
    with_tar(tar(extra))
}

fn with_tar(layer: Vec<u8>) -> Result<(), String> {
    let place = Place::new();
    let outside = place.images().join("trees/outside");
    fs::write(&outside, "as it was").unwrap();
    let done = place.unpacked(&mut Layout::of_tars(&[tar(&base()), layer]));
    assert_eq!(fs::read_to_string(&outside).unwrap(), "as it was");
    assert_eq!(fs::metadata(&outside).map(|meta| std::os::unix::fs::MetadataExt::nlink(&meta)).unwrap(), 1);
    if done.is_err() {
        let left = fs::read_dir(place.images().join("trees")).unwrap().count();
        assert_eq!(left, 1, "nothing is left of what was refused");
    }
    done.map(drop)
}

/// What the refusal of an image says.
fn refused(extra: &[Item]) -> String {
    with(extra).unwrap_err()
}

#[test]
fn attack_a_layer_writes_outside_of_its_tree() {
    assert_eq!(with(&[file("more", "x"), link("absolute", "/etc"), hard_link("again", "bin/tool")]), Ok(()));
    for (name, extra, expected) in [
        ("parent", vec![file("../outside", "x")], "has `..` in its path"),
        ("parents", vec![file("bin/../../outside", "x")], "has `..` in its path"),
        ("absolute", vec![file("/etc/outside", "x")], "has an absolute path"),
        ("through a link", vec![link("a", "/etc"), file("a/outside", "x")], "a part of its path is a link"),
        ("through two", vec![link("a", "../.."), link("b", "a"), file("b/outside", "x")], "is a link"),
        ("through an older link", vec![file("way/tool", "x")], "a part of its path is a link"),
        (
            "a directory through a link",
            vec![link("a", "../../.."), dir("a/b")],
            "a part of its path is a link",
        ),
        ("below a file", vec![file("plain/x", "x")], "a part of its path is no directory"),
        ("hard link outside", vec![hard_link("a", "../../outside")], "target has `..` in its path"),
        ("hard link absolute", vec![hard_link("a", "/etc/passwd")], "target has an absolute path"),
        (
            "hard link through a link",
            vec![link("a", "../../../"), hard_link("b", "a/outside")],
            "is a hard link to what cannot be used: a part of its path is a link",
        ),
        ("hard link to nothing", vec![hard_link("a", "missing")], "is a hard link to what cannot be used"),
        ("hard link to a directory", vec![hard_link("a", "bin")], "is a hard link to what cannot be used"),
        ("whiteout above", vec![file(".wh...", "")], "hides no name of its directory"),
        ("whiteout of itself", vec![file("bin/.wh..", "")], "hides no name of its directory"),
        ("whiteout in a parent", vec![file("../.wh.outside", "")], "has `..` in its path"),
        ("whiteout through a link", vec![link("a", "../../.."), file("a/.wh.outside", "")], "is a link"),
        ("opaque through a link", vec![link("a", "../../.."), file("a/.wh..wh..opq", "")], "is a link"),
        ("link to nothing", vec![link("a", "")], "is a link to nothing"),
        ("root as a file", vec![file("./", "x")], "is the root, and no directory"),
        ("deep", vec![file(&"a/".repeat(40).replace('a', "b"), "x"), dir(&"c/".repeat(49))], ""),
    ] {
        if expected.is_empty() {
            assert_eq!(with(&extra), Ok(()), "{name}");
            continue;
        }
        let said = refused(&extra);
        assert!(said.contains(expected), "{name}: {said}");
    }
}

#[test]
fn attack_a_link_under_a_path_is_replaced_and_never_followed() {
    // The file takes the link's place, and what the link leads to stays.
    assert_eq!(with(&[link("a", "../../outside"), file("a", "x")]), Ok(()));
    assert_eq!(with(&[link("a", "../.."), dir("a"), file("a/outside", "x")]), Ok(()));
    assert_eq!(with(&[link("a", "../../outside"), file(".wh.a", "")]), Ok(()));
}

/// A GNU header with the name of the next entry, or of its target.
fn long(flag: u8, text: &str) -> Item {
    item("././@LongLink", flag, 0o644, text, "")
}

/// A pax header with one field of the next entry.
fn pax(key: &str, value: &str) -> Item {
    let length = (key.len() + value.len() + 4..)
        .find(|length| length.to_string().len() + key.len() + value.len() + 3 == *length);
    item("pax", b'x', 0o644, &format!("{} {key}={value}\n", length.unwrap()), "")
}

#[test]
fn attack_long_names_hide_a_path() {
    assert_eq!(with(&[long(b'L', "fine\0"), file("short", "x")]), Ok(()));
    assert_eq!(with(&[pax("path", "fine-name"), file("short", "x")]), Ok(()));
    for (name, extra, expected) in [
        ("GNU", vec![long(b'L', "../outside\0"), file("short", "x")], "has `..`"),
        ("GNU link", vec![long(b'K', "/etc/passwd\0"), hard_link("short", "plain")], "an absolute path"),
        ("pax", vec![pax("path", "/etc/outside"), file("short", "x")], "has an absolute path"),
        ("pax link", vec![pax("linkpath", "../../out"), hard_link("short", "plain")], "has `..`"),
        ("long", vec![long(b'L', &"a/".repeat(3000)), file("short", "x")], "more than 4096 bytes"),
        ("longer", vec![long(b'L', &"a".repeat(70_000)), file("short", "x")], "more than 64 KiB"),
        ("deep", vec![long(b'L', &"a/".repeat(200)), file("short", "x")], "more than 128 directories"),
        ("sparse", vec![item("a", b'S', 0o644, "", "")], "unknown kind, such as a sparse file"),
        ("pax sparse", vec![pax("GNU.sparse.major", "1"), file("a", "x")], "such as a sparse file"),
        (
            "no record",
            vec![item("pax", b'x', 0o644, "99 path=a\n", ""), file("a", "x")],
            "a record that cannot be read",
        ),
        ("many", (0..20).map(|_| long(b'g', "a\0")).collect(), "too many extension headers"),
        ("twice", vec![long(b'L', "a\0"), pax("path", "b"), file("c", "x")], "in two extension headers"),
        ("empty", vec![pax("path", ""), file("c", "x")], "has a name that is empty"),
    ] {
        let said = refused(&extra);
        assert!(said.contains(expected), "{name}: {said}");
    }
}

#[test]
fn attack_an_entry_of_more_bytes_than_any_stream_has() {
    let sized = |size: &str| {
        let length = size.len() + 9;
        let header = item("pax", b'x', 0o644, &format!("{length} size={size}\n"), "");
        with(&[header, file(".wh.plain", "")])
    };
    assert_eq!(sized("0000"), Ok(()));
    let said = sized(&u64::MAX.to_string()).unwrap_err();
    assert!(said.contains("ends within an entry"), "{said}");
}

#[test]
fn attack_a_layer_that_is_no_tar() {
    let good = tar(&[file("a", "content")]);
    assert_eq!(with_tar(good.clone()), Ok(()));
    let change = |change: fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        with_tar(bytes).unwrap_err()
    };
    for (said, expected) in [
        (change(|bytes| bytes[0] = b'b'), "a header whose sum is wrong"),
        (change(|bytes| bytes.truncate(300)), "ends within a header"),
        (change(|bytes| bytes.truncate(515)), "ends within an entry"),
    ] {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn attack_an_image_fills_the_disk() {
    let bounds = Bounds {
        stored_bytes: 1 << 20,
        unpacked_bytes: 1 << 20,
        entries: 1000,
        layers: 2,
        ..Bounds::default()
    };
    let refused = |tars: &[Vec<u8>]| Place::with(bounds).unpacked(&mut Layout::of_tars(tars));
    assert!(refused(&[tar(&base()), tar(&[file("a", &"x".repeat(1 << 18))])]).is_ok());
    let bomb = tar(&[file("zeros", &"0".repeat(64 << 20))]);
    assert!(gzip(&bomb).len() < 1 << 20, "it is small on disk");
    let many: Vec<_> = (0..1001).map(|at| file(&format!("f{at}"), "")).collect();
    for (tars, expected) in [
        (vec![tar(&base()), bomb], "more than 1048576 bytes when it is unpacked"),
        (vec![tar(&[]), tar(&many)], "more than 1000 files"),
        (vec![tar(&base()), tar(&[]), tar(&[])], "more than 2 layers"),
    ] {
        let said = refused(&tars).unwrap_err();
        assert!(said.contains(expected) && said.contains("operator allows (--image-"), "{said}");
    }
    // What a manifest says is refused before a byte is stored.
    let mut layout = Layout::of(&[&base()]);
    layout.manifest["layers"][0]["size"] = json!(u64::MAX);
    let place = Place::with(bounds);
    let said = place.unpacked(&mut layout).unwrap_err();
    assert!(said.contains("more than 1048576 bytes, the most"), "{said}");
    assert_eq!(fs::read_dir(place.images().join("blobs/sha256")).unwrap().count(), 0);
}

/// A path may lead through directories that no entry describes.
#[test]
fn attack_a_few_entries_make_many_directories() {
    let deep = |at: u32| [long(b'L', &format!("{at}/{}x", "d/".repeat(120))), file("x", "")];
    let tried = |count: u32| {
        let place = Place::with(Bounds { entries: 1000, ..Bounds::default() });
        let items: Vec<_> = (0..count).flat_map(deep).collect();
        place.unpacked(&mut Layout::of_tars(&[tar(&items)])).map(drop)
    };
    assert_eq!(tried(8), Ok(()));
    let said = tried(9).unwrap_err();
    assert!(said.contains("more than 1000 files"), "{said}");
}

#[test]
fn attack_an_entry_that_claims_all_bytes() {
    assert_eq!(with(&[pax("size", "0"), file(".wh.plain", "")]), Ok(()));
    for size in [1 << 40, u64::MAX - 600, u64::MAX] {
        for name in [".wh.plain", "plain"] {
            let said = refused(&[pax("size", &size.to_string()), file(name, "")]);
            assert!(said.contains("ends within an entry"), "{size}: {said}");
        }
    }
}

#[test]
fn attack_a_million_entries() {
    let place = Place::with(Bounds { entries: 100_000, ..Bounds::default() });
    let mut one = Vec::new();
    for _ in 0..1000 {
        one.extend(support::header(&dir("a")));
    }
    // One directory again and again, in members of gzip.
    let stream = one.repeat(1000);
    let layout = Layout::of_tars(&[tar(&base()), Vec::new()]);
    let blob = layout.blob(GZIP, &gzip(&one).repeat(1000));
    let mut layout = layout;
    layout.manifest["layers"][1] = blob;
    layout.config["rootfs"]["diff_ids"][1] = json!(Digest::of(&stream));
    let said = place.unpacked(&mut layout).unwrap_err();
    assert!(said.contains("more than 100000 files"), "{said}");
}

#[test]
fn attack_long_paths_fill_the_memory() {
    let bounds = Bounds { entries: 100, ..Bounds::default() };
    let unpacked =
        |items: &[Item]| Place::with(bounds).unpacked(&mut Layout::of(&[&base(), items])).map(drop);
    let far = |at: usize| {
        let path = format!("{}{at}\0", format!("{}/", "a".repeat(200)).repeat(10));
        [long(b'L', &path), file("short", "x")]
    };
    // Ten directories that no entry describes count as ten.
    assert_eq!(unpacked(&far(0)), Ok(()));
    let many: Vec<_> = (0..20).flat_map(far).collect();
    let said = unpacked(&many).unwrap_err();
    assert!(said.contains("more than 25600 bytes of paths, 256 for each file"), "{said}");
    assert!(said.contains("(--image-entries)"), "{said}");
}

#[test]
fn attack_a_blob_with_other_bytes_than_its_digest() {
    let mut layout = Layout::of(&[&base(), &[file("more", "x")]]);
    let digest = layout.seal();
    assert!(Place::new().unpacked(&mut layout).is_ok());
    let blobs = [
        layout.manifest["layers"][0]["digest"].clone(),
        layout.manifest["layers"][1]["digest"].clone(),
        layout.manifest["config"]["digest"].clone(),
        json!(digest),
    ];
    for blob in blobs {
        let of: Digest = blob.as_str().unwrap().parse().unwrap();
        let path = layout.blob_path(&of);
        let bytes = fs::read(&path).unwrap();
        let place = Place::new();
        // Changed before it is stored, shorter, longer.
        let mut other = bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        for changed in [other.clone(), bytes[..bytes.len() - 1].to_vec(), [&bytes[..], b"x"].concat()] {
            fs::write(&path, &changed).unwrap();
            let said = place.load(layout.path()).unwrap_err();
            let expected = if changed.len() == bytes.len() {
                "its bytes have the digest"
            } else {
                "its descriptor says"
            };
            assert!(said.contains(expected) && said.contains(&of.to_string()), "{said}");
            assert_eq!(place.store.list().unwrap(), []);
        }
        fs::write(&path, &bytes).unwrap();
        // Changed after it was stored.
        place.load(layout.path()).unwrap();
        fs::write(place.images().join("blobs/sha256").join(of.hex()), &other).unwrap();
        let said = place.store.tree(&digest, &|| true).unwrap_err().to_string();
        assert!(said.contains("its bytes have the digest"), "{said}");
        place.load(layout.path()).unwrap();
        place.store.tree(&digest, &|| true).unwrap();
    }
}

#[test]
fn attack_a_layout_that_leads_elsewhere() {
    let mut layout = Layout::of(&[&base()]);
    let digest = layout.seal();
    assert!(Place::new().load(layout.path()).is_ok());
    let path = layout.blob_path(&digest);
    fs::rename(&path, layout.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(layout.path().join("elsewhere"), &path).unwrap();
    let said = Place::new().load(layout.path()).unwrap_err();
    assert!(said.contains("cannot open"), "a link is not followed: {said}");
    fs::remove_file(&path).unwrap();
    assert!(Place::new().load(layout.path()).unwrap_err().contains("cannot open"));
    fs::rename(layout.path().join("elsewhere"), &path).unwrap();
    let archive = layout.archive();
    assert!(Place::new().load(&archive).is_ok());
    let changed = fs::File::options().write(true).open(&archive).unwrap();
    changed.write_all_at(b"index.jsox", 1024).unwrap();
    let said = Place::new().load(&archive).unwrap_err();
    assert!(
        said.contains("a header whose sum is wrong") || said.contains("it has no `index.json`"),
        "{said}"
    );
}

/// A change of a manifest's or configuration's fields.
type Change = fn(&mut Layout);

#[test]
fn attack_documents_that_say_something_else() {
    let change = |change: Change| {
        let mut layout = Layout::of(&[&base(), &[file("more", "x")]]);
        change(&mut layout);
        Place::new().unpacked(&mut layout).map(drop)
    };
    assert_eq!(change(|_| {}), Ok(()));
    let rows: [(Change, &str); 11] = [
        (|it| it.manifest["schemaVersion"] = json!(1), "`schemaVersion` is not 2"),
        (|it| it.manifest["manifests"] = json!([]), "nobody can say which of both it is"),
        (
            |it| it.manifest["mediaType"] = json!("application/vnd.oci.image.index.v1+json"),
            "is not that of an image",
        ),
        (
            |it| it.manifest["layers"][1]["mediaType"] = json!(format!("{}+zstd", support::TAR)),
            "push the image with gzip",
        ),
        (|it| it.manifest["layers"][1]["mediaType"] = json!("text/plain"), "which is no layer's"),
        (|it| it.manifest["layers"][0]["digest"] = json!("md5:00"), "is not a digest"),
        (|it| it.config["architecture"] = json!("sparc"), "the image is for `linux/sparc`"),
        (|it| it.config["rootfs"]["diff_ids"] = json!([]), "another number of layers"),
        (|it| it.config["rootfs"]["diff_ids"][1] = json!(Digest::of(b"x")), "its bytes have the digest"),
        (|it| it.manifest["layers"][0]["size"] = json!(1), "its descriptor says 1 bytes"),
        (
            |it| {
                it.manifest["config"] = json!({"mediaType": "x", "digest": Digest::of(b"x"), "size": 5 << 20})
            },
            "cannot open",
        ),
    ];
    for (row, expected) in rows {
        let said = change(row).unwrap_err();
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn attack_an_index_of_several_images() {
    let mut layout = Layout::of(&[&base()]);
    let manifest = layout.seal();
    let size = fs::metadata(layout.blob_path(&manifest)).unwrap().len();
    let (os, architecture) = image::platform();
    let entry = |architecture: &str| {
        let kind = "application/vnd.oci.image.manifest.v1+json";
        json!({"mediaType": kind, "digest": manifest, "size": size, "platform": {"os": os, "architecture": architecture}})
    };
    let index = |entries: Vec<Value>| {
        let kind = "application/vnd.oci.image.index.v1+json";
        let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": entries});
        layout.name(&layout.blob(kind, index.to_string().as_bytes()));
        Place::new().load(layout.path())
    };
    assert!(index(vec![entry(architecture), entry("s390x")]).is_ok());
    let nested = {
        let mut nested = entry(architecture);
        nested["mediaType"] = json!("application/vnd.oci.image.index.v1+json");
        nested
    };
    for (entries, expected) in [
        (vec![entry(architecture), entry(architecture)], "has several images for"),
        (vec![entry("s390x")], "has no image for"),
        (vec![], "has no image for"),
        (vec![nested], "is not an image"),
    ] {
        let said = index(entries).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}
