//! What the metadata of a table names: lists, manifests and metadata itself.

use std::ops::ControlFlow;

use serde_json::Value as Json;

use crate::observe::avro::Shape;
use crate::observe::avro::container::Container;
use crate::observe::objects::store::Store;

/// What a list or a manifest may have once it is unpacked: all of it is held at once.
const BYTES_MAX: u64 = 256 << 20;

/// Why a look was in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may go well later.
    Passing(String),
    /// It will not.
    Lasting(String),
}

pub(super) async fn metadata(store: &mut Store, at: &str) -> Result<Json, Trouble> {
    let bytes = file(store, at).await?;
    let broken =
        |_| Trouble::Lasting(format!("`{at}` is no JSON, so it is no metadata of a table"));
    serde_json::from_slice(&bytes).map_err(broken)
}

pub(super) async fn avro_file(store: &mut Store, at: &str) -> Result<Vec<Json>, Trouble> {
    let bytes = file(store, at).await?;
    let broken = |why| Trouble::Lasting(format!("`{at}` cannot be read: {why}"));
    records(&bytes).map_err(broken)
}

/// All records of a list or of a manifest.
pub(super) fn records(file: &[u8]) -> Result<Vec<Json>, String> {
    let file = Container::open(file)?;
    let shape = Shape::read(&file.schema)?;
    let mut all = Vec::new();
    file.each((&shape, BYTES_MAX), |record| {
        all.push(record);
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

/// What metadata names is there, or will be.
async fn file(store: &mut Store, at: &str) -> Result<Vec<u8>, Trouble> {
    let found = store.get(at).await.map_err(Trouble::Passing)?;
    found.ok_or_else(|| Trouble::Passing(format!("`{at}` is not there")))
}

pub(super) fn number(of: &Json, name: &str) -> Option<i64> {
    of.get(name).and_then(Json::as_i64)
}
