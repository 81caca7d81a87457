//! WebSocket frames as the server writes them (RFC 6455 §5.2): unmasked, never fragmented.
//!
//! A push is framed once and the same bytes are written to every socket, so no socket needs a write buffer of its
//! own.

use bytes::Bytes;

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
/// The longest header: two bytes and a length of eight.
const HEADER: usize = 10;

/// A text frame whose payload `write` appends.
pub(crate) fn text(capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut bytes = Vec::with_capacity(HEADER + capacity);
    bytes.resize(HEADER, 0);
    write(&mut bytes);
    finished(TEXT, bytes)
}

/// The payload of a text frame made here.
pub(crate) fn payload(frame: &[u8]) -> &[u8] {
    let header = match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        Some(_) | None => 2,
    };
    frame.get(header..).unwrap_or_default()
}

/// A close frame. The reason is cut to what fits a control frame.
pub(crate) fn close(code: u16, reason: &str) -> Bytes {
    let mut bytes = vec![0; HEADER];
    bytes.extend_from_slice(&code.to_be_bytes());
    bytes.extend(reason.bytes().filter(u8::is_ascii).take(123));
    finished(CLOSE, bytes)
}

/// Puts the header right before the payload that follows [`HEADER`] spare bytes.
fn finished(opcode: u8, mut bytes: Vec<u8>) -> Bytes {
    let payload = bytes.len() - HEADER;
    let (short, long): (u8, &[u8]) = match payload {
        0..=125 => (u8::try_from(payload).unwrap_or_default(), &[]),
        126..=0xFFFF => (126, &payload.to_be_bytes()[6..]),
        _ => (127, &payload.to_be_bytes()),
    };
    let start = HEADER - 2 - long.len();
    bytes[start] = opcode;
    bytes[start + 1] = short;
    bytes[start + 2..HEADER].copy_from_slice(long);
    Bytes::from(bytes).slice(start..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        for (len, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xFF, 0xFF]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let frame = text(len, |bytes| bytes.extend(std::iter::repeat_n(b'x', len)));
            assert_eq!(frame[..header.len()], header[..]);
            assert!(frame[header.len()..].iter().all(|b| *b == b'x'));
            assert_eq!(frame.len(), header.len() + len);
            assert_eq!(payload(&frame).len(), len);
        }
    }

    #[test]
    fn a_close_says_its_code_and_reason() {
        assert_eq!(close(3008, "slow")[..], [0x88, 6, 0x0B, 0xC0, b's', b'l', b'o', b'w']);
        assert_eq!(close(1000, &"x".repeat(500)).len(), 2 + 125);
    }
}
