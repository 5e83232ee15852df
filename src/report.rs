//! What the user sees: the run as it goes (standard error), its closing summary (standard output)
//! and its folder. Everything shown is in a [`crate::measure::Summary`] or came over a
//! [`crate::measure::Feed`]; nothing is measured or judged here.

mod closing;
mod faults;
mod folder;
mod histograms;
mod judged;
mod keeper;
mod lag;
mod line_file;
mod lines;
mod manifest;
pub(crate) mod observed;
mod progress;
mod series;
mod slots;
mod steps;
mod terminal;
mod sums;
pub(crate) mod text;

pub use closing::Colour;
pub use closing::closing;
pub use faults::FaultKeeper;
pub use faults::FaultsKept;
pub use folder::FolderError;
pub use folder::RunFolder;
pub use histograms::Histograms;
pub use keeper::Keeper;
pub use lag::LagKeeper;
pub use manifest::Machine;
pub use manifest::Manifest;
pub use manifest::ServerFacts;
pub use manifest::SourceFile;
pub use manifest::Subject;
pub use progress::Progress;
