//! Which streams share rows: streams that touch the same tables, or tables that refer to each
//! other, form a group and share its lanes.

use crate::action::TableId;
use crate::generate::world::Action;
use crate::generate::world::Stream;
use crate::generate::world::Table;
use crate::generate::world::actions_of;

/// The groups, each in the order of its streams.
pub(super) fn groups(
    tables: &[Table],
    actions: &[Action],
    streams: &[Stream],
    follow_ups: &[(u16, u16)],
) -> Vec<Vec<usize>> {
    // Union by relabelling: there are few tables.
    let mut label: Vec<usize> = (0..tables.len()).collect();
    let mut join = |left: usize, right: usize| {
        let (from, to) = (label[left], label[right]);
        label.iter_mut().filter(|each| **each == from).for_each(|each| *each = to);
    };
    for (number, table) in tables.iter().enumerate() {
        let parents = table.decided.iter().map(|parent| parent.table);
        for parent in parents.chain(table.owner.map(|owner| owner.table)) {
            join(number, usize::from(parent.0));
        }
    }
    for stream in 0..streams.len() {
        let all = actions_of(actions, streams, follow_ups, stream);
        let touched: Vec<TableId> =
            all.flat_map(|action| &action.steps).map(|step| step.table).collect();
        touched.windows(2).for_each(|pair| join(usize::from(pair[0].0), usize::from(pair[1].0)));
    }
    let label_of = |stream: &Stream| {
        let (action, _) = stream.mix.first()?;
        let step = actions[usize::from(*action)].steps.first()?;
        Some(label[usize::from(step.table.0)])
    };
    let mut groups: Vec<(Option<usize>, Vec<usize>)> = Vec::new();
    for (number, stream) in streams.iter().enumerate() {
        let label = label_of(stream);
        match groups.iter_mut().find(|(of, _)| *of == label) {
            Some((_, group)) => group.push(number),
            None => groups.push((label, vec![number])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}
