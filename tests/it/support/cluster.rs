//! A Kafka cluster that knows topics and nothing of records: what librdkafka's own broker lacks. It speaks
//! the real protocol, in its oldest versions.

use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;

/// What a topic was made with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Topic {
    pub(crate) partitions: i32,
    pub(crate) replication: i16,
    pub(crate) settings: BTreeMap<String, String>,
    /// Records of each partition.
    pub(crate) records: i64,
}

/// A cluster of one broker, on a thread for each connection, until the test ends.
pub(crate) struct Cluster {
    port: u16,
    pub(crate) topics: Topics,
}

type Topics = Arc<Mutex<BTreeMap<String, Topic>>>;

/// A topic cannot be made with this setting.
pub(crate) const FORBIDDEN: &str = "forbidden";

/// Requests that are answered: their numbers, and the oldest and newest version.
const KNOWN: [(i16, i16, i16); 6] =
    [(2, 1, 1), (3, 0, 4), (18, 0, 0), (19, 0, 4), (20, 0, 1), (32, 0, 1)];
const UNSUPPORTED_VERSION: i16 = 35;
const INVALID_CONFIG: i16 = 40;
const UNKNOWN_TOPIC: i16 = 3;
const EXISTS: i16 = 36;

impl Cluster {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let topics = Topics::default();
        let shared = Arc::clone(&topics);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let topics = Arc::clone(&shared);
                // Ends when the client goes.
                std::thread::spawn(
                    move || while serve(stream.as_ref().unwrap(), port, &topics).is_ok() {},
                );
            }
        });
        Self { port, topics }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A topic, if it is there.
    pub(crate) fn topic(&self, name: &str) -> Option<Topic> {
        self.topics.lock().unwrap().get(name).cloned()
    }
}

fn serve(mut stream: &TcpStream, port: u16, topics: &Topics) -> std::io::Result<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut request = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut request)?;
    let mut request = Reader(&request);
    let (key, version, number) = (request.i16(), request.i16(), request.i32());
    let mut answer = Writer(number.to_be_bytes().to_vec());
    if key == 18 {
        answer.i16(if version == 0 { 0 } else { UNSUPPORTED_VERSION });
        answer.list(&KNOWN, |answer, (key, oldest, newest)| {
            answer.i16(*key);
            answer.i16(*oldest);
            answer.i16(*newest);
        });
    } else {
        request.text();
        let mut topics = topics.lock().unwrap();
        match key {
            2 => offsets(&mut request, &topics, &mut answer),
            3 => metadata(&mut request, (version, port), &topics, &mut answer),
            19 => create(&mut request, version, &mut topics, &mut answer),
            20 => delete(&mut request, version, &mut topics, &mut answer),
            32 => describe(&mut request, version, &topics, &mut answer),
            other => panic!("nobody was told of request {other}"),
        }
    }
    stream.write_all(&i32::try_from(answer.0.len()).unwrap().to_be_bytes())?;
    stream.write_all(&answer.0)
}

fn metadata(
    request: &mut Reader<'_>,
    (version, port): (i16, u16),
    topics: &BTreeMap<String, Topic>,
    answer: &mut Writer,
) {
    let asked = request.list(Reader::text);
    if version >= 3 {
        answer.i32(0);
    }
    answer.list(&[()], |answer, ()| {
        answer.i32(1);
        answer.text(Some("127.0.0.1"));
        answer.i32(port.into());
        if version >= 1 {
            answer.text(None);
        }
    });
    if version >= 2 {
        answer.text(Some("cluster"));
    }
    if version >= 1 {
        answer.i32(1);
    }
    let all: Vec<String> = topics.keys().cloned().collect();
    let told = asked.map_or(all, |asked| asked.into_iter().flatten().collect());
    answer.list(&told, |answer, name| {
        let topic = topics.get(name);
        answer.i16(if topic.is_some() { 0 } else { UNKNOWN_TOPIC });
        answer.text(Some(name));
        if version >= 1 {
            answer.i8(0);
        }
        let partitions: Vec<i32> = (0..topic.map_or(0, |topic| topic.partitions)).collect();
        answer.list(&partitions, |answer, partition| {
            answer.i16(0);
            answer.i32(*partition);
            answer.i32(1);
            answer.list(&[1], |answer, broker| answer.i32(*broker));
            answer.list(&[1], |answer, broker| answer.i32(*broker));
        });
    });
}

fn offsets(request: &mut Reader<'_>, topics: &BTreeMap<String, Topic>, answer: &mut Writer) {
    request.i32();
    let asked = request.list(|request| {
        let name = request.text().unwrap();
        (name, request.list(|request| (request.i32(), request.i64())).unwrap())
    });
    answer.list(&asked.unwrap(), |answer, (name, partitions)| {
        answer.text(Some(name));
        answer.list(partitions, |answer, (partition, at)| {
            answer.i32(*partition);
            answer.i16(0);
            answer.i64(-1);
            // −1 asks for the end, −2 for the beginning.
            answer.i64(if *at == -1 { topics[name].records } else { 0 });
        });
    });
}

fn create(
    request: &mut Reader<'_>,
    version: i16,
    topics: &mut BTreeMap<String, Topic>,
    answer: &mut Writer,
) {
    let asked = request.list(|request| {
        let name = request.text().unwrap();
        let (partitions, replication) = (request.i32(), request.i16());
        request.list(|request| (request.i32(), request.list(Reader::i32)));
        let settings = request.list(|request| (request.text().unwrap(), request.text().unwrap()));
        let settings = settings.unwrap().into_iter().collect();
        (name, Topic { partitions, replication, settings, records: 0 })
    });
    let forbidden = topics.get(FORBIDDEN).map(|topic| topic.settings.clone()).unwrap_or_default();
    let made: Vec<(String, i16)> = asked
        .unwrap()
        .into_iter()
        .map(|(name, topic)| {
            let code = if topics.contains_key(&name) {
                EXISTS
            } else if topic.settings.keys().any(|setting| forbidden.contains_key(setting)) {
                INVALID_CONFIG
            } else {
                topics.insert(name.clone(), topic);
                0
            };
            (name, code)
        })
        .collect();
    if version >= 2 {
        answer.i32(0);
    }
    answer.list(&made, |answer, (name, code)| {
        answer.text(Some(name));
        answer.i16(*code);
        if version >= 1 {
            answer.text(None);
        }
    });
}

fn delete(
    request: &mut Reader<'_>,
    version: i16,
    topics: &mut BTreeMap<String, Topic>,
    answer: &mut Writer,
) {
    let asked: Vec<String> = request.list(Reader::text).unwrap().into_iter().flatten().collect();
    if version >= 1 {
        answer.i32(0);
    }
    answer.list(&asked, |answer, name| {
        answer.text(Some(name));
        answer.i16(if topics.remove(name).is_some() { 0 } else { UNKNOWN_TOPIC });
    });
}

fn describe(
    request: &mut Reader<'_>,
    version: i16,
    topics: &BTreeMap<String, Topic>,
    answer: &mut Writer,
) {
    let asked = request.list(|request| {
        request.i8();
        let name = request.text().unwrap();
        request.list(Reader::text);
        name
    });
    answer.i32(0);
    answer.list(&asked.unwrap(), |answer, name| {
        answer.i16(0);
        answer.text(None);
        answer.i8(2);
        answer.text(Some(name));
        let settings: Vec<_> = topics[name].settings.iter().collect();
        answer.list(&settings, |answer, (setting, value)| {
            answer.text(Some(setting));
            answer.text(Some(value));
            answer.i8(0);
            // Where it comes from, or whether it is the default.
            answer.i8(i8::from(version >= 1));
            answer.i8(0);
            if version >= 1 {
                answer.list(&[(); 0], |_, ()| {});
            }
        });
    });
}

/// Reads numbers, texts and lists as Kafka's protocol has them.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        let (taken, rest) = self.0.split_at(LENGTH);
        self.0 = rest;
        taken.try_into().unwrap()
    }

    fn i8(&mut self) -> i8 {
        i8::from_be_bytes(self.take())
    }

    fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take())
    }

    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take())
    }

    fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.take())
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.i16()).ok()?;
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(String::from_utf8(text.to_vec()).unwrap())
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> T) -> Option<Vec<T>> {
        let length = usize::try_from(self.i32()).ok()?;
        Some((0..length).map(|_| read(self)).collect())
    }
}

/// Writes the same.
struct Writer(Vec<u8>);

impl Writer {
    fn i8(&mut self, number: i8) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn i16(&mut self, number: i16) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn i32(&mut self, number: i32) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn i64(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn text(&mut self, text: Option<&str>) {
        self.i16(text.map_or(-1, |text| i16::try_from(text.len()).unwrap()));
        self.0.extend_from_slice(text.unwrap_or_default().as_bytes());
    }

    fn list<T>(&mut self, all: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.i32(i32::try_from(all.len()).unwrap());
        for each in all {
            write(self, each);
        }
    }
}
