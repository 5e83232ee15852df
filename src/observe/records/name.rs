//! What the names of objects tell: a topic, its partition, and where what they hold begins there.

/// Numbers of partitions above this one are none.
const PARTITION_MAX: usize = 9_999;

/// Where what an object holds begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: usize,
    pub(super) offset: u64,
}

/// As sinks call objects: `TOPIC+PARTITION+OFFSET.json.gz` is Confluent's way, `TOPIC-PARTITION-OFFSET.gz` Aiven's, which
/// many other names may look like: so `is_known` says whether it is a topic.
pub(super) fn start(name: &str, is_known: impl Fn(&str) -> bool) -> Option<Start<'_>> {
    let last = last(name);
    taken_apart(last, '+').or_else(|| taken_apart(last, '-').filter(|it| is_known(it.topic)))
}

/// Whether an object holds what stands beside records: their keys or headers, as Confluent's sink writes them.
pub(super) fn is_beside(name: &str) -> bool {
    let Some((_, ending)) = last(name).rsplit_once('+') else { return false };
    ending.split('.').any(|part| part == "keys" || part == "headers")
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn taken_apart(last: &str, between: char) -> Option<Start<'_>> {
    let mut parts = last.rsplitn(3, between);
    let (ending, partition, topic) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = ending.split('.').next()?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().ok())?
    };
    let (partition, offset) = (usize::try_from(number(partition)?).ok()?, number(digits)?);
    let is_one = !topic.is_empty() && partition <= PARTITION_MAX;
    is_one.then_some(Start { topic, partition, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_topic_partition_and_offset() {
        let of = |topic, partition, offset| Some(Start { topic, partition, offset });
        let orders = "domain_orders.public.orders";
        let rows = [
            (
                "s3://b/topics/domain_orders.public.orders/partition=3/domain_orders.public.orders+3+0000001200.json.gz",
                of(orders, 3, 1_200),
            ),
            ("/f/year=2026/domain_orders.public.orders+0+0000000000.json", of(orders, 0, 0)),
            ("s3://b/domain_orders.public.orders-0-000000000123.gz", of(orders, 0, 123)),
            ("s3://b/domain_orders.public.orders-12-7", of(orders, 12, 7)),
            // Of a topic that nobody knows only a name that cannot be another one.
            ("s3://b/other+1+7.json", of("other", 1, 7)),
            ("s3://b/other-1-7.json", None),
            ("s3://b/web-1-2026-11-22-17-40-01-0af3", None),
            ("s3://b/domain_orders.public.orders+3+12x.json", None),
            ("s3://b/domain_orders.public.orders+x+12.json", None),
            ("s3://b/domain_orders.public.orders+10000+12.json", None),
            ("s3://b/+1+7.json", None),
            ("part-0.json", None),
            ("", None),
        ];
        for (name, expected) in rows {
            assert_eq!(start(name, |topic| topic == orders), expected, "{name}");
        }
    }

    #[test]
    fn keys_and_headers_stand_beside_records() {
        for (name, expected) in [
            ("t/a+0+0000000000.keys.json", true),
            ("t/a+0+0000000000.headers.json.gz", true),
            ("t/a.keys+0+0000000000.json", false),
            ("t/a+0+0000000000.json", false),
            ("t/keys.json", false),
        ] {
            assert_eq!(is_beside(name), expected, "{name}");
        }
    }
}
