//! Where the points of a Poisson process of rate 1 lie: a function of the key and a point's number.
//!
//! Units are cut into blocks of 1,024. How many points a block has is drawn (or is 1,024, if the
//! count is to be exact). Where they lie is found by halving: each point of a block falls into its
//! left half or its right by a coin of its own, and so on, until it is alone; there it lies
//! anywhere. Only the coins on the way to the point in question are thrown, and the same ones each
//! time, so that the n-th point is known without those before it.
//!
//! ```text
//!   block   1,024 units      9 points
//!           ├───────┴───────┤
//!              5        4             9 coins: 5 heads
//!           ├───┴───┤               point 3 is the last but one of these 5
//!             2   3                   5 coins: 2 heads
//! ```
//!
//! What is kept is one small number for each block, how far the points before it differ from 1,024
//! a block: 400 kB for 100 million points. With an exact count nothing is kept.

use std::sync::Arc;

use crate::pace::chance::heads;
use crate::pace::chance::key;
use crate::pace::chance::unit;
use crate::pace::real;
use crate::pace::whole;

/// The most points that a drawn process may have: more would take too much memory. `check` holds it.
pub const POISSON_MAX: u64 = 10_000_000_000;

/// Units of a block.
const BLOCK: u64 = 1_024;

/// Halvings after which two points lie in the same place.
const DEPTH_MAX: u32 = 52;

/// The points of a process from 0 to an end.
#[derive(Debug, Clone)]
pub(super) struct Points {
    key: u64,
    /// Its end, in units.
    end: f64,
    /// Points before each block less 1,024 for each; `None` if there are exactly so many.
    drift: Option<Arc<[i32]>>,
    count: u64,
}

impl Points {
    /// A process of as many points as it has units, rounded up.
    pub(super) fn exact(key: u64, end: f64) -> Points {
        Points { key, end, drift: None, count: whole(end.ceil()) }
    }

    /// A process whose number of points is drawn.
    pub(super) fn drawn(key: u64, end: f64) -> Points {
        let table = poisson_table();
        let mut drift = Vec::with_capacity(whole(end / real(BLOCK)).try_into().unwrap_or(0));
        let mut before = 0_i32;
        let blocks = whole(end.min(real(POISSON_MAX))) / BLOCK;
        for block in 0..=blocks {
            drift.push(before);
            before = before.saturating_add(draw(&table, key_of(key, block)));
        }
        drift.push(before);
        let mut points = Points { key, end, drift: Some(drift.into()), count: 0 };
        // The last block goes on behind the end: only what lies before it counts.
        let (first, many) = points.block(blocks);
        let share = (end - real(blocks * BLOCK)) / real(BLOCK);
        points.count = first + before_share(key_of(key, blocks), many, share);
        points
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Where a point lies.
    pub(super) fn at(&self, point: u64) -> f64 {
        let block = self.block_of(point);
        let (first, many) = self.block(block);
        let start = real(block * BLOCK);
        // An exact process has its last points before its end, and they fill what is left.
        let width = match self.drift {
            Some(_) => real(BLOCK),
            None => real(BLOCK).min(self.end - start),
        };
        start + width * place(key_of(self.key, block), many, point.saturating_sub(first))
    }

    /// The number of a block's first point, and how many it has.
    fn block(&self, block: u64) -> (u64, u64) {
        match &self.drift {
            None => (block * BLOCK, (self.count - block * BLOCK).min(BLOCK)),
            Some(drift) => {
                let first = before(drift, block);
                (first, before(drift, block + 1) - first)
            }
        }
    }

    fn block_of(&self, point: u64) -> u64 {
        let Some(drift) = &self.drift else { return point / BLOCK };
        let last = drift.len() as u64 - 2;
        // The drift changes slowly, so that from here it is a block or two.
        let near = (point / BLOCK).min(last);
        let guess = point.saturating_add_signed(real_drift(drift, near).saturating_neg()) / BLOCK;
        let mut block = guess.min(last);
        while block > 0 && before(drift, block) > point {
            block -= 1;
        }
        while block < last && before(drift, block + 1) <= point {
            block += 1;
        }
        block
    }
}

fn key_of(process: u64, block: u64) -> u64 {
    key(process, block)
}

fn real_drift(drift: &[i32], block: u64) -> i64 {
    let found = usize::try_from(block).ok().and_then(|block| drift.get(block));
    i64::from(found.copied().unwrap_or(0))
}

/// Points before a block.
fn before(drift: &[i32], block: u64) -> u64 {
    (block * BLOCK).saturating_add_signed(real_drift(drift, block))
}

/// Where the `point`-th of `many` points lies in their block, from 0 to 1.
fn place(block: u64, mut many: u64, mut point: u64) -> f64 {
    let (mut begin, mut width, mut node) = (0.0, 1.0, 1_u64);
    for _ in 0..DEPTH_MAX {
        if many <= 1 {
            break;
        }
        let left = heads(key(block, node), many);
        width *= 0.5;
        if point < left {
            many = left;
            node *= 2;
        } else {
            point -= left;
            many -= left;
            begin += width;
            node = node * 2 + 1;
        }
    }
    begin + width * unit(key(block, node))
}

/// How many of `many` points lie before a share of their block.
fn before_share(block: u64, mut many: u64, share: f64) -> u64 {
    let (mut begin, mut width, mut node) = (0.0, 1.0, 1_u64);
    let mut found = 0;
    for _ in 0..DEPTH_MAX {
        if many <= 1 {
            break;
        }
        let left = heads(key(block, node), many);
        width *= 0.5;
        if share < begin + width {
            many = left;
            node *= 2;
        } else {
            found += left;
            many -= left;
            begin += width;
            node = node * 2 + 1;
        }
    }
    let is_before = begin + width * unit(key(block, node)) < share;
    found + if is_before { many } else { 0 }
}

/// The chances that a block has at most so many points, from [`LEAST`] on: what lies outside is
/// less probable than a double can tell.
fn poisson_table() -> Vec<f64> {
    let mean = real(BLOCK);
    let least = f64::from(LEAST);
    let mut chance = libm::exp(least * libm::log(mean) - mean - libm::lgamma(least + 1.0));
    let chances = (LEAST..MOST).map(|count| {
        let this = chance;
        chance *= mean / f64::from(count + 1);
        this
    });
    let chances: Vec<f64> = chances.collect();
    let sum: f64 = chances.iter().sum();
    let mut at_most = 0.0;
    let cumulated = chances.iter().map(|chance| {
        at_most += chance / sum;
        at_most
    });
    cumulated.collect()
}

/// Ten standard deviations, of 32 each, to both sides of 1,024.
const LEAST: i32 = 704;
const MOST: i32 = 1_344;

/// How many points a block has, less 1,024.
fn draw(table: &[f64], block: u64) -> i32 {
    let chance = unit(key(block, 0));
    let index = table.partition_point(|at_most| *at_most <= chance).min(table.len() - 1);
    LEAST + i32::try_from(index).unwrap_or(0) - 1_024
}
