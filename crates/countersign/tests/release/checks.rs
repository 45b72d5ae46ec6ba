//! Checks after deployment: a real service in staging is attacked by a real check, and what the check found stops the release
//! to production, and nothing before it.

use evidence::document::findings::{Class, IdentityPlace, Origin, identity};
use serde_json::{Value, json};

use super::reading::{colleague, elsewhere, rehearsal_of};
use super::reports::tomorrow;
use super::{PLACE, Shop, at};
use crate::codes;
use crate::support::Home;

/// A second person accepts what a check found in staging, until a date; production is open as long as that counts.
#[test]
fn a_second_person_waives_what_a_check_found() {
    let (shop, made) = rehearsal_of(&["developer", "release-manager"], checked);
    let up = shop.home.up();
    let data = elsewhere(&shop, "elsewhere", &up.url);
    let bob = colleague(&shop, &made, "bob", made["people"][1]["person"].as_str().unwrap(), &data);
    let by = |home: &Home, words: &[&str]| home.ok(&[words, &["--data", &data]].concat());
    shop.ok(&["run"]);
    let shown = by(&bob, &["approve", "--show"]);
    let found = &shown["before"]["findings"]["worst"][0];
    assert_eq!(
        (&shown["before"]["environment"], &found["blocks"]),
        (&json!("staging"), &json!(["finding-critical"]))
    );
    // It is of a check, so no waiver of a finding of a step with this name covers it.
    assert_eq!(shown["before"]["reports"][0]["check"], json!("attack"), "{shown}");
    let origin = Origin::Check { check: "attack", path: "wapiti.json" };
    let page = IdentityPlace::Page { origin, method: "GET", path: "/echo", parameter: Some("text") };
    let whole = identity(Class::Web, found["rule"].as_str().unwrap(), &page).unwrap().hex();
    assert!(whole.starts_with(found["id"].as_str().unwrap()), "{whole}: {found}");
    let until = tomorrow();
    let waive =
        ["waive", found["id"].as_str().unwrap(), "--yes", "--reason", "it is internal", "--until", &until];
    let own = shop.in_repository(&waive, 3);
    assert_eq!(codes(&own), ["own-change"], "{own}");
    by(&bob, &waive);
    by(&bob, &["approve", "--yes", "--reason", "with the waiver"]);
    shop.ok(&["promote", "--bundle", "waived.json"]);
    let status = shop.ok(&["status"]);
    let mut places = status["places"].as_array().unwrap().iter();
    assert!(places.any(|view| view["place"] == json!(PLACE) && view["running"].is_object()), "{status}");
    assert_eq!(shop.ok(&["verify", "waived.json"])["outcome"], json!("pass"));
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!((&replayed["decisions"], &replayed["differ"]), (&replayed["agree"], &json!(0)), "{replayed}");
    assert!(up.stop());
}

/// A service that answers `/health`, and repeats what it is asked for at `/echo?...`, escaped or as it is.
fn service(escaped: bool) -> String {
    let escape = if escaped { "$text =~ s/</&lt;/g;" } else { "" };
    format!(
        r#"#!/usr/bin/perl
use strict;
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ENV{{PORT}}, Listen => 16, ReuseAddr => 1) or die;
while (my $client = $listener->accept()) {{
  my $asked = <$client>;
  while (my $line = <$client>) {{ last if $line =~ /^\r?$/ }}
  my ($text) = $asked =~ m{{^GET /echo\?(\S*)}};
  $text = 'well' unless defined $text;
  {escape}
  print $client "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " . length($text) . "\r\n\r\n" . $text;
  close $client;
}}
"#
    )
}

/// Asks the service for markup and reports in the format of Wapiti whether it came back as it was sent. It ends with 1
/// if it found something. Nothing but the service can be reached, and it says where it is.
const ATTACK: &str = r#"#!/usr/bin/perl
use strict;
use IO::Socket::INET;
my ($port) = $ENV{SERVICE_URL} =~ m{^http://127\.0\.0\.1:(\d+)$} or die "no URL";
print "attacks release $ENV{SERVICE_RELEASE} in $ENV{SERVICE_ENVIRONMENT}\n";
for my $other (22, 80, 3128, $port + 1) {
  die "port $other can be reached" if IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $other, Timeout => 1);
}
my $service = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "no service: $!";
print $service "GET /echo?<script> HTTP/1.0\r\n\r\n";
my $answer = join '', <$service>;
my $found = $answer =~ /<script>/ ? '{"method":"GET","path":"/echo","info":"markup comes back as it was sent","level":4,"parameter":"text"}' : '';
open(my $report, '>', 'wapiti.json') or die;
print $report "{\"vulnerabilities\":{\"Cross Site Scripting\":[$found]},\"anomalies\":{},\"additionals\":{},\"infos\":{\"version\":\"Wapiti 3.2.0\",\"crawled_pages_nbr\":1}}";
close $report;
exit($found ? 1 : 0);
"#;

/// A test of the service in a shell, which fails while a file of the commit says so.
const SMOKE: &str = r#"#!/bin/sh
set -eu
fault=
if [ -e sick ]; then fault='<failure message="it is sick"/>'; fi
printf '<testsuite name="smoke" tests="1"><testcase classname="service" name="answers">%s</testcase></testsuite>' "$fault" > smoke.xml
"#;

fn shop() -> Shop {
    let shop = Shop::new();
    checked(&shop);
    shop.in_repository(&["init", "--project", "shop"], 0);
    shop.commit("a service that is checked");
    shop
}

/// Writes a service whose releases to staging are checked.
fn checked(shop: &Shop) {
    shop.quick_pipeline();
    shop.write("service.sh", &service(false));
    for (path, text) in [("checks/attack.pl", ATTACK), ("checks/smoke.sh", SMOKE)] {
        shop.write(path, text);
    }
    shop.write(
        ".countersign/release.yaml",
        "version: 1
services:
  ledger-api:
    artifact: ledger-api
    process: { command: [bin/ledger-api], port: 8080, listen: variable, stop-seconds: 1 }
    probe: { http: /health, attempts: 100, interval-ms: 20 }
    checks:
      attack:
        environments: [staging]
        run: perl checks/attack.pl
        reports: [{ kind: wapiti, path: wapiti.json }]
        report-exits: [1]
        limits: { time-seconds: 60 }
      smoke:
        environments: [staging]
        run: [/bin/sh, checks/smoke.sh]
        reports: [{ kind: junit, path: smoke.xml }]
",
    );
}

#[test]
fn what_a_check_finds_in_staging_stops_production() {
    let shop = shop();
    let checked = shop.ok(&["pipeline", "check"]);
    assert_eq!(checked["checks"]["ledger-api"].as_array().unwrap().len(), 2, "{checked}");
    let up = shop.home.up();
    shop.stopping();
    let ran = shop.ok(&["run"]);
    assert_eq!(ran["state"], json!("passed"));
    // The run ends once staging is checked, so production's release is there.
    let staging = at(&up, "staging");
    let states: Vec<_> = staging["checks"].as_array().unwrap().iter().map(|check| &check["state"]).collect();
    assert_eq!(states, [&json!("passed"); 4], "two checks on two runners: {staging}");
    assert!(at(&up, "production")["open"].is_object());
    let status = shop.home.run_in(&shop.repository(), &["status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("; checks: attack passed, smoke passed"), "{status}");
    let log = shop.ok(&["logs"])["logs"].to_string();
    assert!(log.contains("attacks release 1 in staging"), "{log}");
    // One check is named as the list of what there is names it.
    let one = shop.ok(&["logs", ran["run"].as_str().unwrap(), "ledger-api.staging.1.smoke"])["logs"].clone();
    let names: Vec<_> = one.as_object().unwrap().keys().collect();
    assert!(
        !names.is_empty() && names.iter().all(|name| name.contains("/check/ledger-api.staging.1.smoke/")),
        "{one}"
    );
    let missing =
        shop.in_repository(&["logs", ran["run"].as_str().unwrap(), "smoke"], 1)["error"].to_string();
    assert!(missing.contains("no step, artifact or check `smoke` so far; it has "), "{missing}");
    assert!(missing.contains("ledger-api.staging.1.attack, ledger-api.staging.1.smoke"), "{missing}");
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["finding-critical"], "{refused}");
    let what = refused["reasons"][0]["what"].as_str().unwrap();
    assert!(what.contains("GET /echo") && what.contains("in staging: markup comes back"), "{what}");
    assert_eq!(at(&up, "production")["running"], json!(null));

    // A failed test of the service stops it as well.
    shop.write("service.sh", &service(true));
    shop.write("sick", "");
    shop.commit("markup is escaped, and the service is sick");
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    assert_eq!(codes(&shop.in_repository(&["promote"], 3)), ["tests-failed"]);

    // Mended, it goes out, and its evidence has the checks.
    shop.git(&["rm", "-q", "sick"]);
    shop.commit("the service is well");
    shop.release_to("evidence.json");
    assert!(at(&up, "production")["running"].is_object());
    let bundle = std::fs::read(shop.repository().join("evidence.json")).unwrap();
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    assert_eq!(bundle["lanes"]["checks"]["receipts"].as_array().unwrap().len(), 4);
    assert_eq!(bundle["lanes"]["documents"].as_object().unwrap().len(), 2);
    assert_eq!(shop.ok(&["verify", "evidence.json"])["outcome"], json!("pass"));
    // The same rules, read from the file without a server.
    let explained = shop.ok(&["policy", "explain", "--bundle", "evidence.json"]);
    let rule =
        |code: &str| explained["rules"].as_array().unwrap().iter().find(|rule| rule["code"] == code).unwrap();
    assert_eq!((&explained["outcome"], &explained["complete"]), (&json!("pass"), &json!(true)));
    assert_eq!(
        (&rule("check-failed")["verdict"], &rule("coverage-low")["verdict"]),
        (&json!("pass"), &json!("off"))
    );
    let facts = rule("check-failed")["facts"].to_string();
    assert!(facts.contains("before.checks[].passed") && facts.contains("yes (2)"), "{facts}");
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["decisions"], replayed["agree"], "{replayed}");
    let audited = shop.ok(&["audit", "verify"]);
    assert_eq!((&audited["breaches"], &audited["misfits"]), (&json!([]), &json!(0)), "{audited}");
    assert!(up.stop());
}
