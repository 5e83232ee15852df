//! librdkafka's own broker, in this process: it speaks the real protocol on a local port, and keeps
//! little (5 MiB of each partition). Its topics are made by [`EmbeddedKafka::start`] alone.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

/// A broker that lives as long as this value.
#[derive(Debug)]
pub struct EmbeddedKafka {
    brokers: String,
    /// Closed when it is to end.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedKafka {
    /// Starts one broker with these topics, each of so many partitions.
    pub fn start(topics: Vec<(String, u32)>) -> io::Result<Self> {
        let (started, starting) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        // The broker must stay on the thread that made it.
        let thread = std::thread::Builder::new().name("kafka".to_owned()).spawn(move || {
            let cluster = match start(&topics) {
                Ok(cluster) => cluster,
                Err(message) => return drop(started.send(Err(message))),
            };
            if started.send(Ok(cluster.bootstrap_servers())).is_ok() {
                // Nothing is ever sent: it ends when the sender goes.
                let _: Result<(), _> = stopped.recv();
            }
        })?;
        let ended = || Err("it ended at once".to_owned());
        let brokers = starting.recv().unwrap_or_else(|_| ended()).map_err(io::Error::other)?;
        Ok(Self { brokers, stop: Some(stop), thread: Some(thread) })
    }

    /// Its address.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }
}

fn start(topics: &[(String, u32)]) -> Result<MockCluster<'static, DefaultProducerContext>, String> {
    let cluster = MockCluster::new(1).map_err(|error| error.to_string())?;
    for (topic, partitions) in topics {
        let partitions = i32::try_from(*partitions).unwrap_or(i32::MAX);
        let made = cluster.create_topic(topic, partitions, 1);
        made.map_err(|error| format!("its topic `{topic}` was not made: {error}"))?;
    }
    Ok(cluster)
}

impl Drop for EmbeddedKafka {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
