//! How long texts of whole sentences are: of what was drawn, the nearest end of a sentence.

use std::collections::BTreeMap;

use crate::pace::real;
use crate::schema::Distribution;
use crate::schema::phrase::Piece;
use crate::schema::phrase::pieces;

/// Numbers of words that come less often do not matter.
const RARE: f64 = 1e-9;

/// The share of texts that have up to so many words, from 0 on. Sentences come as often as their weights
/// say, each by itself; that none follows itself moves nothing that could be seen.
pub(super) fn lengths(entries: &[(Box<str>, f64)], size: &Distribution) -> Vec<f64> {
    let of_sentence = sentence(entries);
    let longest = of_sentence.len();
    let wanted = wanted(size);
    // How likely a sentence ends behind so many words.
    let mut ends = vec![1.0];
    for words in 1..wanted.len() {
        let before = (1..longest.min(words + 1)).map(|own| ends[words - own] * of_sentence[own]);
        ends.push(before.sum());
    }
    let mut shares = vec![0.0; wanted.len() + longest];
    for (wanted, share) in wanted.iter().enumerate().skip(1).filter(|(_, share)| **share > RARE) {
        let near = ends.iter().enumerate().take(wanted).skip(wanted.saturating_sub(longest));
        for (before, end_before) in near {
            let (under, first) = (wanted - before, before == 0);
            for (own, likely) in of_sentence.iter().enumerate().skip(under) {
                let is_nearer = !first && under < own - under;
                let end = if is_nearer { before } else { before + own };
                shares[end] += share * end_before * likely;
            }
        }
    }
    let total: f64 = shares.iter().sum();
    let mut sum = 0.0;
    let cumulated = shares.iter().map(|share| {
        sum += share;
        sum / total
    });
    cumulated.collect()
}

/// How likely so many words are drawn, from 0 on.
fn wanted(size: &Distribution) -> Vec<f64> {
    let kept = size.kept();
    let most = libm::round(size.quantile(1.0 - RARE, kept));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`check` allows ten thousand words"
    )]
    let most = most.clamp(1.0, 20_000.0) as u64;
    let below = |edge: f64| {
        if edge <= size.min {
            0.0
        } else if edge >= size.max {
            1.0
        } else {
            size.share(edge, kept)
        }
    };
    let of = |words: u64| {
        let from = if words <= 1 { 0.0 } else { below(real(words) - 0.5) };
        below(real(words) + 0.5) - from
    };
    std::iter::once(0.0).chain((1..=most).map(of)).collect()
}

/// How likely a sentence has so many words, from 0 on.
fn sentence(entries: &[(Box<str>, f64)]) -> Vec<f64> {
    let total: f64 = entries.iter().map(|(_, weight)| weight).sum();
    let mut shares = vec![0.0];
    for (phrase, weight) in entries {
        for ((words, _), share) in words(&pieces(phrase).unwrap_or_default()) {
            shares.resize(shares.len().max(words + 1), 0.0);
            shares[words] += share * weight / total;
        }
    }
    shares
}

/// The words of a sentence so far, and whether it is within one; and how likely that is.
fn words(pieces: &[Piece<'_>]) -> BTreeMap<(usize, bool), f64> {
    let mut states = BTreeMap::from([((0, false), 1.0)]);
    for piece in pieces {
        let texts: Vec<&str> = match piece {
            Piece::Text(text) => vec![text],
            Piece::OneOf(choices) => choices.clone(),
            Piece::Number(..) | Piece::Name => vec!["word"],
        };
        let mut next = BTreeMap::new();
        for (state, share) in states {
            for text in &texts {
                let after = text.chars().fold(state, |(words, is_within), letter| {
                    let is_letter = !letter.is_whitespace();
                    (words + usize::from(is_letter && !is_within), is_letter)
                });
                *next.entry(after).or_insert(0.0) += share / real(texts.len() as u64);
            }
        }
        states = next;
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Shape;

    #[test]
    fn texts_end_at_the_nearest_sentence() {
        let entries: [(Box<str>, f64); 2] =
            [("{name} came {home|back to us}.".into(), 1.0), ("Two words.".into(), 2.0)];
        // Two, three or five words.
        let shares = sentence(&entries);
        let expected = [0.0, 0.0, 2.0 / 3.0, 1.0 / 6.0, 0.0, 1.0 / 6.0];
        assert!(shares.iter().zip(expected).all(|(one, two)| (one - two).abs() < 1e-12));
        // Three words are wanted: the first sentence, or the second behind two words.
        let size = Distribution { shape: Shape::Even, min: 2.5, max: 3.5 };
        let below = lengths(&entries, &size);
        let share = |words: usize| below[words] - below[words - 1];
        assert!((share(2) - 2.0 / 3.0 * 1.0 / 3.0).abs() < 1e-9, "{below:?}");
        assert!((share(3) - 1.0 / 6.0).abs() < 1e-9, "{below:?}");
        assert!((share(4) - 2.0 / 3.0 * 2.0 / 3.0).abs() < 1e-9, "{below:?}");
        assert!((share(5) - 1.0 / 6.0).abs() < 1e-9, "{below:?}");
    }
}
