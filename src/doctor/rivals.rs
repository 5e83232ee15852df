//! Connectors beside each other: what one has, the other has as well, or cannot have.

use crate::doctor::Check;
use crate::doctor::connector::NAME;

impl Check {
    /// Of a database that several connectors capture, by their names and what their topics begin with.
    pub fn shared(database: &str, connectors: &[(&str, &str)]) -> Option<Self> {
        let [(_, first), others @ ..] = connectors else { return None };
        let (last, _) = others.last()?;
        let names: Vec<&str> = connectors.iter().map(|it| it.0).collect();
        let names = format!("`{}` capture it", names.join("` and `"));
        Some(if others.iter().any(|(_, prefix)| prefix == first) {
            let found = format!(
                "{names}, into topics that begin with `{first}`: each change of a table that several of them have comes \
                 more than once, and is `doubled`"
            );
            let remedy =
                format!("curl -X DELETE 'URL/connectors/{last}' -- or whichever is not needed");
            Self::warning(NAME, found).remedy(remedy).at(database)
        } else {
            Self::info(NAME, format!("{names}, each into topics of its own")).at(database)
        })
    }

    /// Of connectors that read one slot of one server, by their names, if there are several.
    pub fn one_slot(slot: &str, connectors: &[&str]) -> Option<Self> {
        let [_, .., last] = connectors else { return None };
        let names = connectors.join("` and `");
        let found = format!(
            "`{names}` read one slot, and it has one reader at a time: the others wait, fail, or take it when that one \
             begins again, and then no connector has all changes"
        );
        let remedy = format!(
            "give each its own `slot.name`, or: curl -X DELETE 'URL/connectors/{last}' -- or whichever is not needed"
        );
        Some(Self::critical(NAME, found).remedy(remedy).at(slot))
    }
}
