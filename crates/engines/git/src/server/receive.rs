use crate::pktline::{self, Packet, Packets};
use crate::server::{AGENT, Refs};
use crate::{GitError, ObjectId};

/// Most commands in one push.
const COMMANDS: usize = 10_000;

/// One ref that a push wants to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushCommand {
    /// Where the client believes it is; zero: it does not exist.
    pub old: ObjectId,
    /// Where it shall be; zero: deleted.
    pub new: ObjectId,
    /// Which ref.
    pub name: String,
}

/// A push as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRequest<'a> {
    /// What to move.
    pub commands: Vec<PushCommand>,
    /// All or nothing.
    pub atomic: bool,
    /// Whether the client wants to hear what happened.
    pub report: bool,
    /// Whether the answer goes through side bands.
    pub sideband: bool,
    /// The `-o` options.
    pub options: Vec<String>,
    /// The pack; empty when only refs are deleted.
    pub pack: &'a [u8],
}

/// Writes the answer to `GET …/info/refs?service=git-receive-pack`.
pub fn advertise_receive(refs: &Refs) -> Vec<u8> {
    let mut out = Vec::new();
    pktline::text(&mut out, "# service=git-receive-pack\n");
    pktline::flush(&mut out);
    let capabilities = format!("report-status delete-refs side-band-64k quiet atomic ofs-delta push-options object-format=sha1 {AGENT}");
    if refs.all.is_empty() {
        pktline::text(&mut out, &format!("{} capabilities^{{}}\0{capabilities}\n", ObjectId::ZERO));
    }
    for (index, (name, id)) in refs.all.iter().enumerate() {
        let first = if index == 0 { format!("\0{capabilities}") } else { String::new() };
        pktline::text(&mut out, &format!("{id} {name}{first}\n"));
    }
    pktline::flush(&mut out);
    out
}

/// Reads a push.
pub fn parse_push(body: &[u8]) -> Result<PushRequest<'_>, GitError> {
    let mut packets = Packets::new(body);
    let mut request = PushRequest { commands: Vec::new(), atomic: false, report: false, sideband: false, options: Vec::new(), pack: &[] };
    let (mut push_options, mut first) = (false, true);
    loop {
        let packet = packets.need()?;
        if packet == Packet::Flush {
            break;
        }
        let line = packet.text().ok_or_else(|| GitError::malformed("push", "a command is no text"))?;
        if let Some(id) = line.strip_prefix("shallow ") {
            // The client's own history ends here. Nothing follows from it: what it sends is checked against the whole history.
            id.parse::<ObjectId>().map_err(|_| GitError::malformed("push", "shallow names no object"))?;
            continue;
        }
        if line.starts_with("push-cert") {
            return Err(GitError::Unsupported("a signed push (push-cert)".to_owned()));
        }
        let (command, capabilities) = line.split_once('\0').unwrap_or((line, ""));
        if first {
            for capability in capabilities.split_whitespace() {
                match capability {
                    "atomic" => request.atomic = true,
                    "report-status" => request.report = true,
                    "side-band-64k" => request.sideband = true,
                    "push-options" => push_options = true,
                    "quiet" | "delete-refs" | "ofs-delta" | "object-format=sha1" => {}
                    other if other.starts_with("agent=") || other.starts_with("session-id=") => {}
                    other => return Err(GitError::Unsupported(format!("the push capability {other:?}"))),
                }
            }
            first = false;
        }
        request.commands.push(parse_command(command)?);
        if request.commands.len() > COMMANDS {
            return Err(GitError::TooLarge { what: "the number of refs in a push", limit: COMMANDS as u64 });
        }
    }
    if push_options {
        loop {
            match packets.need()? {
                Packet::Flush => break,
                packet => {
                    request.options.push(packet.text().ok_or_else(|| GitError::malformed("push", "an option is no text"))?.to_owned())
                }
            }
        }
    }
    request.pack = packets.rest();
    Ok(request)
}

fn parse_command(text: &str) -> Result<PushCommand, GitError> {
    let wrong = || GitError::malformed("push", format!("{:?} is no command", text.chars().take(120).collect::<String>()));
    let mut words = text.splitn(3, ' ');
    let old = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
    let new = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
    let name = words.next().filter(|name| !name.is_empty()).ok_or_else(wrong)?.to_owned();
    Ok(PushCommand { old, new, name })
}

/// Writes the answer to a push: what happened to the pack and to each ref, and lines for the person who pushed.
pub fn report(
    request: &PushRequest<'_>,
    unpack: Result<(), String>,
    results: &[(String, Result<(), String>)],
    lines: &[String],
) -> Vec<u8> {
    let one_line = |text: &str| text.replace(['\n', '\r'], " ");
    let mut inner = Vec::new();
    match unpack {
        Ok(()) => pktline::text(&mut inner, "unpack ok\n"),
        Err(reason) => pktline::text(&mut inner, &format!("unpack {}\n", one_line(&reason))),
    }
    for (name, result) in results {
        match result {
            Ok(()) => pktline::text(&mut inner, &format!("ok {name}\n")),
            Err(reason) => pktline::text(&mut inner, &format!("ng {name} {}\n", one_line(reason))),
        }
    }
    pktline::flush(&mut inner);
    let mut out = Vec::new();
    if request.sideband {
        for line in lines {
            pktline::sideband(&mut out, 2, format!("{}\n", one_line(line)).as_bytes());
        }
        if request.report {
            pktline::sideband(&mut out, 1, &inner);
        }
        pktline::flush(&mut out);
    } else if request.report {
        out = inner;
    }
    out
}
