//! Events that are observed: how they are written, and where they come.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::action::TableId;
use crate::action::TableInfo;
use crate::cli::prepare::Prepared;
use crate::cli::publish::Publishers;
use crate::observe::EventTopics;
use crate::observe::Forms;
use crate::observe::SurfaceKind;
use crate::scenario::EventSurface;
use crate::scenario::Events;
use crate::scenario::KafkaTarget;
use crate::scenario::Observer;
use crate::scenario::ObserverKind;
use crate::scenario::TargetKind;
use crate::sink::event::Publisher;
use crate::sink::postgres::provision::SetupError;

/// How all events are written that any observer sees.
pub(super) fn forms(prepared: &Prepared, publishers: &Publishers) -> Forms {
    let mut forms = Forms::default();
    let is_observed = |number: &usize| {
        let way = prepared.scenario.ways()[*number];
        prepared.scenario.observers.iter().any(|observer| match &observer.kind {
            ObserverKind::Events(meant) => meant.ways.contains(&way),
            _ => false,
        })
    };
    let ways = prepared.scenario.ways();
    let observed: Vec<usize> = (0..ways.len()).filter(is_observed).collect();
    for number in observed {
        let Some(options) = publishers.destination(prepared, number, ways[number]) else {
            continue;
        };
        forms.ways.resize(ways.len(), false);
        forms.ways[number] = true;
        forms.topics.resize(options.topics.len(), None);
        for (form, topic) in forms.topics.iter_mut().zip(options.topics.iter()) {
            if let Some(topic) = topic {
                *form = Some(topic.clone());
            }
        }
    }
    forms
}

/// Where they come.
pub(super) fn surface(
    prepared: &Prepared,
    publishers: &Publishers,
    (observer, meant): (&Observer, &EventSurface),
) -> Result<SurfaceKind, SetupError> {
    let Events::Topics { target, topics } = &meant.place;
    let scenario = &prepared.scenario;
    let name = scenario.targets[*target].name.clone();
    let cluster = prepared.place.cluster(*target).ok_or_else(|| {
        SetupError::Local(format!(
            "the observer `{}` reads topics of `{name}`, and nothing is known of that cluster",
            observer.name
        ))
    })?;
    let topic_of = |domain: &str, event: &str, to: &TargetKind| match topics {
        Some(template) => template.replace("{event}", event).replace("{domain}", domain),
        None => to.destination_of(domain, event).unwrap_or_default(),
    };
    let events = events(prepared, meant, |domain, event, to| {
        let topic = topic_of(domain, event, to);
        let shown = format!("{name}.{topic}");
        (topic, shown)
    });
    let clusters: Vec<Option<&KafkaTarget>> = meant
        .ways
        .iter()
        .map(|way| match &scenario.targets[way.target].kind {
            TargetKind::Kafka(kafka) => Some(kafka),
            _ => None,
        })
        .collect();
    let has_headers = clusters.iter().flatten().any(|kafka| kafka.has_headers);
    Ok(SurfaceKind::Events(Box::new(EventTopics {
        cluster: cluster.clone(),
        events,
        target: name,
        has_keys: clusters.iter().all(Option::is_some),
        is_ordered: clusters.iter().copied().all(|it| it.is_some_and(KafkaTarget::is_idempotent)),
        publishers: unnamed(prepared, publishers, meant),
        run: has_headers.then(|| prepared.folder.run().to_owned()),
        is_copied: topics.is_some(),
        within: meant.within,
    })))
}

/// Those who know how many events may be there twice, and not which. The others tell of each.
fn unnamed(
    prepared: &Prepared,
    publishers: &Publishers,
    meant: &EventSurface,
) -> Vec<Arc<dyn Publisher>> {
    let is_unnamed = |target: &usize| match &prepared.scenario.targets[*target].kind {
        TargetKind::Kafka(kafka) => kafka.transactions.is_none(),
        _ => false,
    };
    let mut targets: Vec<usize> = meant.ways.iter().map(|way| way.target).collect();
    targets.sort_unstable();
    targets.dedup();
    targets.into_iter().filter(is_unnamed).filter_map(|it| publishers.of(it)).collect()
}

/// What each event that comes there has, by its domain, its name and the target to which it is sent.
fn events<T>(
    prepared: &Prepared,
    meant: &EventSurface,
    each: impl Fn(&str, &str, &TargetKind) -> T,
) -> BTreeMap<TableId, T> {
    let (scenario, all) = (&prepared.scenario, prepared.scenario.ways());
    let tables = prepared.world.catalog.all().filter(|(_, table)| table.event.is_some());
    let event = |(id, table): (TableId, &TableInfo)| {
        let way = all.get(table.way).filter(|way| meant.ways.contains(way))?;
        let domain = &scenario.domains[way.domain].schema.name;
        Some((id, each(domain, &table.name, &scenario.targets[way.target].kind)))
    };
    tables.filter_map(event).collect()
}
