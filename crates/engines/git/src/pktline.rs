//! Git's framing: each packet starts with its length as four hex digits; three lengths below four are marks.

use crate::GitError;

/// Most bytes of content in one packet.
pub const LARGEST: usize = 65_516;

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Content.
    Data(&'a [u8]),
    /// `0000`, the end of a message.
    Flush,
    /// `0001`, between sections.
    Delimiter,
    /// `0002`, the end of an answer.
    End,
}

impl<'a> Packet<'a> {
    /// Returns the content as a text without its line end; `None` for marks and for what is not UTF-8.
    pub fn text(&self) -> Option<&'a str> {
        match self {
            Self::Data(data) => std::str::from_utf8(data).ok().map(|text| text.strip_suffix('\n').unwrap_or(text)),
            Self::Flush | Self::Delimiter | Self::End => None,
        }
    }
}

/// Reads packets one after the other.
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Packets<'a> {
    /// Starts at the beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns what was not read yet: behind the packets of a push lies its pack.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns the next packet; `None` at the end.
    pub fn read(&mut self) -> Result<Option<Packet<'a>>, GitError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let wrong = |text: &str| GitError::malformed("packet", text);
        let digits = self.rest.get(..4).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let length = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok()).ok_or_else(|| wrong("it has no length"))?;
        let (packet, used) = match length {
            0 => (Packet::Flush, 4),
            1 => (Packet::Delimiter, 4),
            2 => (Packet::End, 4),
            3 => return Err(wrong("its length is 3")),
            _ => (Packet::Data(self.rest.get(4..length).ok_or_else(|| wrong("it is cut off"))?), length),
        };
        self.rest = &self.rest[used..];
        Ok(Some(packet))
    }

    /// Returns the next packet, which must be there.
    pub fn need(&mut self) -> Result<Packet<'a>, GitError> {
        self.read()?.ok_or_else(|| GitError::malformed("packet", "the message ends too early"))
    }
}

/// Adds a packet. Content longer than [`LARGEST`] is a mistake of the caller; [`sideband`] cuts.
pub fn data(out: &mut Vec<u8>, content: &[u8]) {
    assert!(content.len() <= LARGEST, "the caller cuts long content");
    out.extend_from_slice(format!("{:04x}", content.len() + 4).as_bytes());
    out.extend_from_slice(content);
}

/// Adds a packet of a text.
pub fn text(out: &mut Vec<u8>, text: &str) {
    data(out, text.as_bytes());
}

/// Adds the mark at the end of a message.
pub fn flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

/// Adds the mark between sections.
pub fn delimiter(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0001");
}

/// Adds content on a side band (1 data, 2 messages, 3 fatal error), cut into packets.
pub fn sideband(out: &mut Vec<u8>, band: u8, content: &[u8]) {
    for piece in content.chunks(LARGEST - 1) {
        out.extend_from_slice(format!("{:04x}", piece.len() + 5).as_bytes());
        out.push(band);
        out.extend_from_slice(piece);
    }
}
