//! The nearest right word.

/// The candidate that a mistyped word most likely means, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let length = lower.chars().count();
    let allowed = (length / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = candidate.to_lowercase();
        let distance = strsim::damerau_levenshtein(&lower, &other);
        // `order` for `orders_archive` is no slip of the finger, but it is what is meant.
        let is_part = length >= 4 && (other.starts_with(&lower) || lower.starts_with(&other));
        let distance = if is_part { distance.min(allowed) } else { distance };
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `did you mean …?`, or else the whole list if it is short; `many` names what is listed.
pub fn suggest(word: &str, many: &str, candidates: &[&str]) -> Option<String> {
    if let Some(candidate) = nearest(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{candidate}`?"));
    }
    if candidates.is_empty() || candidates.len() > 24 {
        return None;
    }
    let list: Vec<String> = candidates.iter().map(|word| format!("`{word}`")).collect();
    Some(format!("{many}: {}", list.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::nearest;
    use super::suggest;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let words = ["orders", "order_items", "customers"];
        assert_eq!(nearest("ordres", words), Some("orders"));
        assert_eq!(nearest("Orders", words), Some("orders"));
        assert_eq!(nearest("customer", words), Some("customers"));
        assert_eq!(nearest("suppliers", words), None);
        let listed = suggest("suppliers", "the tables", &words).unwrap();
        assert_eq!(listed, "the tables: `orders`, `order_items`, `customers`");
    }
}
