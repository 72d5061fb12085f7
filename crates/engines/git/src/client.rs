//! What a client of smart HTTP sends and reads: protocol v2 for fetching, v0 for pushing. Values only; the caller does the
//! HTTP: `POST …/git-upload-pack` with `Git-Protocol: version=2`, `POST …/git-receive-pack`.

use crate::pktline::{self, Packet, Packets};
use crate::{GitError, ObjectId};

/// What these clients call themselves.
const AGENT: &str = concat!("agent=supercargo/", env!("CARGO_PKG_VERSION"));
/// Most refs that are read.
const REFS: usize = 200_000;

/// One ref of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// `HEAD`, `refs/heads/main`, …
    pub name: String,
    /// What it points at.
    pub id: ObjectId,
    /// For an annotated tag, what that names.
    pub peeled: Option<ObjectId>,
    /// For a symbolic ref, its target.
    pub symref: Option<String>,
}

/// What a server says first when asked for `info/refs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertisement {
    /// 0, 1 or 2. Version 2 lists no refs.
    pub version: u8,
    /// The refs.
    pub refs: Vec<RemoteRef>,
    /// What the server can do, such as `ofs-delta` or `fetch=shallow`.
    pub capabilities: Vec<String>,
}

/// The pack in the answer to a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackBytes(pub Vec<u8>);

/// A push that the server did not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Which ref.
    pub name: String,
    /// The server's reason, such as `incorrect old value provided`.
    pub reason: String,
    /// What the server said besides, line by line.
    pub remote_lines: Vec<String>,
}

/// Why a push did not happen.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The server understood and refused.
    #[error("the push of {} was rejected: {}", .0.name, .0.reason)]
    Rejected(Rejected),
    /// The exchange failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Rejected {
    /// Tells whether somebody else moved the ref first, so that fetching and trying again helps.
    pub fn lost_race(&self) -> bool {
        ["non-fast-forward", "fetch first", "cannot lock ref", "incorrect old value provided"].iter().any(|text| self.reason.contains(text))
    }
}

fn command(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    pktline::text(&mut out, &format!("command={name}\n"));
    pktline::text(&mut out, &format!("{AGENT}\n"));
    pktline::text(&mut out, "object-format=sha1\n");
    pktline::delimiter(&mut out);
    out
}

/// Asks for the refs whose names start with one of the prefixes; all refs when there is none.
pub fn ls_refs_request(prefixes: &[&str]) -> Vec<u8> {
    let mut out = command("ls-refs");
    pktline::text(&mut out, "peel\n");
    pktline::text(&mut out, "symrefs\n");
    for prefix in prefixes {
        pktline::text(&mut out, &format!("ref-prefix {prefix}\n"));
    }
    pktline::flush(&mut out);
    out
}

/// Reads the answer to [`ls_refs_request`].
pub fn parse_ls_refs(answer: &[u8]) -> Result<Vec<RemoteRef>, GitError> {
    let mut packets = Packets::new(answer);
    let mut refs = Vec::new();
    loop {
        let packet = packets.need()?;
        if packet == Packet::Flush {
            return Ok(refs);
        }
        let line = line(packet)?;
        let mut words = line.split(' ');
        let wrong = || GitError::malformed("list of refs", line.chars().take(100).collect::<String>());
        let id = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
        let name = words.next().ok_or_else(wrong)?.to_owned();
        let mut found = RemoteRef { name, id, peeled: None, symref: None };
        for word in words {
            if let Some(id) = word.strip_prefix("peeled:") {
                found.peeled = Some(id.parse().map_err(|_| wrong())?);
            } else if let Some(target) = word.strip_prefix("symref-target:") {
                found.symref = Some(target.to_owned());
            }
        }
        refs.push(found);
        limit(refs.len())?;
    }
}

/// Asks for objects: everything below `wants` that is not below `haves`. The answer is the pack at once.
pub fn fetch_request(wants: &[ObjectId], haves: &[ObjectId]) -> Vec<u8> {
    let mut out = command("fetch");
    for line in ["ofs-delta\n", "no-progress\n", "thin-pack\n"] {
        pktline::text(&mut out, line);
    }
    for want in wants {
        pktline::text(&mut out, &format!("want {want}\n"));
    }
    for have in haves {
        pktline::text(&mut out, &format!("have {have}\n"));
    }
    pktline::text(&mut out, "done\n");
    pktline::flush(&mut out);
    out
}

/// Asks for these commits with everything in them, and for nothing of their history.
pub fn shallow_request(wants: &[ObjectId]) -> Vec<u8> {
    let mut out = command("fetch");
    for line in ["ofs-delta\n", "no-progress\n", "deepen 1\n"] {
        pktline::text(&mut out, line);
    }
    for want in wants {
        pktline::text(&mut out, &format!("want {want}\n"));
    }
    pktline::text(&mut out, "done\n");
    pktline::flush(&mut out);
    out
}

/// Reads the answer to [`fetch_request`]. The pack may be thin: read it with the objects that were announced as had.
pub fn parse_fetch(answer: &[u8]) -> Result<PackBytes, GitError> {
    let mut packets = Packets::new(answer);
    loop {
        if line(packets.need()?)? == "packfile" {
            break;
        }
        // Another section, such as wanted refs: it ends with a delimiter.
        while packets.need()? != Packet::Delimiter {}
    }
    let mut pack = Vec::new();
    loop {
        match packets.need()? {
            Packet::Data([1, data @ ..]) => pack.extend_from_slice(data),
            Packet::Data([2, ..]) => {}
            Packet::Data([3, text @ ..]) => return Err(GitError::Remote(String::from_utf8_lossy(text).trim().to_owned())),
            Packet::Flush => return Ok(PackBytes(pack)),
            _ => return Err(GitError::malformed("fetch answer", "a packet has no side band")),
        }
    }
}

/// Asks to move one ref, if it still is at `old`; [`ObjectId::ZERO`] stands for "absent". A deletion has no pack.
pub fn push_request(old: &ObjectId, new: &ObjectId, name: &str, pack: &[u8]) -> Vec<u8> {
    push_request_all(&[(*old, *new, name)], pack)
}

/// Asks to move several refs, all or none of them.
pub fn push_request_all(commands: &[(ObjectId, ObjectId, &str)], pack: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let atomic = if commands.len() > 1 { " atomic" } else { "" };
    for (index, (old, new, name)) in commands.iter().enumerate() {
        let capabilities = format!("\0 report-status side-band-64k object-format=sha1{atomic} {AGENT}");
        pktline::text(&mut out, &format!("{old} {new} {name}{}", if index == 0 { capabilities.as_str() } else { "" }));
    }
    pktline::flush(&mut out);
    if commands.iter().any(|(_, new, _)| !new.is_zero()) {
        out.extend_from_slice(pack);
    }
    out
}

/// Reads the answer to [`push_request`]: accepted, or the first refusal with everything the server said.
pub fn parse_report(answer: &[u8]) -> Result<(), PushError> {
    let mut packets = Packets::new(answer);
    let (mut report, mut remote) = (Vec::new(), Vec::new());
    loop {
        match packets.read()? {
            None | Some(Packet::Flush) => break,
            Some(Packet::Data([1, data @ ..])) => report.extend_from_slice(data),
            Some(Packet::Data([2, data @ ..])) => remote.extend_from_slice(data),
            Some(Packet::Data([3, text @ ..])) => return Err(GitError::Remote(String::from_utf8_lossy(text).trim().to_owned()).into()),
            Some(packet) => {
                line(packet)?;
                return Err(GitError::malformed("push report", "a packet has no side band").into());
            }
        }
    }
    let remote_lines: Vec<String> = String::from_utf8_lossy(&remote).lines().map(str::to_owned).collect();
    let mut packets = Packets::new(&report);
    let unpack = line(packets.need()?)?;
    let status = unpack.strip_prefix("unpack ").ok_or_else(|| GitError::malformed("push report", "it does not start with unpack"))?;
    if status != "ok" {
        return Err(PushError::Rejected(Rejected { name: String::new(), reason: status.to_owned(), remote_lines }));
    }
    loop {
        let packet = packets.need()?;
        if packet == Packet::Flush {
            return Ok(());
        }
        let line = line(packet)?;
        if let Some(refused) = line.strip_prefix("ng ") {
            let (name, reason) = refused.split_once(' ').unwrap_or((refused, "no reason given"));
            return Err(PushError::Rejected(Rejected { name: name.to_owned(), reason: reason.to_owned(), remote_lines }));
        }
        if !line.starts_with("ok ") {
            return Err(GitError::malformed("push report", "a line is neither ok nor ng").into());
        }
    }
}

/// Reads the answer to `GET …/info/refs?service=…`, in any protocol version.
pub fn parse_advertisement(answer: &[u8]) -> Result<Advertisement, GitError> {
    let mut packets = Packets::new(answer);
    let mut found = Advertisement { version: 0, refs: Vec::new(), capabilities: Vec::new() };
    let mut packet = packets.need()?;
    if packet.text().is_some_and(|text| text.starts_with("# service=")) {
        if packets.need()? != Packet::Flush {
            return Err(GitError::malformed("advertisement", "the service line has no end"));
        }
        packet = packets.need()?;
    }
    match packet.text() {
        Some("version 2") => found.version = 2,
        Some("version 1") => found.version = 1,
        _ => {}
    }
    if found.version > 0 {
        packet = packets.need()?;
    }
    while packet != Packet::Flush {
        let text = line(packet)?;
        if found.version == 2 {
            found.capabilities.push(text.to_owned());
        } else {
            advertised(text, &mut found)?;
        }
        limit(found.refs.len())?;
        packet = packets.need()?;
    }
    Ok(found)
}

fn advertised(text: &str, found: &mut Advertisement) -> Result<(), GitError> {
    let (text, capabilities) = text.split_once('\0').unwrap_or((text, ""));
    found.capabilities.extend(capabilities.split_whitespace().map(str::to_owned));
    let wrong = || GitError::malformed("advertisement", text.chars().take(100).collect::<String>());
    let (id, name) = text.split_once(' ').ok_or_else(wrong)?;
    let id: ObjectId = id.parse().map_err(|_| wrong())?;
    if let Some(tag) = name.strip_suffix("^{}") {
        if let Some(last) = found.refs.last_mut().filter(|last| last.name == tag) {
            last.peeled = Some(id);
        }
        // `capabilities^{}` stands for "no refs".
        return Ok(());
    }
    if !id.is_zero() {
        let target = format!("symref={name}:");
        let symref = found.capabilities.iter().find_map(|capability| capability.strip_prefix(&target)).map(str::to_owned);
        found.refs.push(RemoteRef { name: name.to_owned(), id, peeled: None, symref });
    }
    Ok(())
}

fn line(packet: Packet<'_>) -> Result<&str, GitError> {
    let text = packet.text().ok_or_else(|| GitError::malformed("answer", "a packet is no line of text"))?;
    match text.strip_prefix("ERR ") {
        Some(error) => Err(GitError::Remote(error.to_owned())),
        None => Ok(text),
    }
}

fn limit(refs: usize) -> Result<(), GitError> {
    if refs > REFS { Err(GitError::TooLarge { what: "the number of refs", limit: REFS as u64 }) } else { Ok(()) }
}
