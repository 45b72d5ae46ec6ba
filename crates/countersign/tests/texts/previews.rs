//! Texts about previews and their templates. No agent runs here, so each preview stays as its request made it.

use super::Page;
use crate::release::shop::Shop;

const TEMPLATE: &str = "shop/ledger-api/preview";

#[test]
fn what_a_person_reads_about_previews() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let agent = |name: &str| {
        let data = shop.home.data().with_file_name(name);
        let made = shop.ok(&["agent", "key", "--data", data.to_str().unwrap(), "--name", name]);
        made["line"].as_str().unwrap().to_owned()
    };
    let [first, second] = ["previewer", "tryer"].map(agent);
    let template = |place: &str, rules: &[&str]| {
        let words = ["trust", "environment", "--yes", place, "--baseline", "HEAD~1"];
        shop.ok(&[&words[..], rules].concat());
    };
    let mut page = Page::within(&shop.home, shop.repository());
    page.shows("no template", &["preview", "list"]);
    page.fails("a preview without a template", &["run", "--preview", "pr-1"]);
    page.fails("a number of previews without their names", &{
        ["trust", "environment", "--yes", TEMPLATE, "--preview-count", "2", "--agent", &first]
    });
    page.fails("a pattern that is none", &["trust", "environment", "--yes", TEMPLATE, "--previews", "pr"]);
    template(TEMPLATE, &["--previews", "pr-*", "--preview-count", "1", "--agent", &first]);
    page.fails("a name outside the pattern", &["run", "--preview", "demo"]);
    page.fails("a preview that is not there", &["preview", "remove", "--yes", "pr-1"]);
    shop.ok(&["run", "--preview", "pr-1", "--no-wait"]);
    page.shows("a preview that its agent has not taken up", &["preview", "list"]);
    page.fails("one more than the template allows", &["run", "--preview", "pr-2"]);
    template("shop/ledger-api/trial", &["--previews", "try-*", "--agent", &second]);
    page.fails("one of two templates", &["run", "--preview"]);
    page.fails("a name that neither allows", &["run", "--preview", "demo"]);
    shop.ok(&["run", "--preview", "try-1", "--no-wait"]);
    shop.ok(&["run", "--preview", "try-2", "--template", "shop/ledger-api/trial", "--no-wait"]);
    page.fails("no confirmation", &["preview", "remove", "pr-1"]);
    page.shows("the end of a preview", &["preview", "remove", "--yes", "pr-1"]);
    page.shows("a preview whose agent has not removed it", &["preview", "list"]);
    template(TEMPLATE, &["--previews", "none"]);
    page.shows("a preview whose template allows it no more", &["preview", "list"]);
    page.end("previews");
    assert!(up.stop());
}
