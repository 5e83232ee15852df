//! The frames of PostgreSQL's protocol, read and written whole.

use std::io;
use std::io::Read;
use std::io::Write;

/// Longer than anything that a test sends.
const BODY_MAX: usize = 64 * 1024 * 1024;

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// A message after the first: its tag, and its body without the length.
pub(in super::super) struct Message {
    pub(in super::super) tag: u8,
    pub(in super::super) body: Vec<u8>,
}

impl Message {
    pub(in super::super) fn read(from: &mut impl Read) -> io::Result<Message> {
        let mut tag = [0; 1];
        from.read_exact(&mut tag)?;
        Ok(Message { tag: tag[0], body: read_body(from)? })
    }

    pub(in super::super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let length = u32::try_from(self.body.len() + 4).unwrap().to_be_bytes();
        to.write_all(&[&[self.tag], &length[..], &self.body].concat())
    }
}

/// The first packet of a connection, complete.
pub(in super::super) struct First {
    pub(in super::super) packet: Vec<u8>,
    pub(in super::super) is_cancel: bool,
}

impl First {
    /// Reads it, having said no to encryption.
    pub(in super::super) fn read(client: &mut (impl Read + Write)) -> io::Result<First> {
        loop {
            let body = read_body(client)?;
            let code = body.get(..4).map_or(0, |code| u32::from_be_bytes(code.try_into().unwrap()));
            if matches!(code, SSL_REQUEST | GSS_REQUEST) {
                client.write_all(b"N")?;
                continue;
            }
            let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
            let packet = [&length[..], &body].concat();
            return Ok(First { packet, is_cancel: code == CANCEL_REQUEST });
        }
    }

    pub(in super::super) fn contains(&self, text: &str) -> bool {
        self.packet.windows(text.len().max(1)).any(|window| window == text.as_bytes())
    }
}

fn read_body(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
    let length = length.checked_sub(4).filter(|length| *length <= BODY_MAX);
    let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
    from.read_exact(&mut body)?;
    Ok(body)
}
