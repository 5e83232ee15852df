//! What browsers of today say of themselves: browser, version and system go together.

use std::fmt::Write as _;

use crate::generate::key::Draw;

/// Of a hundred visitors: how many come with what.
const BROWSERS: [(u64, Browser); 9] = [
    (30, Browser::Chrome("Windows NT 10.0; Win64; x64")),
    (9, Browser::Chrome("Macintosh; Intel Mac OS X 10_15_7")),
    (3, Browser::Chrome("X11; Linux x86_64")),
    (22, Browser::ChromeMobile),
    (17, Browser::Iphone),
    (6, Browser::Safari),
    (7, Browser::Edge),
    (4, Browser::Firefox("Windows NT 10.0; Win64; x64")),
    (2, Browser::Firefox("X11; Linux x86_64")),
];

#[derive(Clone, Copy)]
enum Browser {
    Chrome(&'static str),
    ChromeMobile,
    Iphone,
    Safari,
    Edge,
    Firefox(&'static str),
}

/// Appends what a browser sends as its `User-Agent`.
pub(super) fn write(draw: &mut Draw, out: &mut String) {
    const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome";
    const APPLE: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version";
    let mut rest = draw.below(BROWSERS.iter().map(|(weight, _)| weight).sum());
    let found = BROWSERS.iter().find(|(weight, _)| {
        let is_it = rest < *weight;
        rest = rest.wrapping_sub(*weight);
        is_it
    });
    let browser = found.map_or(Browser::ChromeMobile, |(_, browser)| *browser);
    // The newest are the commonest: the greater of two.
    let step = draw.below(12).max(draw.below(12));
    let (chrome, firefox) = (126 + step, 128 + step);
    let (apple, minor) = (17 + step / 6, step % 6);
    let _ = match browser {
        Browser::Chrome(system) => {
            write!(out, "Mozilla/5.0 ({system}) {WEBKIT}/{chrome}.0.0.0 Safari/537.36")
        }
        Browser::ChromeMobile => write!(
            out,
            "Mozilla/5.0 (Linux; Android 10; K) {WEBKIT}/{chrome}.0.0.0 Mobile Safari/537.36"
        ),
        Browser::Edge => write!(
            out,
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT}/{chrome}.0.0.0 Safari/537.36 \
             Edg/{chrome}.0.0.0"
        ),
        Browser::Firefox(system) => {
            write!(out, "Mozilla/5.0 ({system}; rv:{firefox}.0) Gecko/20100101 Firefox/{firefox}.0")
        }
        Browser::Safari => write!(
            out,
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE}/{apple}.{minor} \
             Safari/605.1.15"
        ),
        Browser::Iphone => write!(
            out,
            "Mozilla/5.0 (iPhone; CPU iPhone OS {apple}_{minor} like Mac OS X) \
             {APPLE}/{apple}.{minor} Mobile/15E148 Safari/604.1"
        ),
    };
}
