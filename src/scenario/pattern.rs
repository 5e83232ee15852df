//! Lists of patterns, as Debezium's properties have them.

/// Signs that stand for something else in a pattern, unless a `\` is before them.
const SIGNS: &str = "$^.*+?()[]{}|\\";

/// A name as a pattern of Debezium's that fits it alone; a comma would end it.
pub(crate) fn pattern(name: &str) -> String {
    let mut pattern = String::new();
    for letter in name.chars() {
        if !letter.is_alphanumeric() && letter != '_' {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// The patterns of a list: those between commas without a `\` before them.
pub(crate) fn listed(list: &str) -> Vec<&str> {
    let (mut all, mut begin, mut is_bare) = (Vec::new(), 0, true);
    for (at, letter) in list.char_indices() {
        if letter == ',' && is_bare {
            all.push(list[begin..at].trim());
            begin = at + 1;
        }
        is_bare = letter != '\\' || !is_bare;
    }
    all.push(list[begin..].trim());
    all
}

/// The name that a pattern stands for, if it stands for one alone. A bare dot does: nobody who writes `public.orders`
/// means another table.
pub(crate) fn literal(pattern: &str) -> Option<String> {
    let mut name = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        name.push(match letter {
            // Before a letter or a number it makes something else of that.
            '\\' => letters.next().filter(|it| !it.is_alphanumeric())?,
            '.' => letter,
            '[' => letters.as_str().strip_prefix(".]").map(|rest| {
                letters = rest.chars();
                '.'
            })?,
            sign if SIGNS.contains(sign) => return None,
            other => other,
        });
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_from_its_pattern() {
        let names =
            ["public.orders", "public.my-table", "public.pay$", "a b.c,d", "größe.x_1", "a\\.b"];
        let list = names.map(pattern).join(",");
        let back: Vec<_> = listed(&list).into_iter().map(literal).collect();
        assert_eq!(back, names.map(|name| Some(name.to_owned())));
        assert_eq!(listed(" a , b\\\\,c"), ["a", "b\\\\", "c"]);
        assert_eq!(literal("public[.]orders").as_deref(), Some("public.orders"));
        for pattern in [
            "a\\[.]",
            "public\\.orders$",
            "^a",
            "a\\w",
            "\\Qa\\E",
            "a?",
            "a|b",
            "[ab]",
            "a\\",
            "a{2}",
        ] {
            assert_eq!(literal(pattern), None, "{pattern}");
        }
    }
}
