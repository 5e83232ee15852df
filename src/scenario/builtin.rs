//! The files of `scenarios/` and `schemas/`, built in. `@quickstart` names one.

/// The scenarios: name and text.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("fill-zoo", include_str!("../../scenarios/fill-zoo.yaml")),
    ("orders-kill", include_str!("../../scenarios/orders-kill.yaml")),
    ("orders-max", include_str!("../../scenarios/orders-max.yaml")),
    ("orders-original", include_str!("../../scenarios/orders-original.yaml")),
    ("quickstart", include_str!("../../scenarios/quickstart.yaml")),
    ("seed-orders", include_str!("../../scenarios/seed-orders.yaml")),
    ("type-zoo", include_str!("../../scenarios/type-zoo.yaml")),
];

/// The schemas: name and text.
pub const SCHEMAS: &[(&str, &str)] = &[
    ("fills", include_str!("../../schemas/fills.yaml")),
    ("orders", include_str!("../../schemas/orders.yaml")),
    ("orders_original", include_str!("../../schemas/orders_original.yaml")),
    ("type_zoo", include_str!("../../schemas/type_zoo.yaml")),
];

/// The lists that schemas take lines from: path from the schemas' folder, and text.
pub const LISTS: &[(&str, &str)] =
    &[("lists/dishes.txt", include_str!("../../schemas/lists/dishes.txt"))];

/// The text of a built-in scenario.
pub fn scenario(name: &str) -> Option<&'static str> {
    find(SCENARIOS, name)
}

/// The text of a built-in schema.
pub fn schema(name: &str) -> Option<&'static str> {
    find(SCHEMAS, name)
}

/// The text of a built-in list.
pub fn list(name: &str) -> Option<&'static str> {
    find(LISTS, name)
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
        for (folder, table) in [
            ("scenarios", super::SCENARIOS),
            ("schemas", super::SCHEMAS),
            ("schemas/lists", super::LISTS),
        ] {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let mut files = BTreeMap::new();
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    continue;
                }
                let mut name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                if folder == "schemas/lists" {
                    name = format!("lists/{name}.txt");
                }
                files.insert(name, fs::read_to_string(path).unwrap());
            }
            let table: BTreeMap<String, String> =
                table.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
            assert_eq!(files, table);
        }
    }
}
