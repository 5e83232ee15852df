//! What a tree says, in one number: two files that say the same have the same.

use sha2::Digest;
use sha2::Sha256;

use crate::units::format_hex;
use crate::yaml::Kind;
use crate::yaml::Node;
use crate::yaml::Value;

/// SHA-256, in hex, of a tree's values in their order, without places.
pub fn digest(node: &Node) -> String {
    let mut hash = Sha256::new();
    add(node, &mut hash);
    format_hex(&hash.finalize())
}

/// Each part with its length before it, so that no two trees are the same bytes. As deep as the
/// reader goes.
fn add(node: &Node, hash: &mut Sha256) {
    match &node.value {
        Value::Scalar { kind, text } => {
            let kind = match kind {
                Kind::Null => "null",
                Kind::Bool => "bool",
                Kind::Number => "number",
                Kind::Word => "word",
                Kind::Quoted => "quoted",
            };
            hash.update(format!("{kind} {} {text}", text.len()));
        }
        Value::List(items) => {
            hash.update(format!("list {} ", items.len()));
            for item in items {
                add(item, hash);
            }
        }
        Value::Map(entries) => {
            hash.update(format!("map {} ", entries.len()));
            for (key, value) in entries {
                add(key, hash);
                add(value, hash);
            }
        }
    }
}
