//! Pictures of the pages, for `docs/screens` and for eyes.

use std::path::Path;

use crate::chromium::{Chromium, Look};
use crate::installation::Demo;
use crate::{settings, timed};

#[test]
#[ignore = "writes docs/screens: cargo x screens"]
fn screens() {
    let Some(dir) = settings::screens() else { return };
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        let origin = demo.enter(&page, "/").await;
        let mut pages = demo.pages();
        pages.push(("design", "/design".into()));
        pages.push(("not-found", "/releases/bank/nothing/here/1".into()));
        for (name, path) in pages {
            take(&page, &dir, name, &format!("{origin}{path}")).await;
        }
        // A browser without a session, as after its end.
        let other = Chromium::start().await;
        take(&other, &dir, "outside", &format!("{origin}/")).await;
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

/// What is below is more of the same.
const HEIGHT_MAX: u64 = 2400;
