//! Two releases of a service, compared from evidence that the person's own pin verifies.

use serde_json::json;

use crate::release::shop::Shop;

const DEV: &str = "shop/ledger-api/dev";
const STAGING: &str = "shop/ledger-api/staging";

#[test]
fn any_two_releases_of_a_service_are_compared() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.service("fine");
    let newest = shop.commit("it says fine");
    shop.ok(&["run"]);
    let text = |arguments: &[&str]| {
        let said = shop.home.run_in(&shop.repository(), arguments);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    };
    let said = text(&["status", DEV, "2", "--compare", "1"]);
    assert!(
        said.starts_with(&format!("2 sorts of differences from release 1 to release 2 of {DEV}\n")),
        "{said}"
    );
    assert!(said.contains("\nCommits: 1 added; all signed by enrolled people ("), "{said}");
    assert!(said.contains(&format!("\n  + {} it says fine (Ada)\n", &newest[..12])), "{said}");
    assert!(said.contains("\n1 file changed\n  ~ service.sh"), "{said}");
    // Backwards, with the release that runs when no number is named.
    let back = shop.ok(&["status", DEV, "1", "--compare", "2"]);
    let commits = &back["differences"][0];
    assert_eq!(commits["title"], json!("Commits: 1 taken back; all signed by enrolled people"), "{back}");
    assert_eq!(commits["lines"][0]["sign"], json!("removed"));
    assert_eq!((&back["from"]["release"], &back["to"]["release"]), (&json!(2), &json!(1)));
    // Another environment runs the same artifact.
    let across = text(&["status", STAGING, "--compare", &format!("{DEV}@2")]);
    assert!(across.contains(", of the same artifact\n"), "{across}");
    // The release of production is pending: its evidence is what its gate would read.
    let pending = shop.ok(&["status", "shop/ledger-api/production", "--compare", &format!("{DEV}@2")]);
    assert_eq!((&pending["from"]["outcome"], &pending["to"]["outcome"]), (&json!("pass"), &json!("fail")));
    let same = text(&["status", DEV, "2", "--compare", "2"]);
    assert!(same.starts_with(&format!("It is the same release: 2 of {DEV}\n")), "{same}");
    let other = shop.in_repository(&["status", DEV, "--compare", "shop/other/dev@1"], 1)["error"].clone();
    assert_eq!(
        other,
        json!(
            "`shop/other` and `shop/ledger-api` are two services, and releases of two services have nothing in common to \
             compare: name two releases of one service"
        )
    );
    assert!(up.stop());
}
