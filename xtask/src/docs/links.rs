//! Links between pages: each target exists, and every page is at most two clicks from README.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::page::Page;

/// Relative links to a missing file, or to a missing heading of a file.
pub fn dead(root: &Path, pages: &[Page]) -> Vec<String> {
    let anchors: BTreeMap<&str, Vec<String>> =
        pages.iter().map(|page| (page.name.as_str(), page.anchors())).collect();
    let mut found = Vec::new();
    for page in pages {
        for link in page.links().into_iter().filter(|link| is_relative(&link.text)) {
            let Some((path, heading)) = target(page, &link.text) else { continue };
            let at = format!("{}:{}", page.name, link.line);
            if !root.join(&path).exists() {
                found.push(format!(
                    "{at}: links to `{path}`, which does not exist: correct or remove the link"
                ));
                continue;
            }
            let Some(heading) = heading else { continue };
            match anchors.get(path.as_str()) {
                Some(known) if known.contains(&heading) => {}
                Some(known) => found.push(format!(
                    "{at}: links to the heading `#{heading}` of {path}, which does not exist: it has {}",
                    known.join(", ")
                )),
                None => {
                    found.push(format!(
                        "{at}: links to a heading of `{path}`, which is no page: link to the file"
                    ));
                }
            }
        }
    }
    found
}

/// Pages of `docs/` that are more than two clicks from README.md. A link to a directory counts for all of its files.
pub fn unreachable(root: &Path, pages: &[Page]) -> Vec<String> {
    let mut next: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for page in pages {
        let links = page.links().into_iter().filter(|link| is_relative(&link.text));
        let targets = links.filter_map(|link| target(page, &link.text)).map(|(path, _)| path);
        next.insert(&page.name, targets.collect());
    }
    let mut reached: BTreeSet<String> = ["README.md".to_owned()].into();
    for _ in 0..CLICKS_MAX {
        let mut further = BTreeSet::new();
        for from in &reached {
            further.extend(next.get(from.as_str()).into_iter().flatten().cloned());
            if root.join(from).is_dir() {
                let within = pages.iter().map(|page| &page.name);
                let within = within.filter(|name| Path::new(name).parent() == Some(Path::new(from)));
                further.extend(within.cloned());
            }
        }
        reached.extend(further);
    }
    let lost = pages.iter().filter(|page| page.name.starts_with("docs/") && !reached.contains(&page.name));
    lost.map(|page| {
        format!("{}:1: README.md leads here only by more than {CLICKS_MAX} clicks: link it in a page that README.md names", page.name)
    })
    .collect()
}

fn is_relative(link: &str) -> bool {
    !link.contains("://") && !link.starts_with("mailto:")
}

/// The target of a page's link: a path from the root, and a heading.
fn target(page: &Page, link: &str) -> Option<(String, Option<String>)> {
    let (path, heading) = match link.split_once('#') {
        Some((path, heading)) => (path, Some(heading.to_owned())),
        None => (link, None),
    };
    if path.is_empty() {
        return Some((page.name.clone(), heading));
    }
    let mut whole = Path::new(&page.name).parent()?.to_path_buf();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            part => whole.push(part),
        }
    }
    let whole: PathBuf = whole;
    Some((whole.to_string_lossy().into_owned(), heading))
}

const CLICKS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str, text: &str) -> Page {
        Page { name: name.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_link_to_nothing_is_named_with_its_line() {
        let root = crate::command::root();
        let pages = [
            page(
                "README.md",
                "# Top\n\n[a](docs/glossary.md#here) [b](docs/absent.md)\n[c](#nowhere) [d](#top)",
            ),
            page("docs/glossary.md", "# There\n\n[up](../README.md#top) [s](schema/pipeline.schema.json#x)"),
        ];
        let found = dead(&root, &pages);
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(
            found[0].starts_with("README.md:3: links to the heading `#here` of docs/glossary.md"),
            "{found:#?}"
        );
        assert!(found[1].starts_with("README.md:3: links to `docs/absent.md`"), "{found:#?}");
        assert!(found[2].starts_with("README.md:4: links to the heading `#nowhere`"), "{found:#?}");
        assert!(found[3].starts_with("docs/glossary.md:3: links to a heading of"), "{found:#?}");
    }

    #[test]
    fn a_page_beyond_two_clicks_is_named() {
        let root = crate::command::root();
        let pages = [
            page("README.md", "[a](docs/a.md) [d](docs/decisions/)"),
            page("docs/a.md", "[b](b.md)"),
            page("docs/b.md", "[c](c.md)"),
            page("docs/c.md", ""),
            page("docs/decisions/0001.md", ""),
        ];
        let found = unreachable(&root, &pages);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with("docs/c.md:1: README.md leads here"), "{found:#?}");
    }
}
