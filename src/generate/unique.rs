//! Values of which no two rows have the same, and which are not stored: the n-th row gets the n-th
//! value of a shuffled list that is computed, or its number behind a text.

use crate::action::Action;
use crate::action::Value;
use crate::generate::chance::Chance;
use crate::generate::chance::chosen;
use crate::generate::column::Column;
use crate::generate::column::Filler;
use crate::generate::column::Row;
use crate::generate::column::cut;
use crate::generate::invent;
use crate::generate::invent::base36;
use crate::generate::key::Draw;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::permute::Permutation;
use crate::generate::words::Words;
use crate::generate::world::World;
use crate::schema::ColumnType;
use crate::schema::Invented;
use crate::schema::Pattern;
use crate::units::Decimal;

impl World {
    /// A value that no other row of the table has.
    pub(super) fn unique_value(
        &self,
        column: &Column,
        filler: &Filler,
        row: &Row<'_>,
        action: &mut Action,
    ) -> Value {
        let number = self.number(row.table, row.ordinal);
        let shuffle = key(self.seed, row.table.0, Purpose::Unique(column.number), 0);
        let shuffled = |count: u64| Permutation::new(shuffle, count).forward(number);
        match filler {
            Filler::Whole { min, count } => {
                return Value::Int(min.saturating_add_unsigned(shuffled(*count)));
            }
            Filler::Decimal { min, count, scale } => {
                let unscaled = min.saturating_add_unsigned(shuffled(*count));
                return Value::Decimal(Decimal { unscaled, scale: *scale });
            }
            Filler::Chance(Chance::Between(between)) => {
                return between.at(column.kind, shuffled(between.count));
            }
            _ => {}
        }
        let chance = self.column_key(column, row);
        let start = action.arena().len();
        match filler {
            Filler::Chance(Chance::Pattern(pattern)) => {
                write_pattern(pattern, shuffled(pattern.count()), action.arena());
            }
            Filler::Chance(Chance::Lines(lines)) => {
                let line = lines.line(shuffled(lines.entries.len() as u64));
                action.arena().push_str(line);
            }
            Filler::Chance(Chance::Invented(
                invented @ (Invented::Phone(_) | Invented::Ip(_) | Invented::Color),
            )) => {
                let index = match invented.count() {
                    Some(count) => shuffled(count),
                    None => Permutation::of_all(shuffle).forward(number),
                };
                invent::write(*invented, Some(index), &mut Draw::new(chance), action.arena());
            }
            filler => numbered(column.kind, filler, (chance, number), action),
        }
        action.text_from(start)
    }

    /// How many rows of a table have values of their own in all unique columns; `None` is without
    /// end.
    pub fn unique_room(&self, table: crate::action::TableId) -> Option<u64> {
        let rooms = self.table(table).columns.iter().filter_map(|column| match &column.filler {
            Filler::Unique(inner) => room(inner),
            _ => None,
        });
        rooms.min()
    }

    /// How many row numbers a run may use in a table, those of others before it included.
    pub fn numbers_end(&self, table: crate::action::TableId) -> u64 {
        let of = self.table(table);
        of.taken.saturating_add(of.numbers_max)
    }
}

fn room(filler: &Filler) -> Option<u64> {
    match filler {
        Filler::Whole { count, .. } | Filler::Decimal { count, .. } => Some(*count),
        Filler::Chance(Chance::Between(between)) => Some(between.count),
        Filler::Chance(Chance::Pattern(pattern)) => Some(pattern.count()),
        Filler::Chance(Chance::Lines(lines)) => Some(lines.entries.len() as u64),
        Filler::Chance(Chance::Invented(invented)) => invented.count(),
        _ => None,
    }
}

/// The text of this number among those of a plain pattern.
fn write_pattern(pattern: &Pattern, number: u64, out: &mut String) {
    let mut rest = number;
    for piece in &pattern.pieces {
        let count = piece.choices.len() as u64;
        for _ in 0..piece.max {
            out.push_str(chosen(&piece.choices, rest % count));
            rest /= count;
        }
    }
}

/// A text, and behind it the row's number: whatever stands behind the last separator tells rows
/// apart.
fn numbered(kind: ColumnType, filler: &Filler, (chance, number): (u64, u64), action: &mut Action) {
    let start = action.arena().len();
    let mut draw = Draw::new(chance);
    let separator = match filler {
        Filler::Words { min, max } => {
            let more = draw.below(u64::from(max - min) + 1);
            Words::new(chance).words(min + u32::try_from(more).unwrap_or(0), action.arena());
            " "
        }
        Filler::Name(part) => {
            let mut name = Vec::new();
            Words::new(chance).name(*part, &mut name);
            action.arena().push_str(str::from_utf8(&name).unwrap_or_default());
            " "
        }
        Filler::Chance(Chance::Invented(invented)) => {
            invent::write(*invented, Some(number), &mut draw, action.arena());
            match invented {
                Invented::Slug | Invented::Url => "-",
                Invented::Username => "",
                _ => " ",
            }
        }
        Filler::Chance(other) => {
            other.write(kind, &mut draw, action);
            " "
        }
        _ => "",
    };
    let mut buffer = [0; 13];
    let digits = base36(number, &mut buffer);
    // Digits alone behind a name that has none; letters could be the name's.
    let plain = number.to_string();
    let tail: &[u8] = if separator.is_empty() { plain.as_bytes() } else { digits };
    if let Some(limit) = kind.length_max() {
        let room = (limit as usize).saturating_sub(tail.len() + separator.len());
        let arena = action.arena();
        if let Some((end, _)) = arena[start..].char_indices().nth(room) {
            arena.truncate(start + end);
        }
    }
    let arena = action.arena();
    arena.push_str(separator);
    arena.extend(tail.iter().map(|digit| char::from(*digit)));
    cut(kind, start, action);
}
