//! Events that are observed: how they are written, and where they come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::action::TableId;
use crate::action::TableInfo;
use crate::cli::prepare::Prepared;
use crate::cli::publish::Publishers;
use crate::observe::EventFiles;
use crate::observe::EventTopics;
use crate::observe::Forms;
use crate::observe::SurfaceKind;
use crate::scenario::EventSurface;
use crate::scenario::Events;
use crate::scenario::KafkaTarget;
use crate::scenario::LakeSite;
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
    Ok(match &meant.place {
        Events::Topics { target, topics } => {
            let from = (*target, topics.as_deref());
            SurfaceKind::Events(Box::new(topics_of(
                (prepared, publishers),
                (observer, meant),
                from,
            )?))
        }
        Events::Files { site, every } => {
            let from = (site.clone(), *every);
            let files = files((prepared, publishers), (observer, meant), from)?;
            SurfaceKind::EventFiles(Box::new(files))
        }
    })
}

/// Topics with events.
fn topics_of(
    (prepared, publishers): (&Prepared, &Publishers),
    (observer, meant): (&Observer, &EventSurface),
    (target, topics): (usize, Option<&str>),
) -> Result<EventTopics, SetupError> {
    let scenario = &prepared.scenario;
    let name = scenario.targets[target].name.clone();
    let cluster = prepared.place.cluster(target).ok_or_else(|| {
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
    Ok(EventTopics {
        cluster: cluster.clone(),
        events,
        target: name,
        has_keys: clusters.iter().all(Option::is_some),
        is_ordered: clusters.iter().copied().all(|it| it.is_some_and(KafkaTarget::is_idempotent)),
        publishers: unnamed(prepared, publishers, meant),
        run: has_headers.then(|| prepared.folder.run().to_owned()),
        is_copied: topics.is_some(),
        within: meant.within,
    })
}

/// Objects with events.
fn files(
    (prepared, publishers): (&Prepared, &Publishers),
    (observer, meant): (&Observer, &EventSurface),
    (site, every): (Option<LakeSite>, Duration),
) -> Result<EventFiles, SetupError> {
    let targets: Vec<usize> = meant.ways.iter().map(|way| way.target).collect();
    let mut names = Vec::new();
    let site = if let Some(site) = site {
        site
    } else {
        let folder = targets.first().and_then(|target| prepared.place.delivered(*target));
        let folder = folder.ok_or_else(|| {
            let name = &observer.name;
            SetupError::Local(format!("the observer `{name}` reads what no stand-in delivers"))
        })?;
        // All streams of a stand-in share its folder, and its objects are called by them.
        let of = events(prepared, meant, |domain, event, to| to.destination_of(domain, event));
        names.extend(of.into_values().flatten().map(|stream| format!("{stream}-1-")));
        LakeSite::Folder(folder.to_owned())
    };
    let target = targets.first().map(|target| prepared.scenario.targets[*target].name.clone());
    let target = target.unwrap_or_default();
    let events = events(prepared, meant, |domain, event, to| {
        format!("{target}.{}", to.destination_of(domain, event).unwrap_or_default())
    });
    let publishers = unnamed(prepared, publishers, meant);
    let within = meant.within;
    Ok(EventFiles { site, names, events, target, publishers, every, within })
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
