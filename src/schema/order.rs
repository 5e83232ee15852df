//! Parents before children.

/// Orders `count` things so that each stands behind all it needs (`needs(thing)` lists them);
/// otherwise as they were. The error is one cycle, each thing needing the next and the last the
/// first.
pub fn parents_first(
    count: usize,
    needs: impl Fn(usize) -> Vec<usize>,
) -> Result<Vec<usize>, Vec<usize>> {
    let mut order = Vec::with_capacity(count);
    let mut is_placed = vec![false; count];
    while order.len() < count {
        let before = order.len();
        for thing in 0..count {
            if !is_placed[thing] && needs(thing).iter().all(|&need| is_placed[need]) {
                is_placed[thing] = true;
                order.push(thing);
            }
        }
        if order.len() == before {
            return Err(cycle(&is_placed, needs));
        }
    }
    Ok(order)
}

/// Follows needs among what could not be placed until something comes up again.
fn cycle(is_placed: &[bool], needs: impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
    let mut path: Vec<usize> = Vec::new();
    let mut next = is_placed.iter().position(|placed| !placed);
    while let Some(thing) = next {
        if let Some(start) = path.iter().position(|&earlier| earlier == thing) {
            return path.split_off(start);
        }
        path.push(thing);
        next = needs(thing).into_iter().find(|&need| !is_placed[need]);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::parents_first;

    #[test]
    fn parents_come_first_and_cycles_are_shown() {
        let needs = [vec![2], vec![], vec![1], vec![0, 1]];
        assert_eq!(parents_first(4, |thing| needs[thing].clone()), Ok(vec![1, 2, 0, 3]));
        let circle = [vec![1], vec![2], vec![1], vec![]];
        assert_eq!(parents_first(4, |thing| circle[thing].clone()), Err(vec![1, 2]));
        assert_eq!(parents_first(1, |_| vec![0]), Err(vec![0]));
    }
}
