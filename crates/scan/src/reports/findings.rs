//! The findings of a report become a document.
//!
//! Invariant: each entry of a report is part of a finding of the document. Two entries become one only if they have the
//! same rule, place and message, or name one vulnerability of one component. The identity follows from rule and place;
//! equal source lines are told apart by their order in the file.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::{self, Class, Finding, IdentityPlace, Site};
use evidence::document::{DocumentError, FindingsDocument, MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, Tool, text};
use evidence::{Digest, Moment};

use super::draft::{Draft, DraftSite, Region};
use super::vulnerabilities;
use crate::{ScanError, Tree};

/// The drafts of one report.
pub(super) struct Drafts {
    what: &'static str,
    list: Vec<Draft>,
}

impl Drafts {
    /// No draft yet.
    pub(super) const fn new(what: &'static str) -> Self {
        Self { what, list: Vec::new() }
    }

    /// Adds a draft.
    ///
    /// # Errors
    /// The report has more entries than are read.
    pub(super) fn push(&mut self, draft: Draft) -> Result<(), ScanError> {
        if self.list.len() >= DRAFTS_MAX {
            let why = format!("more than {DRAFTS_MAX} findings; report less");
            return Err(ScanError::Format { what: self.what, why });
        }
        self.list.push(printable(draft));
        Ok(())
    }
}

/// Makes the document.
pub(super) fn document(
    drafts: Drafts,
    tools: BTreeSet<Tool>,
    tree: &dyn Tree,
) -> Result<FindingsDocument, ScanError> {
    let what = drafts.what;
    let merged = vulnerabilities::merge(drafts.list);
    let mut drafts = merged.map_err(|why| ScanError::Format { what, why })?;
    drafts.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut document = FindingsDocument::new(tools);
    let mut sources =
        Sources { what, tree, starts: BTreeMap::new(), texts: BTreeMap::new(), left: REGION_BYTES_MAX };
    let mut counts = BTreeMap::new();
    let mut before: Option<(&Draft, Digest)> = None;
    for draft in &drafts {
        let id = match before {
            Some((other, id)) if key(other) == key(draft) => id,
            _ => identity(draft, &mut sources, &mut counts)?,
        };
        document.add(id, finding(draft));
        before = Some((draft, id));
    }
    Ok(document)
}

/// A time of a report, in any form of RFC 3339.
pub(crate) fn moment(time: &str) -> Option<Moment> {
    let stamp: jiff::Timestamp = time.trim().parse().ok()?;
    Moment::from_millis(u64::try_from(stamp.as_millisecond()).ok()?).ok()
}

/// The smallest of the versions that fix a problem. Versions that are not made of numbers alone have an order of their
/// ecosystem, which this module does not know: then only a single version is an answer.
pub(super) fn smallest_fix<'v>(installed: &str, fixes: impl IntoIterator<Item = &'v str>) -> Option<String> {
    let fixes: BTreeSet<&str> =
        fixes.into_iter().map(str::trim).filter(|version| !version.is_empty()).collect();
    if fixes.len() < 2 {
        return fixes.first().map(|version| (*version).to_owned());
    }
    let numbers =
        |version: &str| -> Option<Vec<u64>> { version.split('.').map(|part| part.parse().ok()).collect() };
    let installed = numbers(installed)?;
    let fixes: Option<BTreeMap<Vec<u64>, &str>> =
        fixes.into_iter().map(|version| Some((numbers(version)?, version))).collect();
    fixes?.into_iter().find(|(fix, _)| *fix > installed).map(|(_, version)| version.to_owned())
}

/// Rule, place and message decide whether two drafts are one.
fn key(draft: &Draft) -> (Class, &str, &DraftSite, &str) {
    (draft.class, &draft.rule, &draft.place, &draft.message)
}

/// The texts of a draft as a document may hold them.
fn printable(draft: Draft) -> Draft {
    let short = |original: &str, otherwise: &str| {
        let short = text(original, TEXT_BYTES_MAX);
        if short.is_empty() { otherwise.to_owned() } else { short }
    };
    let place = match draft.place {
        DraftSite::File { path, region } => match text(&path, TEXT_BYTES_MAX) {
            path if path.is_empty() => DraftSite::Whole,
            path => DraftSite::File { path, region },
        },
        DraftSite::Component(purl) => DraftSite::Component(short(&purl, "pkg:generic/unnamed")),
        DraftSite::Page(method, path, parameter) => DraftSite::Page(
            short(&method, "GET"),
            short(&path, "/"),
            parameter
                .map(|parameter| text(&parameter, TEXT_BYTES_MAX))
                .filter(|parameter| !parameter.is_empty()),
        ),
        DraftSite::Whole => DraftSite::Whole,
    };
    let rule = short(&draft.rule, "unnamed");
    let message = text(if draft.message.is_empty() { &rule } else { &draft.message }, MESSAGE_BYTES_MAX);
    let aliases = draft.aliases.iter().map(|id| text(id, TEXT_BYTES_MAX));
    let aliases = aliases.filter(|id| !id.is_empty() && *id != rule).collect();
    let fixed =
        draft.fixed.map(|version| text(&version, TEXT_BYTES_MAX)).filter(|version| !version.is_empty());
    Draft { rule, message, aliases, place, fixed, ..draft }
}

/// The identity of a draft. Drafts come in the order of their place, so an ordinal counts from the top of a file.
fn identity(
    draft: &Draft,
    sources: &mut Sources<'_>,
    counts: &mut BTreeMap<Digest, u32>,
) -> Result<Digest, ScanError> {
    let source = match &draft.place {
        DraftSite::File { path, region } => sources.lines(path, *region)?,
        _ => String::new(),
    };
    let origin = sources.tree.origin();
    let at = |nth| {
        let place = match &draft.place {
            DraftSite::File { path, .. } if source.is_empty() => IdentityPlace::File { origin, path, nth },
            DraftSite::File { path, .. } => IdentityPlace::Source { path, text: &source, nth },
            DraftSite::Component(purl) => IdentityPlace::Component { purl },
            DraftSite::Page(method, path, parameter) => {
                IdentityPlace::Page { origin, method, path, parameter: parameter.as_deref() }
            }
            DraftSite::Whole => IdentityPlace::Whole { origin, nth },
        };
        findings::identity(draft.class, &draft.rule, &place).map_err(DocumentError::from)
    };
    let first = at(0)?;
    if matches!(draft.place, DraftSite::Component(_) | DraftSite::Page(..)) {
        return Ok(first);
    }
    let count = counts.entry(first).or_default();
    let nth = *count;
    *count += 1;
    Ok(if nth == 0 { first } else { at(nth)? })
}

fn finding(draft: &Draft) -> Finding {
    Finding {
        class: draft.class,
        rule: draft.rule.clone(),
        aliases: draft.aliases.clone(),
        severity: draft.rating.severity,
        score: draft.rating.score,
        epss: draft.epss,
        exploited: draft.exploited,
        unconfirmed: draft.unconfirmed,
        undecided: draft.undecided,
        message: draft.message.clone(),
        site: site(&draft.place),
        published: draft.published,
        fixed: draft.fixed.clone(),
        fix_released: None,
    }
}

fn site(place: &DraftSite) -> Site {
    match place {
        DraftSite::File { path, region } => Site::File {
            path: path.clone(),
            line: region.first,
            end: region.last.filter(|last| region.first.is_some_and(|first| *last > first)),
        },
        DraftSite::Component(purl) => Site::Component { purl: purl.clone(), through: Vec::new() },
        DraftSite::Page(method, path, parameter) => {
            Site::Page { method: method.clone(), path: path.clone(), parameter: parameter.clone() }
        }
        DraftSite::Whole => Site::Whole,
    }
}

/// Files of the tree with the starts of their lines, so that thousands of findings in one file stay cheap.
struct Sources<'t> {
    what: &'static str,
    tree: &'t dyn Tree,
    starts: BTreeMap<String, Vec<usize>>,
    /// Texts by path, first line and number of lines.
    texts: BTreeMap<(String, u32, u32), String>,
    /// Bytes of regions that may still be read.
    left: usize,
}

impl Sources<'_> {
    /// The text part of an identity; empty if there is no such file or line.
    fn lines(&mut self, path: &str, region: Region) -> Result<String, ScanError> {
        let (Some(source), Some(first)) = (self.tree.text(path), region.first) else {
            return Ok(String::new());
        };
        let starts = self.starts.entry(path.to_owned()).or_insert_with(|| {
            std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect()
        });
        let at = first.saturating_sub(1) as usize;
        let lines = u32::try_from(starts.len().saturating_sub(at)).unwrap_or(u32::MAX);
        let count = region.last.unwrap_or(first).saturating_sub(first).saturating_add(1).min(lines);
        let start = starts.get(at).copied().unwrap_or(source.len());
        let end = starts.get(at + count as usize).copied().unwrap_or(source.len());
        let region = source.get(start..end).unwrap_or_default();
        let key = (path.to_owned(), first, count);
        if let Some(known) = self.texts.get(&key) {
            return Ok(known.clone());
        }
        let Some(left) = self.left.checked_sub(region.len()) else {
            let why = format!("its findings span more than {REGION_BYTES_MAX} bytes of source; report less");
            return Err(ScanError::Format { what: self.what, why });
        };
        self.left = left;
        let text = findings::normalised(region, 1, count);
        self.texts.insert(key, text.clone());
        Ok(text)
    }
}

/// Highest number of bytes of all regions that the findings of one report name: 100,000 regions of one large file would
/// cost hours. A region that several findings name counts once.
const REGION_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Highest number of entries that are read from one report.
const DRAFTS_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use evidence::document::findings::{Origin, Severity};

    use super::*;
    use crate::reports::severity::Rating;

    fn draft(rule: &str, path: &str, first: u32, message: &str) -> Draft {
        let region = Region { first: Some(first), ..Region::default() };
        let place = DraftSite::File { path: path.into(), region };
        Draft::new(Class::Code, rule, Rating::of(Severity::High), message, place)
    }

    fn read(drafts: Vec<Draft>, source: &str) -> FindingsDocument {
        let tree = BTreeMap::from([("a.py".to_owned(), source.to_owned())]);
        let mut all = Drafts::new("x");
        drafts.into_iter().for_each(|draft| all.push(draft).unwrap());
        document(all, BTreeSet::from([Tool::new("x", None)]), &tree).unwrap()
    }

    fn ids(document: &FindingsDocument) -> Vec<Digest> {
        document.findings.keys().copied().collect()
    }

    #[test]
    fn identity_survives_moved_lines() {
        let before =
            read(vec![draft("R", "a.py", 1, "m"), draft("R", "a.py", 3, "m")], "eval(x)\nok\neval(x)\n");
        let after = read(
            vec![draft("R", "a.py", 5, "other words"), draft("R", "a.py", 2, "m")],
            "new\n\teval(x)\nok\n\n  eval(x)",
        );
        assert_eq!(ids(&before).len(), 2, "equal lines are two findings");
        assert_eq!(ids(&before), ids(&after));
        let changed = read(vec![draft("R", "a.py", 1, "m")], "eval(y)\n");
        assert!(!ids(&before).contains(&ids(&changed)[0]));
    }

    #[test]
    fn identity_has_the_whole_region() {
        let region = |last| Region { first: Some(1), last: Some(last), ..Region::default() };
        let of = |source: &str, last| {
            let place = DraftSite::File { path: "a.py".into(), region: region(last) };
            ids(&read(vec![Draft { place, ..draft("R", "a.py", 1, "m") }], source))
        };
        let source = |tail: &str| format!("{}{tail}\n", "pass\n".repeat(40));
        assert_ne!(of(&source("safe()"), 41), of(&source("eval(x)"), 41), "the last line counts");
        assert_eq!(of(&source("safe()"), 41), of(&source("  safe()"), 41));
        assert_eq!(of(&source("safe()"), 40), of(&source("eval(x)"), 40), "a line after the region does not");
        assert_eq!(of(&source("safe()"), 42), of(&source("safe()"), u32::MAX), "up to the end of the file");
        let wide = |tail: &str| of(&format!("{}{tail}", "x".repeat(5_000)), 1);
        assert_ne!(wide("safe()"), wide("eval(x)"));
    }

    #[test]
    fn regions_have_a_limit_in_all() {
        let source = "x\n".repeat(1_000);
        let tree = BTreeMap::from([("a.py".to_owned(), source)]);
        let mut sources =
            Sources { what: "x", tree: &tree, starts: BTreeMap::new(), texts: BTreeMap::new(), left: 100 };
        let region = |first, last| Region { first: Some(first), last: Some(last), ..Region::default() };
        for _ in 0..3 {
            sources.lines("a.py", region(1, 40)).unwrap();
        }
        assert_eq!(sources.left, 20, "a region counts once");
        assert!(sources.lines("a.py", region(2, 40)).unwrap_err().to_string().contains("report less"));
        assert_eq!(sources.lines("a.py", region(9, 9)).unwrap(), "x");
        assert_eq!(sources.lines("a.py", region(2_000, u32::MAX)).unwrap(), "");
    }

    #[test]
    fn no_entry_is_lost() {
        let same = draft("R", "a.py", 1, "m");
        assert_eq!(ids(&read(vec![same.clone(), same.clone()], "x")).len(), 1, "the same place twice");
        let other = draft("R", "a.py", 1, "other");
        assert_eq!(ids(&read(vec![same.clone(), other], "x")).len(), 2, "another sentence");
        let lines = [1, 2, 900, u32::MAX].map(|line| draft("R", "a.py", line, "m")).to_vec();
        assert_eq!(ids(&read(lines, "x")).len(), 4, "lines that the file does not have");
        let whole = |message| Draft { place: DraftSite::Whole, ..draft("R", "", 1, message) };
        assert_eq!(ids(&read(vec![whole("a"), whole("b"), whole("a")], "x")).len(), 2);
        let absent = [1, 2].map(|line| draft("R", "gone.py", line, "m")).to_vec();
        assert_eq!(ids(&read(absent, "x")).len(), 2);
    }

    #[test]
    fn places_without_text_are_of_one_report() {
        struct Of(Origin<'static>);
        impl Tree for Of {
            fn text(&self, path: &str) -> Option<&str> {
                (path == "a.py").then_some("eval(x)\n")
            }
            fn origin(&self) -> Origin<'_> {
                self.0
            }
        }
        let origins = [
            Origin::Scan,
            Origin::Report { step: "a", path: "x" },
            Origin::Report { step: "b", path: "x" },
            Origin::Report { step: "a", path: "y" },
            Origin::Check { check: "a", path: "x" },
        ];
        let ids = |place: DraftSite| {
            let of = |origin| {
                let mut all = Drafts::new("x");
                all.push(Draft { place: place.clone(), ..draft("R", "a.py", 1, "m") }).unwrap();
                let document = document(all, BTreeSet::from([Tool::new("x", None)]), &Of(origin)).unwrap();
                document.findings.into_keys().next().unwrap()
            };
            origins.map(of).into_iter().collect::<BTreeSet<_>>().len()
        };
        let file = |path: &str, first| {
            let region = Region { first, ..Region::default() };
            DraftSite::File { path: path.into(), region }
        };
        assert_eq!(ids(file("a.py", Some(1))), 1, "source text says enough");
        assert_eq!(ids(DraftSite::Component("pkg:npm/a@1".into())), 1);
        assert_eq!(ids(file("a.py", Some(9))), origins.len(), "no such line");
        assert_eq!(ids(file("a.py", None)), origins.len(), "the whole file");
        assert_eq!(ids(file("gone.py", Some(1))), origins.len(), "no such file");
        assert_eq!(ids(DraftSite::Page("GET".into(), "/".into(), None)), origins.len());
        assert_eq!(ids(DraftSite::Whole), origins.len());
    }

    #[test]
    fn texts_are_made_fit() {
        let long = "p/".repeat(2_000);
        let drafts = vec![draft(" \u{202e} ", &long, 1, "\u{0}"), draft(&long, "\n", 1, &long)];
        let document = read(drafts, "x");
        assert_eq!(document.findings.len(), 2);
        evidence::document::Document::encode(&document).unwrap();
    }

    #[test]
    fn fixes_and_times() {
        for (installed, fixes, fix) in [
            ("9.0.109", vec!["11.0.14", "10.1.49", "9.0.112"], Some("9.0.112")),
            ("1.0-1", vec!["1.0-2"], Some("1.0-2")),
            ("1.0-1", vec!["1.0-2", "1.1-1"], None),
            ("3.0", vec!["1.0", "2.0"], None),
            ("1", vec!["", " "], None),
        ] {
            assert_eq!(smallest_fix(installed, fixes).as_deref(), fix);
        }
        assert_eq!(moment("2019-11-26T00:15:11.03Z").unwrap().to_string(), "2019-11-26T00:15:11.030Z");
        assert_eq!(moment("2023-11-08T04:17:07+01:00").unwrap().to_string(), "2023-11-08T03:17:07.000Z");
        for bad in ["", "2019", "1969-01-01T00:00:00Z", "99999-01-01T00:00:00Z"] {
            assert_eq!(moment(bad), None);
        }
    }
}
