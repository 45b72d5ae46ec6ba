//! Alerts and places of packages over the corpus's ledger: a judgement opens an alert, and a second one adds nothing.

use std::collections::BTreeSet;

use evidence::document::Knowledge;
use evidence::document::findings::{Class, Severity, Site};
use evidence::{Digest, Moment};
use lab::documents::findings;
use review::inventory::{Package, Problem};
use review::rescan::{Advisories, AdvisoriesFault, AdvisorySource, Answers};

use super::*;
use crate::rescan;

/// Advisories that find a problem in every package.
#[derive(Debug)]
struct Everything;

impl AdvisorySource for Everything {
    fn open(&self) -> Result<Box<dyn Advisories>, AdvisoriesFault> {
        Ok(Box::new(Self))
    }
}

impl Advisories for Everything {
    fn knowledge(&self) -> Knowledge {
        Knowledge { source: "all".to_owned(), digest: Digest::of(b"all"), modified: Moment::default() }
    }

    fn judge(&self, packages: &[Package]) -> Result<Answers, AdvisoriesFault> {
        let of = |package: &Package| {
            let (_, mut finding) =
                findings(&[("GHSA-new", Class::Dependency, Severity::High)]).findings.pop_first().unwrap();
            finding.site = Site::Component { purl: package.purl.clone(), through: Vec::new() };
            Problem { id: Digest::of(package.purl.as_bytes()), finding }
        };
        Ok(Answers { problems: packages.iter().map(of).collect(), ..Answers::default() })
    }
}

#[test]
fn what_runs_is_judged_again_and_the_inbox_shows_it_once() {
    let mut corpus = Corpus::new();
    corpus.shared.as_mut().unwrap().advisories = Some(std::sync::Arc::new(Everything));
    let shared = corpus.shared();
    let (lines, view) = rescan::judge(shared, late(), &|_| true).unwrap();
    assert_eq!((view.opened, view.changed, view.closed), (lines.len() as u64, 0, 0));
    assert!(view.releases > 0, "{view:?}");
    assert_eq!(view.packages == 0, lines.is_empty(), "{view:?}");
    let places: BTreeSet<_> = lines.iter().filter_map(|line| line.columns().place.cloned()).collect();
    assert!(places.iter().all(|place| !view.unlisted.contains(place)));
    // The operator's bound holds, and says what it leaves out.
    corpus.shared.as_mut().unwrap().alert_rules.most = 1;
    let (bounded, view) = rescan::judge(corpus.shared(), late(), &|_| true).unwrap();
    assert_eq!((bounded.len(), view.left), (lines.len().min(1), (lines.len().saturating_sub(1)) as u64));
}

fn late() -> Moment {
    Moment::from_millis(1_900_000_000_000).unwrap()
}
