//! Room for all images together: what makes room, what stays, and images that were damaged on disk.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::fs;

use evidence::Digest;
use image::{Bounds, Registry};
use support::registry::TestRegistry;
use support::{Layout, Place, file};

/// An image of some 300 KiB, stored and unpacked.
fn layout(name: &str) -> (Layout, Digest) {
    let mut layout = Layout::of(&[&[file(name, &name.repeat(150_000))]]);
    let digest = layout.seal();
    (layout, digest)
}

fn place() -> Place {
    Place::with(Bounds { all_bytes: 1 << 20, ..Bounds::default() })
}

fn pulled(place: &Place, (layout, digest): &(Layout, Digest), by_step: bool) -> Result<(), String> {
    let registry = TestRegistry::start(layout.path(), |asked, answer| {
        if answer.status == 401 && asked.path.starts_with("/v2/") {
            return support::registry::Answer::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\"");
        }
        answer
    });
    let auth = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, support::registry::PERSON);
    let known = Registry { auth: Some(auth), plain_http: true };
    let from = (registry.host.as_str(), "team/tools");
    image::pull(&place.store, from, *digest, (&known, by_step), &|| true)
        .map_err(|error| error.to_string())?;
    place.store.tree(digest, &|| true).map(drop).map_err(|error| error.to_string())
}

fn held(place: &Place) -> Vec<Digest> {
    place.store.list().unwrap().into_iter().map(|held| held.image).collect()
}

#[test]
fn images_that_steps_have_pulled_make_room() {
    let place = place();
    let images = ["a", "b", "c", "d", "e"].map(layout);
    let [a, b, c, d, e] = &images;
    for (image, by_step) in [(a, true), (b, false), (c, true)] {
        assert_eq!(pulled(&place, image, by_step), Ok(()));
    }
    // The first one was used last.
    let all = held(&place);
    assert_eq!(all.len(), 3);
    let used = place.store.tree(&a.1, &|| true).unwrap();
    assert_eq!(pulled(&place, d, true), Ok(()));
    let left = held(&place);
    assert!(
        left.contains(&a.1) && left.contains(&b.1) && left.contains(&d.1) && !left.contains(&c.1),
        "{left:?}"
    );
    assert_eq!(fs::read_dir(place.images().join("trees")).unwrap().count(), 3);
    assert_eq!(pulled(&place, e, true), Ok(()));
    let left = held(&place);
    assert!(left.contains(&a.1) && left.contains(&b.1), "one is in use, and one is the operator's: {left:?}");
    drop(used);
}

#[test]
fn attack_images_fill_the_disk_together() {
    let place = place();
    let images = ["a", "b", "c", "d"].map(layout);
    for image in &images[..3] {
        assert_eq!(pulled(&place, image, false), Ok(()));
    }
    let said = pulled(&place, &images[3], true).unwrap_err();
    assert!(
        said.contains("more than 1048576 bytes with all others") && said.contains("(--images-mib)"),
        "{said}"
    );
    assert_eq!(held(&place).len(), 3, "what the operator has chosen stays");
    let said = place.load(images[3].0.path()).unwrap_err();
    assert!(said.contains("(--images-mib)"), "{said}");
    place.store.remove(&images[0].1, &|| true).unwrap();
    assert_eq!(pulled(&place, &images[3], true), Ok(()));
}

#[test]
fn a_damaged_image_is_got_again_or_removed() {
    let place = Place::new();
    let (one, two) = (layout("a"), layout("b"));
    place.load(one.0.path()).unwrap();
    let blob = place.images().join("blobs/sha256").join(one.1.hex());
    fs::write(&blob, "damaged").unwrap();
    assert!(place.store.tree(&one.1, &|| true).is_err());
    assert_eq!(held(&place), [one.1]);
    place.load(one.0.path()).unwrap();
    assert!(place.store.tree(&one.1, &|| true).is_ok());
    fs::write(&blob, "damaged").unwrap();
    place.load(two.0.path()).unwrap();
    assert_eq!(held(&place), [two.1], "another image is not kept from coming");
    fs::remove_file(place.images().join("blobs/sha256").join(two.1.hex())).unwrap();
    place.store.remove(&two.1, &|| true).unwrap();
    assert_eq!(held(&place), []);
}

#[test]
fn what_is_stored_is_listed_used_and_removed_whatever_the_bounds() {
    let place = Place::new();
    let mut layout = Layout::of(&[&[file("a", "x")], &[file("b", "x")], &[file("c", "x")]]);
    let digest = layout.seal();
    place.load(layout.path()).unwrap();
    drop(place.store.tree(&digest, &|| true).unwrap());
    let lower = image::Store::open(&place.images(), Bounds { layers: 2, ..Bounds::default() }).unwrap();
    let listed = lower.list().unwrap();
    assert_eq!(listed, place.store.list().unwrap());
    assert!(listed[0].unpacked, "{listed:?}");
    let lower = Place { dir: place.dir, store: lower };
    // Another image comes, and the first one stays.
    lower.load(self::layout("another").0.path()).unwrap();
    drop(lower.store.tree(&digest, &|| true).unwrap());
    lower.store.remove(&digest, &|| true).unwrap();
    assert!(!held(&lower).contains(&digest));
    assert_eq!(fs::read_dir(lower.images().join("trees")).unwrap().count(), 0);
    assert!(
        lower.load(layout.path()).unwrap_err().contains("more than 2 layers"),
        "bounds are for what comes"
    );
}

#[test]
fn attack_images_fill_the_index() {
    let place = place();
    let (one, two) = (layout("a"), layout("b"));
    place.load(one.0.path()).unwrap();
    let index = place.images().join("index.json");
    let mut text: serde_json::Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    let name = text["manifests"][0].clone();
    text["manifests"] = vec![name; 256].into();
    fs::write(&index, text.to_string()).unwrap();
    let said = place.load(two.0.path()).unwrap_err();
    assert!(said.contains("names 256 images, the most"), "{said}");
    assert_eq!(held(&place).len(), 256, "it can still be read");
    // A step has pulled it.
    fs::write(place.images().join("pulled").join(one.1.hex()), "").unwrap();
    place.load(two.0.path()).unwrap();
    assert_eq!(held(&place), [two.1]);
}

/// Several runners of one machine begin with the same empty directory.
#[test]
fn a_directory_is_opened_by_many_at_once() {
    let parent = tempfile::tempdir().unwrap();
    for round in 0..50 {
        let dir = parent.path().join(round.to_string());
        let together = std::sync::Barrier::new(8);
        let open = || {
            together.wait();
            image::Store::open(&dir, Bounds::default()).map(drop).map_err(|error| error.to_string())
        };
        std::thread::scope(|scope| {
            let opened: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            opened.into_iter().for_each(|one| assert_eq!(one.join().unwrap(), Ok(())));
        });
    }
}
