//! Shares, sticky clients and figures.

use splitter::{Sticky, Table};

use crate::support::{Splitter, body, group, named, nowhere, table};

#[test]
fn each_group_gets_its_share_by_the_request_and_counts_it() {
    let groups = [
        group("stable", 90, &[named("stable")]),
        group("baseline", 5, &[named("baseline")]),
        group("canary", 5, &[named("canary")]),
    ];
    let mut splitter = Splitter::start(&table(&groups));
    let mut counts = [0, 0, 0];
    for _ in 0..200 {
        let answer = splitter.get("/", "");
        let of = groups.iter().position(|group| group.id == body(&answer)).unwrap();
        counts[of] += 1;
    }
    assert_eq!(counts, [180, 10, 10]);
    for (group, count) in groups.iter().zip(counts) {
        let figures = splitter.settled(&group.id);
        assert_eq!((figures.requests, figures.errors.total(), figures.client.total()), (count, 0, 0));
        assert_eq!(figures.latency.iter().map(|(_, count)| count).sum::<u64>(), count);
    }
    assert_eq!(splitter.control.set(&table(&groups)).unwrap(), 2);
    assert_eq!(splitter.settled("stable").requests, 180, "figures go on");
}

#[test]
fn a_client_stays_with_the_group_of_its_cookie() {
    let canary = named("canary");
    let rows = |stable, weight| Table {
        sticky: Some(Sticky::Cookie("group".to_owned())),
        ..table(&[group("stable", stable, &[named("stable")]), group("canary", weight, &[canary])])
    };
    let mut splitter = Splitter::start(&rows(0, 1));
    let answer = splitter.get("/", "");
    let line = answer.lines().find(|line| line.starts_with("set-cookie: group=")).unwrap();
    assert!(line.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{line}");
    let cookie = line.split([' ', ';']).nth(1).unwrap();
    assert!(cookie.len() == 38 && !cookie.contains("canary"), "{cookie}");
    splitter.control.set(&rows(1, 0)).unwrap();
    let stays = splitter.get("/", &format!("Cookie: a=b; {cookie}\r\n"));
    assert!(body(&stays) == "canary" && !stays.contains("set-cookie"), "{stays}");
    assert_eq!(body(&splitter.get("/", "")), "stable");
    // A name is no token, and a token is not guessed.
    for other in ["group=canary", "group=", "group=00000000000000000000000000000000"] {
        let answer = splitter.get("/", &format!("Cookie: {other}\r\n"));
        assert!(body(&answer) == "stable" && answer.contains("set-cookie: group="), "{answer}");
    }
    splitter.control.drain("canary", std::time::Duration::ZERO, std::time::Duration::ZERO).unwrap();
    let moved = splitter.get("/", &format!("Cookie: {cookie}\r\n"));
    assert!(body(&moved) == "stable" && moved.contains("set-cookie: group="), "{moved}");
}

#[test]
fn attack_a_cookie_puts_words_into_an_answer() {
    let sticky = Some(Sticky::Cookie("group".to_owned()));
    let splitter = Splitter::start(&Table { sticky, ..table(&[group("stable", 1, &[named("stable")])]) });
    for value in ["a%0d%0aX-Injected: 1", "a\tX-Injected: 1", "\"a\\\r\"", "x; X-Injected=1"] {
        let answer = splitter.get("/", &format!("Cookie: group={value}\r\n"));
        assert!(!answer.to_ascii_lowercase().contains("injected"), "{answer}");
    }
}

#[test]
fn a_client_stays_with_the_group_of_its_header_as_shares_grow() {
    let (stable, canary) = (named("stable"), named("canary"));
    let rows = |weight| Table {
        sticky: Some(Sticky::Header("X-Tenant".to_owned())),
        ..table(&[group("stable", 100 - weight, &[stable]), group("canary", weight, &[canary])])
    };
    let mut splitter = Splitter::start(&rows(20));
    let of = |splitter: &Splitter, tenant: u32| {
        body(&splitter.get("/", &format!("X-Tenant: {tenant}\r\n"))) == "canary"
    };
    let first: Vec<bool> = (0..50).map(|tenant| of(&splitter, tenant)).collect();
    assert!(first.contains(&true) && first.contains(&false));
    splitter.control.set(&rows(60)).unwrap();
    for (tenant, was_canary) in (0..50).zip(&first) {
        assert!(of(&splitter, tenant) || !was_canary, "{tenant} went back");
    }
}

#[test]
fn a_group_that_left_keeps_its_figures_and_begins_anew() {
    let (stable, canary) = (group("stable", 1, &[named("stable")]), group("canary", 1, &[named("canary")]));
    let mut splitter = Splitter::start(&table(&[stable.clone(), canary.clone()]));
    (0..4).for_each(|_| drop(splitter.get("/", "")));
    splitter.control.set(&table(std::slice::from_ref(&stable))).unwrap();
    let left = splitter.settled("canary");
    assert_eq!((left.requests, left.serving, left.begun), (2, false, 1));
    splitter.control.set(&table(&[stable, canary])).unwrap();
    let again = splitter.settled("canary");
    assert_eq!((again.requests, again.serving, again.begun), (0, true, 3));
}

#[test]
fn without_a_group_of_weight_a_request_is_refused() {
    let mut splitter = Splitter::start(&Table::default());
    assert!(splitter.get("/", "").starts_with("HTTP/1.1 503"));
    assert_eq!(splitter.figures().refused, 1);
    let bad = table(&[group("a b", 1, &[nowhere()])]);
    assert!(splitter.control.set(&bad).is_err());
    assert_eq!(splitter.figures().generation, 1, "the table before stays");
    splitter.control.set(&table(&[group("stable", 1, &[named("stable")])])).unwrap();
    let error = splitter.control.drain("stable", std::time::Duration::ZERO, std::time::Duration::ZERO);
    assert_eq!(error.unwrap_err().to_string(), "the splitter refuses: group `stable` has a weight");
}
