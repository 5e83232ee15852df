//! A million events of sessions: they walk as the weights say, and whoever looks at nothing but times finds
//! the sessions that there are.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use loadgen::action::Action;
use loadgen::action::Value;
use loadgen::generate::Lane;
use loadgen::generate::World;
use loadgen::scenario::Overrides;
use loadgen::scenario::Scenario;
use loadgen::scenario::Start;

/// What tells a session from the next one, in microseconds.
const GAP_US: i64 = 30 * 60 * 1_000_000;

/// The day in a day, some visitors a second.
const PROFILE: &str = "load.streams={ visitors: { mix: { clickstream.visit: 1 }, profile: [ { day: \
     { weights: [ 8, 5, 3, 2, 1, 1, 2, 4, 6, 8, 9, 10, 11, 11, 10, 9, 9, 11, 14, 18, 20, 19, 16, 12 ], \
     mean: 5/s, day: 24h }, for: 24h } ], arrival: { poisson: { count: exact } } } }";

/// How long that is.
const LENGTH_US: i64 = 24 * 60 * 60 * 1_000_000;

/// One page view, as a consumer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct View {
    visitor: i64,
    at_us: i64,
    session: i64,
    page: usize,
}

fn read() -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/clickstream-day.yaml");
    let set = ["load.warmup=0s", PROFILE, "thresholds=[]"].map(str::to_owned).to_vec();
    let overrides = Overrides { set, ..Overrides::default() };
    let scenario = Scenario::read(path.to_str().unwrap(), &overrides);
    scenario.unwrap_or_else(|problems| panic!("{}", problems.draw(false)))
}

/// All that a lane sends, and how many sessions it has begun: those are the ledger's.
fn of_lane(world: &Arc<World>, lane: u32, pages: &[String]) -> (Vec<View>, usize) {
    let mut lane = Lane::new(world, 0, lane);
    let (mut action, mut views, mut begun) = (Action::default(), Vec::new(), 0);
    while let Some(decision) = lane.decide() {
        world.render(&decision, &mut action);
        begun += usize::from(world.action_name(&decision) == "clickstream.visit");
        for event in action.operations() {
            let columns = &world.catalog.table(event.table).columns;
            let value = |wanted: &str| {
                let at = columns.iter().position(|(name, _)| name == wanted).unwrap();
                action.values(event)[at]
            };
            let number = |name: &str| match value(name) {
                Value::Int(number) => number,
                other => panic!("{name} is {other:?}"),
            };
            let Value::Timestamp(at_us) = value("event_time") else { panic!("no time") };
            let Value::Text(page) = value("page") else { panic!("no page") };
            let page = pages.iter().position(|name| name == action.text(page)).unwrap();
            let (visitor, session) = (number("visitor_id"), number("session_id"));
            views.push(View { visitor, at_us, session, page });
        }
    }
    (views, begun)
}

/// A million events, sorted by visitor and time; and the number of sessions that were begun.
fn views(scenario: &Scenario, pages: &[String]) -> (Vec<View>, usize) {
    let Start::At(start_us) = scenario.start else { panic!("the start is fixed") };
    let world = Arc::new(World::new(scenario, start_us));
    let lanes: Vec<u32> = (0..world.lanes_of(0)).collect();
    let parts = std::thread::scope(|scope| {
        let world = &world;
        let threads = lanes.chunks(lanes.len().div_ceil(4));
        let threads: Vec<_> = threads
            .map(|lanes| {
                let all = || lanes.iter().map(|lane| of_lane(world, *lane, pages));
                scope.spawn(move || all().collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let begun = parts.iter().map(|(_, begun)| begun).sum();
    let mut views: Vec<View> = parts.into_iter().flat_map(|(views, _)| views).collect();
    views.sort_unstable();
    (views, begun)
}

#[test]
fn a_million_events_walk_as_declared_and_time_tells_their_sessions() {
    let scenario = read();
    let tables = &scenario.domains[0].schema.tables;
    let states = tables.iter().find_map(|table| table.states.clone()).unwrap();
    let (views, begun) = views(&scenario, &states.names);
    assert!(views.len() >= 1_000_000, "{}", views.len());

    // Whoever knows visitors and times alone.
    let mut found: Vec<&[View]> = Vec::new();
    let is_one =
        |one: &View, next: &View| one.visitor == next.visitor && next.at_us - one.at_us < GAP_US;
    found.extend(views.chunk_by(is_one));
    assert_eq!(found.len(), begun, "as many sessions as the ledger has");
    let mut seen = HashSet::new();
    for session in &found {
        assert!(session.iter().all(|view| view.session == session[0].session), "of one session");
        assert!(seen.insert(session[0].session), "and all of it");
    }
    // Both sides of the gap are there: long pauses within a session, and visitors that come back.
    let pauses = found.iter().flat_map(|session| session.windows(2));
    let pauses = pauses.filter(|pair| pair[1].at_us - pair[0].at_us > GAP_US / 2).count();
    let visitors: HashSet<_> = views.iter().map(|view| view.visitor).collect();
    assert!(pauses > 1_000 && found.len() - visitors.len() > 100_000, "{pauses}");

    let Start::At(start_us) = scenario.start else { panic!("the start is fixed") };
    // Those of the last half hour may have been cut off.
    let is_over = |session: &&&[View]| session[0].at_us < start_us + LENGTH_US - GAP_US;
    let over: Vec<&[View]> = found.iter().filter(is_over).copied().collect();
    assert_walks(&over, states.walk.as_ref().unwrap(), &states.names);
}

/// Landing pages, what follows each page, pages a session and conversions: within a hundredth.
fn assert_walks(sessions: &[&[View]], walk: &loadgen::schema::Walk, pages: &[String]) {
    let count = pages.len();
    let mut begins = vec![0_u64; count];
    // What follows each page; behind the pages stands the end.
    let mut moves = vec![vec![0_u64; count + 1]; count];
    for session in sessions {
        begins[session[0].page] += 1;
        session.windows(2).for_each(|pair| moves[pair[0].page][pair[1].page] += 1);
        moves[session[session.len() - 1].page][count] += 1;
    }
    let total = |weights: &[f64]| weights.iter().sum::<f64>();
    let share = |count: u64, all: &[u64]| count as f64 / all.iter().sum::<u64>().max(1) as f64;
    let mut worst: BTreeMap<String, f64> = BTreeMap::new();
    for page in 0..count {
        let declared = walk.begin[page] / total(&walk.begin);
        let came = share(begins[page], &begins);
        worst.insert(format!("landing on {}", pages[page]), (came - declared).abs());
        let weights = [walk.next[page].as_slice(), &[walk.end[page]]].concat();
        for (to, weight) in weights.iter().enumerate() {
            let (came, declared) = (share(moves[page][to], &moves[page]), weight / total(&weights));
            let to = pages.get(to).map_or("the end", String::as_str);
            worst.insert(format!("{} to {to}", pages[page]), (came - declared).abs());
        }
    }
    worst.retain(|_, differs| *differs > 0.01);
    assert!(worst.is_empty(), "{worst:?}");

    let visits = expected(walk);
    let sum = |page: usize| moves[page].iter().sum::<u64>();
    let of_session = |count: u64| count as f64 / sessions.len() as f64;
    let near = |came: f64, declared: f64, what: &str| {
        assert!((came / declared - 1.0).abs() < 0.01, "{what}: {came}, and not {declared}");
    };
    near(of_session((0..count).map(sum).sum()), visits.iter().sum(), "pages a session");
    let confirmation = pages.iter().position(|page| page == "/confirmation").unwrap();
    near(of_session(sum(confirmation)), visits[confirmation], "conversion");
    let converted = sessions.iter().filter(|all| all.iter().any(|it| it.page == confirmation));
    assert_eq!(converted.count() as u64, sum(confirmation), "once in a session");
    let seen: BTreeSet<usize> = sessions.iter().map(|session| session.len()).collect();
    assert!(seen.len() > 10, "sessions of all lengths");
}

/// Visits of each page in a session: v = begin + vP.
fn expected(walk: &loadgen::schema::Walk) -> Vec<f64> {
    let total: f64 = walk.begin.iter().sum();
    let begin: Vec<f64> = walk.begin.iter().map(|weight| weight / total).collect();
    let mut visits = begin.clone();
    for _ in 0..500 {
        let mut sum = begin.clone();
        for (from, (next, end)) in walk.next.iter().zip(&walk.end).enumerate() {
            let all: f64 = next.iter().sum::<f64>() + end;
            let shares = next.iter().enumerate().map(|(to, weight)| (to, weight / all));
            shares.for_each(|(to, share)| sum[to] += visits[from] * share);
        }
        visits = sum;
    }
    visits
}

/// The same in the shipped 30-key event: who has several sessions at once cannot be told by time, but
/// by what travels beside the event.
#[test]
fn sessions_at_once_are_told_by_their_trace() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/web-events-kafka.yaml");
    let set = ["load.streams.sessions.profile=[{ hold: 50/s, for: 2m }]".to_owned()];
    let overrides = Overrides { set: set.into(), ..Overrides::default() };
    let scenario = Scenario::read(scenario.to_str().unwrap(), &overrides).unwrap();
    let Start::At(start_us) = scenario.start else { panic!("the start is fixed") };
    let world = Arc::new(World::new(&scenario, start_us));
    let (mut action, mut times) = (Action::default(), HashMap::<(u16, u64), Vec<i64>>::new());
    let mut begun = 0;
    for lane in 0..world.lanes_of(0) {
        let mut lane = Lane::new(&world, 0, lane);
        while let Some(decision) = lane.decide() {
            world.render(&decision, &mut action);
            begun += usize::from(world.action_name(&decision) == "web_events.visit");
            if !action.operations().is_empty() {
                let origin = action.origin;
                times.entry((origin.stream, origin.slot)).or_default().push(origin.at_us);
            }
        }
    }
    assert_eq!(times.len(), begun);
    let is_close = |times: &Vec<i64>| times.windows(2).all(|pair| pair[1] - pair[0] < GAP_US);
    assert!(times.values().all(is_close), "no gap splits what a trace holds together");
}
