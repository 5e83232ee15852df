//! The files of `scenarios/` and `schemas/`, built in. `@quickstart` names one.

/// The scenarios: name and text.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("orders-kill", include_str!("../../scenarios/orders-kill.yaml")),
    ("orders-life", include_str!("../../scenarios/orders-life.yaml")),
    ("orders-max", include_str!("../../scenarios/orders-max.yaml")),
    ("orders-original", include_str!("../../scenarios/orders-original.yaml")),
    ("orders-sessions", include_str!("../../scenarios/orders-sessions.yaml")),
    ("quickstart", include_str!("../../scenarios/quickstart.yaml")),
    ("seed-orders", include_str!("../../scenarios/seed-orders.yaml")),
    ("type-zoo", include_str!("../../scenarios/type-zoo.yaml")),
];

/// The schemas: name and text.
pub const SCHEMAS: &[(&str, &str)] = &[
    ("orders", include_str!("../../schemas/orders.yaml")),
    ("orders_original", include_str!("../../schemas/orders_original.yaml")),
    ("type_zoo", include_str!("../../schemas/type_zoo.yaml")),
];

/// The text of a built-in scenario.
pub fn scenario(name: &str) -> Option<&'static str> {
    find(SCENARIOS, name)
}

/// The text of a built-in schema.
pub fn schema(name: &str) -> Option<&'static str> {
    find(SCHEMAS, name)
}

fn find(files: &[(&'static str, &'static str)], name: &str) -> Option<&'static str> {
    files.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_is_built_in_is_what_lies_in_the_folders() {
        for (folder, table) in [("scenarios", super::SCENARIOS), ("schemas", super::SCHEMAS)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let mut files = BTreeMap::new();
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read_to_string(path).unwrap());
            }
            let table: BTreeMap<String, String> =
                table.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
            assert_eq!(files, table);
        }
    }
}
