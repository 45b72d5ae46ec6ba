//! The subject of rules about images.

use evidence::{Digest, Moment};

use super::super::image::Image;
use super::super::path::name;
use super::super::read::is_program;
use super::super::tree::NodeKind;
use crate::lint::rule::Hits;

/// Questions about an image beside the rules that need no answer.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Layers of the allowed bases, without compression. If the list is empty, every base is allowed.
    pub bases: Vec<Vec<Digest>>,
    /// The greatest age; if it is absent, every age is allowed.
    pub age: Option<Age>,
}

/// The greatest age.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// Today.
    pub now: Moment,
    /// Days.
    pub days_max: u32,
}

/// The subject of rules: an image, and what is asked about it.
#[derive(Debug)]
pub struct Judged {
    /// The image.
    pub image: Image,
    /// The question.
    pub asked: Asked,
}

impl Judged {
    /// Names of accounts with their numbers.
    pub fn accounts(&self) -> impl Iterator<Item = (String, String)> {
        let text = String::from_utf8_lossy(self.image.file("etc/passwd").unwrap_or_default()).into_owned();
        let account = |line: &str| {
            let mut fields = line.split(':');
            Some((fields.next()?.to_owned(), fields.nth(1)?.to_owned()))
        };
        text.lines().filter_map(account).collect::<Vec<_>>().into_iter()
    }

    /// Programs of these names in the directories where programs are looked up.
    pub fn programs(&self, hits: &mut Hits, is_meant: impl Fn(&str) -> bool) {
        let mut steps = STEPS_MAX;
        for (path, node) in self.image.pass.tree.nodes() {
            let is_place =
                path.rsplit_once('/').is_some_and(|(above, _)| matches!(name(above), "bin" | "sbin"));
            if !is_place || !is_meant(name(path)) {
                continue;
            }
            let is_there = match &node.kind {
                NodeKind::File(_) => is_program(node),
                // A link to a program that is no longer there starts nothing.
                NodeKind::Link(_) => self.image.pass.tree.leads(path, &mut steps),
                NodeKind::Directory | NodeKind::Special => false,
            };
            if is_there {
                hits.in_file(path, name(path));
            }
        }
    }
}

/// Steps along links, of all programs that a rule looks for. Images have a few thousand such links.
const STEPS_MAX: u64 = 10_000_000;
