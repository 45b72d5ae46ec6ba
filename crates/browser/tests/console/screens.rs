//! Pictures of the pages, for `docs/screens` and for eyes.

use std::path::Path;

use crate::chromium::{Chromium, Look};
use crate::installation::Demo;
use crate::table::{self, Page};
use crate::{settings, timed};

#[test]
#[ignore = "writes docs/screens: cargo x screens"]
fn screens() {
    let Some(dir) = settings::screens() else { return };
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        let origin = demo.enter(&page, "/").await;
        let mut rows = String::new();
        for (Page { name, shows, .. }, path) in table::addresses(&demo, &page, &origin).await {
            take(&page, &dir, name, &format!("{origin}{path}")).await;
            rows += &row(name, shows);
        }
        // A browser without a session, as after its end.
        let other = Chromium::start().await;
        take(&other, &dir, "outside", &format!("{origin}/")).await;
        rows += &row("outside", "a browser without a session");
        std::fs::write(dir.join("README.md"), format!("{INTRODUCTION}{rows}")).unwrap();
    });
}

/// Takes one page in all looks.
async fn take(page: &Chromium, dir: &Path, name: &str, url: &str) {
    for (width, dark) in [(1440, false), (1440, true), (360, false), (360, true)] {
        page.look(Look { width, dark }).await;
        page.follow(url).await;
        page.until("document.fonts.ready.then(() => true)").await;
        let picture = page.picture(HEIGHT_MAX).await;
        let look = if dark { "dark" } else { "light" };
        std::fs::write(dir.join(format!("{name}-{width}-{look}.webp")), picture).unwrap();
    }
}

/// The line of a page in the list of pictures.
fn row(name: &str, shows: &str) -> String {
    let at = |width: u32| format!("[light]({name}-{width}-light.webp), [dark]({name}-{width}-dark.webp)");
    format!("| {shows} | {} | {} |\n", at(1440), at(360))
}

const INTRODUCTION: &str = "# Pictures of the console

`cargo x screens` takes these pictures and writes this list: it starts `countersign demo`, opens each page in Chromium, and takes the page's upper part at 1440 and
at 360 pixels, in light and in dark. [The design system](../design-system.md) says why pages look so. Numbers, names and times are those of one demo; another one
has others.

| page | large window | phone |
|---|---|---|
";

/// What is below is more of the same.
const HEIGHT_MAX: u64 = 2000;
