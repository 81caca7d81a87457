//! WebSocket frames, as little of them as a reader of thousands of sockets needs.

/// The kinds of frame that a server sends us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text or binary, or a later piece of one.
    Data,
    /// A ping of the WebSocket protocol itself.
    Ping,
    /// The end, with its code.
    Close(u16),
    /// Anything else.
    Other,
}

/// Takes the whole frames at the beginning of `bytes`, hands each to `each`, and gives how many bytes they were.
pub(super) fn take_frames(bytes: &[u8], mut each: impl FnMut(Kind, &[u8])) -> usize {
    let mut taken = 0;
    while let Some((kind, start, end)) = frame(&bytes[taken..]) {
        each(kind, &bytes[taken + start..taken + end]);
        taken += end;
    }
    taken
}

/// The kind of the frame at the beginning, and where its payload lies; `None` while it is not whole.
pub(super) fn frame(bytes: &[u8]) -> Option<(Kind, usize, usize)> {
    let [first, second] = *bytes.first_chunk::<2>()?;
    let (start, len) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?),
        len => (2, usize::from(len)),
    };
    let payload = bytes.get(start..start + len)?;
    let kind = match first & 0x0f {
        0..=2 => Kind::Data,
        8 => Kind::Close(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))),
        9 => Kind::Ping,
        _ => Kind::Other,
    };
    Some((kind, start, start + len))
}

/// A server's text frame of 126 to 65,535 bytes.
pub(super) fn server_frame(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).expect("messages are short");
    let mut frame = vec![0x81, 126];
    frame.extend(len.to_be_bytes());
    frame.extend(text.as_bytes());
    frame
}

/// A client's text frame. The mask is of zeros, which the protocol allows and which leaves the text as it is.
pub(super) fn text_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(len @ 0..126) => frame.push(0x80 | len.to_be_bytes()[1]),
        Ok(len) => {
            frame.push(0x80 | 126);
            frame.extend(len.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_frames_are_taken_and_the_rest_is_left() {
        let long = vec![b'x'; 300];
        let mut bytes = vec![0x81, 2, b'h', b'i', 0x81, 126, 1, 44];
        bytes.extend(&long);
        bytes.extend([0x88, 2, 0x0b, 0xc0, 0x81, 5, b'c', b'u']);
        let mut seen = Vec::new();
        let taken = take_frames(&bytes, |kind, payload| seen.push((kind, payload.to_vec())));
        assert_eq!(taken, bytes.len() - 4);
        let closed = (Kind::Close(3008), vec![0x0b, 0xc0]);
        assert_eq!(seen, [(Kind::Data, b"hi".to_vec()), (Kind::Data, long), closed]);
    }

    #[test]
    fn our_frames_read_back() {
        for len in [0, 125, 126, 70_000] {
            let text = "y".repeat(len);
            let frame = text_frame(&text);
            let head = frame.len() - len;
            assert!(frame[1] & 0x80 != 0, "a client masks");
            assert_eq!(frame[head - 4..head], [0; 4]);
            assert_eq!(&frame[head..], text.as_bytes());
        }
    }
}
