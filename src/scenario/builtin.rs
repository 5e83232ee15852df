//! The files of `scenarios/` and `schemas/`, built in. `@quickstart` names one.

/// The scenarios: name and text.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("cdc-ci", include_str!("../../scenarios/cdc-ci.yaml")),
    ("cdc-lag", include_str!("../../scenarios/cdc-lag.yaml")),
    ("cdc-spikes", include_str!("../../scenarios/cdc-spikes.yaml")),
    ("cdc-stress", include_str!("../../scenarios/cdc-stress.yaml")),
    ("clickstream-day", include_str!("../../scenarios/clickstream-day.yaml")),
    ("dirty-events", include_str!("../../scenarios/dirty-events.yaml")),
    ("files", include_str!("../../scenarios/files.yaml")),
    ("fill-zoo", include_str!("../../scenarios/fill-zoo.yaml")),
    ("firehose-throttled", include_str!("../../scenarios/firehose-throttled.yaml")),
    ("events-observed", include_str!("../../scenarios/events-observed.yaml")),
    ("full-pipeline", include_str!("../../scenarios/full-pipeline.yaml")),
    ("hot-rows", include_str!("../../scenarios/hot-rows.yaml")),
    ("noisy-neighbour", include_str!("../../scenarios/noisy-neighbour.yaml")),
    ("orders-contention", include_str!("../../scenarios/orders-contention.yaml")),
    ("orders-day", include_str!("../../scenarios/orders-day.yaml")),
    ("orders-history", include_str!("../../scenarios/orders-history.yaml")),
    ("orders-kill", include_str!("../../scenarios/orders-kill.yaml")),
    ("orders-life", include_str!("../../scenarios/orders-life.yaml")),
    ("orders-max", include_str!("../../scenarios/orders-max.yaml")),
    ("orders-original", include_str!("../../scenarios/orders-original.yaml")),
    ("orders-sessions", include_str!("../../scenarios/orders-sessions.yaml")),
    ("orders-spikes", include_str!("../../scenarios/orders-spikes.yaml")),
    ("quickstart", include_str!("../../scenarios/quickstart.yaml")),
    ("reviews-under-spikes", include_str!("../../scenarios/reviews-under-spikes.yaml")),
    ("seed-orders", include_str!("../../scenarios/seed-orders.yaml")),
    ("shop", include_str!("../../scenarios/shop.yaml")),
    ("tenants", include_str!("../../scenarios/tenants.yaml")),
    ("type-zoo", include_str!("../../scenarios/type-zoo.yaml")),
    ("web-events-firehose", include_str!("../../scenarios/web-events-firehose.yaml")),
    ("web-events-kafka", include_str!("../../scenarios/web-events-kafka.yaml")),
    ("web-events-original", include_str!("../../scenarios/web-events-original.yaml")),
    ("yelp-day", include_str!("../../scenarios/yelp-day.yaml")),
    ("yelp-seed", include_str!("../../scenarios/yelp-seed.yaml")),
    ("yelp-small", include_str!("../../scenarios/yelp-small.yaml")),
];

/// The schemas: name and text.
pub const SCHEMAS: &[(&str, &str)] = &[
    ("business", include_str!("../../schemas/business.yaml")),
    ("checkin", include_str!("../../schemas/checkin.yaml")),
    ("clickstream", include_str!("../../schemas/clickstream.yaml")),
    ("evaluations", include_str!("../../schemas/evaluations.yaml")),
    ("fills", include_str!("../../schemas/fills.yaml")),
    ("hot_reviews", include_str!("../../schemas/hot_reviews.yaml")),
    ("orders", include_str!("../../schemas/orders.yaml")),
    ("orders_original", include_str!("../../schemas/orders_original.yaml")),
    ("shop", include_str!("../../schemas/shop.yaml")),
    ("stock", include_str!("../../schemas/stock.yaml")),
    ("type_zoo", include_str!("../../schemas/type_zoo.yaml")),
    ("user", include_str!("../../schemas/user.yaml")),
    ("user_original", include_str!("../../schemas/user_original.yaml")),
    ("web_events", include_str!("../../schemas/web_events.yaml")),
    ("web_events_original", include_str!("../../schemas/web_events_original.yaml")),
];

/// The lists that schemas take lines from: path from the schemas' folder, and text.
pub const LISTS: &[(&str, &str)] = &[
    ("lists/dishes.txt", include_str!("../../schemas/lists/dishes.txt")),
    ("lists/review_bad.txt", include_str!("../../schemas/lists/review_bad.txt")),
    ("lists/review_good.txt", include_str!("../../schemas/lists/review_good.txt")),
    ("lists/review_later.txt", include_str!("../../schemas/lists/review_later.txt")),
    ("lists/review_mixed.txt", include_str!("../../schemas/lists/review_mixed.txt")),
    ("lists/review_poor.txt", include_str!("../../schemas/lists/review_poor.txt")),
    ("lists/review_praise.txt", include_str!("../../schemas/lists/review_praise.txt")),
    ("lists/tips.txt", include_str!("../../schemas/lists/tips.txt")),
];

/// The queries that judge the rows of schemas: path from the schemas' folder, and text.
pub const CHECKS: &[(&str, &str)] = &[
    ("../sql/checks/business.sql", include_str!("../../sql/checks/business.sql")),
    ("../sql/checks/checkin.sql", include_str!("../../sql/checks/checkin.sql")),
    ("../sql/checks/evaluations.sql", include_str!("../../sql/checks/evaluations.sql")),
    ("../sql/checks/orders.sql", include_str!("../../sql/checks/orders.sql")),
    ("../sql/checks/user.sql", include_str!("../../sql/checks/user.sql")),
];

/// Recorded load that scenarios play: file and text.
pub const TRACES: &[(&str, &str)] =
    &[("peak-day.csv", include_str!("../../scenarios/peak-day.csv"))];

/// The text of a built-in trace, by the name of its file.
pub fn trace(file: &str) -> Option<&'static str> {
    find(TRACES, file)
}

/// The text of a built-in scenario.
pub fn scenario(name: &str) -> Option<&'static str> {
    find(SCENARIOS, name)
}

/// The text of a built-in schema.
pub fn schema(name: &str) -> Option<&'static str> {
    find(SCHEMAS, name)
}

/// The text of a built-in file that a schema names, by its path from the schemas' folder.
pub fn beside(name: &str) -> Option<&'static str> {
    find(LISTS, name).or_else(|| find(CHECKS, name))
}

fn find(files: &[(&'static str, &'static str)], name: &str) -> Option<&'static str> {
    files.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    /// The files of a folder that end so, by name.
    fn files(folder: &str, extension: &str) -> BTreeMap<String, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let named = paths.filter(|path| path.extension().is_some_and(|own| own == extension));
        named
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect()
    }

    #[test]
    fn what_is_built_in_is_what_lies_in_the_folders() {
        for (folder, extension, table) in [
            ("scenarios", "yaml", super::SCENARIOS),
            ("scenarios", "csv", super::TRACES),
            ("schemas", "yaml", super::SCHEMAS),
            ("schemas/lists", "txt", super::LISTS),
            ("sql/checks", "sql", super::CHECKS),
        ] {
            let named = |name: &str| match extension {
                "yaml" => format!("{name}.yaml"),
                _ => name.rsplit('/').next().unwrap_or_default().to_owned(),
            };
            let table: BTreeMap<String, String> =
                table.iter().map(|(name, text)| (named(name), (*text).to_owned())).collect();
            assert_eq!(files(folder, extension), table);
        }
    }
}
