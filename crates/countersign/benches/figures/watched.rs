//! Where a package runs among 1,000,000 components, and 10,000 deployed artifacts judged again by a new snapshot of advisories.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use client::rescan::AdvisoriesFile;
use evidence::{Digest, Id};
use review::rescan::AdvisorySource;
use rusqlite::{Connection, params};
use server::views::Views;
use server::views::inventory::{Judged, Question, locate};

use crate::advisories::database;
use crate::{print, spans};

const ARTIFACTS: u32 = 10_000;
const COMPONENTS: usize = 100;
/// Packages in all; a few of them are in most artifacts.
const PACKAGES: i64 = 40_000;
const RECORDS: u64 = 200_000;

pub fn watched() {
    let dir = tempfile::tempdir().unwrap();
    let views = Views::open(dir.path()).unwrap();
    let components = views.ask(fill).unwrap();
    assert!(components > 990_000, "{components}");
    located(&views, components);
    let file = dir.path().join("advisories");
    std::fs::write(&file, database(RECORDS)).unwrap();
    judged(&views, file);
}

/// Questions of all sorts, each another one, against the lookup of one package by its URL.
fn located(views: &Views, components: i64) {
    let mut seed = 5_u64;
    let questions: Vec<String> = (0..1_000)
        .map(|n| {
            let package = skewed(&mut seed);
            match n % 4 {
                0 => format!("crate-{package}"),
                1 => format!("crate-{package}<1.0.1"),
                2 => format!("pkg:cargo/crate-{package}"),
                _ => format!("pkg:cargo/crate-{package}@1.0.0"),
            }
        })
        .collect();
    let mut next = questions.iter().cycle();
    let mut most = 0;
    let ours = spans(1_000, || {
        let question: Question = next.next().unwrap().parse().unwrap();
        most = most.max(views.ask(|rows| locate(rows, &question)).unwrap().0.len());
    });
    let mut next = questions.iter().cycle();
    let floor = spans(1_000, || {
        let purl = next.next().unwrap();
        let text = "SELECT count(*) FROM package WHERE purl = ?1";
        views.ask(|rows| rows.prepare_cached(text)?.query_row([purl], |row| row.get::<_, i64>(0))).unwrap();
    });
    let what = format!("where, {components} components");
    print(&what, &ours, &floor, "one package by its URL");
    let p99 = ours[ours.len() * 99 / 100];
    println!(
        "{:44} {:>12} {:>12}   at most {most} releases in an answer",
        format!("{what}, p99"),
        format!("{p99:.2?}"),
        ""
    );
    assert!(p99 <= Duration::from_millis(50), "{p99:?}");
}

/// All of them, with a file that is opened anew, against reading the lists alone.
fn judged(views: &Views, file: PathBuf) {
    let rows = views.beside().unwrap();
    let source = AdvisoriesFile(file);
    let news = |source: Option<&dyn AdvisorySource>| {
        let judged = Judged::of(&rows, &|_| true, source).unwrap();
        let news: usize = judged.watched.iter().map(|one| judged.news(one).len()).sum();
        (judged.watched.len(), judged.packages, news)
    };
    let begin = Instant::now();
    let (releases, packages, found) = news(Some(&source));
    let first = begin.elapsed();
    assert_eq!(releases, ARTIFACTS as usize);
    assert!(found > 0);
    let ours = spans(3, || drop(news(Some(&source))));
    let floor = spans(3, || drop(news(None)));
    let what = format!("{releases} artifacts judged again");
    print(&what, &ours, &floor, &format!("reading their lists of {packages} packages alone ({found} news)"));
    assert!(first <= Duration::from_secs(5), "{first:?}");
}

/// A package: the first thousand are asked for, and used, as often as all others.
fn skewed(seed: &mut u64) -> i64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let drawn = (*seed >> 33) as i64;
    if drawn % 2 == 0 { drawn / 2 % 1_000 } else { drawn / 2 % PACKAGES }
}

fn fill(rows: &Connection) -> rusqlite::Result<i64> {
    let transaction = rows.unchecked_transaction()?;
    for package in 0..PACKAGES {
        let name = format!("crate-{package}");
        let bare = format!("pkg:cargo/{name}");
        transaction
            .prepare_cached("INSERT INTO package (number, purl, bare, name, own, version) VALUES (?1, ?2, ?3, ?4, ?4, '1.0.0')")?
            .execute(params![package + 1, format!("{bare}@1.0.0"), bare, name])?;
    }
    let mut seed = 17_u64;
    for number in 1..=ARTIFACTS {
        let bytes = u128::from(number).to_be_bytes();
        let (run, digest) = (Id::from_random(bytes).to_string(), Digest::of(&bytes));
        let place = format!("shop/service-{number}/production");
        transaction.execute(
            "INSERT INTO document (number, digest) VALUES (?1, ?2)",
            params![number, digest.as_bytes()],
        )?;
        transaction.execute("INSERT INTO listed (document, sort) VALUES (?1, 'packages')", [number])?;
        transaction.execute("INSERT INTO made (run, document) VALUES (?1, ?2)", params![run, number])?;
        transaction.execute(
            "INSERT INTO ran (place, began, release, artifact, run, since) VALUES (?1, ?2, 1, ?3, ?4, '2026-08-21T10:00:00.000Z')",
            params![place, number, digest.to_string(), run],
        )?;
        let mut put = transaction.prepare_cached(
            "INSERT OR IGNORE INTO component (package, document, direct) VALUES (?1, ?2, 0)",
        )?;
        let mut left = COMPONENTS;
        while left > 0 {
            left -= put.execute(params![skewed(&mut seed) + 1, number])?;
        }
    }
    let components = transaction.query_row("SELECT count(*) FROM component", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(components)
}
