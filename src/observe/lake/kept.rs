//! Data files that were read, and are not in the lake any more.

use std::collections::HashSet;

use crate::observe::lake::changes::DataFile;
use crate::observe::objects::kept::KeptFile;
use crate::observe::objects::kept::KeptFiles;
use crate::observe::objects::store::Store;

/// A data file of a table, by that table's name.
pub(super) type Of = (String, DataFile);

/// Those that are not in the lake any more: nobody named them taken back (`removed`), or they are not where they
/// were. What was put into other files (`moved`) is still there. Told at each file which that is, `goes_on` may end
/// it.
pub(super) async fn gone(
    kept: &mut KeptFiles<Of>,
    store: &mut Store,
    (removed, moved): (&HashSet<String>, &HashSet<String>),
    goes_on: impl Fn(usize) -> bool,
) -> Result<Vec<KeptFile<Of>>, String> {
    let mut absent = HashSet::new();
    // A store that does not answer is asked again, for all of them: nothing is forgotten before.
    for (looked_for, (_, file)) in (1..).zip(kept.files()) {
        if !goes_on(looked_for) {
            return Err("nobody waits for it any more".to_owned());
        }
        let path = &file.path;
        if removed.contains(path) || (!moved.contains(path) && !store.has(path).await?) {
            absent.insert(path.clone());
        }
    }
    Ok(kept.take(|(_, file)| absent.contains(&file.path)))
}
