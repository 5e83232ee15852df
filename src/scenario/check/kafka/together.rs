//! Whether librdkafka takes all settings together: each alone may be right.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::error::KafkaResult;
use rdkafka::producer::BaseProducer;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;

/// Says what librdkafka has against them. It is given no broker, so it asks none.
pub(super) fn together(properties: &[(String, String)], place: Place, problems: &mut Problems) {
    let mut config = ClientConfig::new();
    // Files are the affair of the machine that runs it.
    let own = properties.iter().filter(|(name, _)| !name.ends_with(".location"));
    for (name, value) in own {
        config.set(name, value);
    }
    config.set_log_level(RDKafkaLogLevel::Critical);
    let made: KafkaResult<BaseProducer> = config.create();
    if let Err(KafkaError::ClientCreation(message)) = made {
        let problem =
            Problem::new(format!("librdkafka does not take these settings together: {message}"));
        problems
            .add(problem.at(place).help("leave out what contradicts the other words of `kafka`"));
    }
}
