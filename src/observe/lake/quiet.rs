//! Panics of a crate that relies on what bytes say of themselves: they are caught, and not printed.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::set_hook;
use std::panic::take_hook;
use std::sync::Once;

thread_local! {
    /// Whether nothing is printed of a panic of this thread.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `work` returns; `None` if it panics, of which nothing is printed.
pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            // A thread that ends may have no such word any more.
            if !IS_QUIET.try_with(Cell::get).unwrap_or(false) {
                before(panic);
            }
        }));
    });
    let before = IS_QUIET.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_QUIET.set(before);
    done.ok()
}

/// For work of ours in the midst of [`quietly`]: its panics are faults, and printed.
pub(super) fn aloud<T>(work: impl FnOnce() -> T) -> T {
    let before = IS_QUIET.replace(false);
    let done = work();
    IS_QUIET.set(before);
    done
}
