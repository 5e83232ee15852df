//! The nearest right word.

/// Longer words are no slips of the finger.
const LENGTH_MAX: usize = 100;
/// How many words a word is compared with: a large file may have thousands of both.
const CANDIDATES_MAX: usize = 1_000;

/// The candidate that a mistyped word most likely means, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (mut one, mut other) = ([' '; LENGTH_MAX], [' '; LENGTH_MAX]);
    let word = lower(word, &mut one)?;
    let allowed = (word.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().take(CANDIDATES_MAX) {
        let Some(other) = lower(candidate, &mut other) else { continue };
        // `order` for `orders_archive` is no slip of the finger, but it is what is meant.
        let is_part = word.len() >= 4 && (other.starts_with(word) || word.starts_with(other));
        let distance = distance(word, other, allowed).or(is_part.then_some(allowed));
        if let Some(distance) = distance.filter(|it| best.is_none_or(|(least, _)| *it < least)) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The letters of a word, none of them great; none of a word that is too long.
fn lower<'a>(word: &str, letters: &'a mut [char; LENGTH_MAX]) -> Option<&'a [char]> {
    let mut count = 0;
    for letter in word.chars().flat_map(char::to_lowercase) {
        *letters.get_mut(count)? = letter;
        count += 1;
    }
    letters.get(..count)
}

/// How many slips of the finger (a letter too much, too few, another, two in turn) lie between two
/// words, if no more than allowed. Row by row of the usual table, but only what both do not share,
/// and only as far as it may matter.
fn distance(one: &[char], other: &[char], allowed: usize) -> Option<usize> {
    let shared = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[shared..], &other[shared..]);
    let shared = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[..one.len() - shared], &other[..other.len() - shared]);
    if one.len().abs_diff(other.len()) > allowed {
        return None;
    }
    let far = allowed + 1;
    let mut before_last = [far; LENGTH_MAX + 1];
    let mut last = [far; LENGTH_MAX + 1];
    (0..=allowed.min(other.len())).for_each(|column| last[column] = column);
    for row in 1..=one.len() {
        let mut next = [far; LENGTH_MAX + 1];
        next[0] = row.min(far);
        let columns = row.saturating_sub(allowed).max(1)..=(row + allowed).min(other.len());
        for column in columns {
            let (mine, yours) = (one[row - 1], other[column - 1]);
            let changed = last[column - 1] + usize::from(mine != yours);
            let mut cheapest = changed.min(last[column] + 1).min(next[column - 1] + 1);
            if row > 1 && column > 1 && mine == other[column - 2] && yours == one[row - 2] {
                cheapest = cheapest.min(before_last[column - 2] + 1);
            }
            next[column] = cheapest.min(far);
        }
        (before_last, last) = (last, next);
    }
    Some(last[other.len()]).filter(|distance| *distance <= allowed)
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
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::distance;
    use super::nearest;
    use super::suggest;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let words = ["orders", "order_items", "customers"];
        assert_eq!(nearest("ordres", words), Some("orders"));
        assert_eq!(nearest("Orders", words), Some("orders"));
        assert_eq!(nearest("customer", words), Some("customers"));
        assert_eq!(nearest("suppliers", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest(&"orders".repeat(20), words), None);
        let listed = suggest("suppliers", "the tables", &words).unwrap();
        assert_eq!(listed, "the tables: `orders`, `order_items`, `customers`");
    }

    /// A large file must not take long because every word is compared with every other.
    #[test]
    fn a_word_is_compared_with_so_many_and_no_more() {
        let mut seen = 0;
        let words = std::iter::repeat_with(|| {
            seen += 1;
            "customers"
        });
        assert_eq!(nearest("orders", words.take(1_000_000)), None);
        assert_eq!(seen, 1_000);
    }

    proptest! {
        /// As the whole table says.
        #[test]
        fn distances_are_those_of_the_textbook(one in "[a-d]{0,9}", other in "[a-d]{0,9}", allowed in 0_usize..5) {
            let expected = Some(strsim::osa_distance(&one, &other)).filter(|it| *it <= allowed);
            let (one, other): (Vec<_>, Vec<_>) = (one.chars().collect(), other.chars().collect());
            prop_assert_eq!(distance(&one, &other, allowed), expected);
        }
    }
}
