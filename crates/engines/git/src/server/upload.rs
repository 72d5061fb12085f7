use std::collections::HashSet;

use crate::pktline::{self, Packet, Packets};
use crate::server::{AGENT, Refs};
use crate::store::references;
use crate::{GitError, Kind, Object, ObjectId, Objects, pack, rev_list};

/// Most wants and haves in one request.
const NAMES: usize = 100_000;

/// A request in protocol v2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Which refs are there?
    LsRefs(LsRefs),
    /// Give me objects.
    Fetch(Fetch),
}

/// Asks for refs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LsRefs {
    peel: bool,
    symrefs: bool,
    unborn: bool,
    prefixes: Vec<String>,
}

/// Asks for objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetch {
    /// What is wanted.
    pub wants: Vec<ObjectId>,
    /// What is there already.
    pub haves: Vec<ObjectId>,
    done: bool,
    include_tag: bool,
    /// The first argument that only the git program can honour, such as `filter blob:none` or `deepen 1`.
    pub needs_program: Option<String>,
}

/// Writes the answer to `GET …/info/refs?service=git-upload-pack` in protocol v2. `partial` tells whether somebody is there to
/// honour shallow and filtered fetches.
pub fn advertise_v2(partial: bool) -> Vec<u8> {
    let mut out = Vec::new();
    pktline::text(&mut out, "# service=git-upload-pack\n");
    pktline::flush(&mut out);
    let fetch = if partial { "fetch=shallow wait-for-done filter" } else { "fetch" };
    for line in ["version 2", AGENT, "ls-refs=unborn", fetch, "object-format=sha1"] {
        pktline::text(&mut out, &format!("{line}\n"));
    }
    pktline::flush(&mut out);
    out
}

/// Reads a request in protocol v2.
pub fn parse_request(body: &[u8]) -> Result<Request, GitError> {
    let mut packets = Packets::new(body);
    let mut command = None;
    let mut end = packets.need()?;
    while let Packet::Data(_) = end {
        let line = text(end)?;
        match line.split_once('=') {
            Some(("command", name)) => command = Some(name),
            Some(("object-format", "sha1") | ("agent" | "session-id", _)) => {}
            _ => return Err(GitError::Unsupported(format!("the capability {line:?}"))),
        }
        end = packets.need()?;
    }
    let mut arguments = Vec::new();
    if end == Packet::Delimiter {
        loop {
            match packets.need()? {
                Packet::Flush => break,
                packet => arguments.push(text(packet)?),
            }
            if arguments.len() > NAMES {
                return Err(GitError::TooLarge { what: "the number of arguments", limit: NAMES as u64 });
            }
        }
    }
    match command {
        Some("ls-refs") => parse_ls_refs(&arguments).map(Request::LsRefs),
        Some("fetch") => parse_fetch(&arguments).map(Request::Fetch),
        other => Err(GitError::Unsupported(format!("the command {:?}", other.unwrap_or_default()))),
    }
}

fn text(packet: Packet<'_>) -> Result<&str, GitError> {
    packet.text().ok_or_else(|| GitError::malformed("request", "an argument is no text"))
}

fn parse_ls_refs(arguments: &[&str]) -> Result<LsRefs, GitError> {
    let mut request = LsRefs::default();
    for argument in arguments {
        match *argument {
            "peel" => request.peel = true,
            "symrefs" => request.symrefs = true,
            "unborn" => request.unborn = true,
            other => match other.strip_prefix("ref-prefix ") {
                Some(prefix) => request.prefixes.push(prefix.to_owned()),
                None => return Err(GitError::Unsupported(format!("the ls-refs argument {other:?}"))),
            },
        }
    }
    Ok(request)
}

fn parse_fetch(arguments: &[&str]) -> Result<Fetch, GitError> {
    let mut request = Fetch::default();
    let id = |text: &str| text.parse().map_err(|_| GitError::malformed("fetch request", format!("{text:?} names no object")));
    for argument in arguments {
        match argument.split_once(' ').unwrap_or((argument, "")) {
            ("want", name) => request.wants.push(id(name)?),
            ("have", name) => request.haves.push(id(name)?),
            ("done", "") => request.done = true,
            ("include-tag", "") => request.include_tag = true,
            // Packs are written without deltas and there is no progress to tell.
            ("thin-pack" | "ofs-delta" | "no-progress", "") => {}
            ("shallow" | "deepen" | "deepen-since" | "deepen-not" | "deepen-relative" | "filter" | "wait-for-done", _) => {
                request.needs_program.get_or_insert_with(|| (*argument).to_owned());
            }
            _ => return Err(GitError::Unsupported(format!("the fetch argument {argument:?}"))),
        }
    }
    Ok(request)
}

/// Answers [`LsRefs`].
pub fn ls_refs(request: &LsRefs, refs: &Refs, objects: &dyn Objects) -> Result<Vec<u8>, GitError> {
    let mut out = Vec::new();
    let wanted = |name: &str| request.prefixes.is_empty() || request.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
    if wanted("HEAD") {
        let symref = if request.symrefs { format!(" symref-target:{}", refs.head) } else { String::new() };
        match refs.all.get(&refs.head) {
            Some(id) => pktline::text(&mut out, &format!("{id} HEAD{symref}\n")),
            None if request.unborn => pktline::text(&mut out, &format!("unborn HEAD{symref}\n")),
            None => {}
        }
    }
    for (name, id) in refs.all.iter().filter(|(name, _)| wanted(name)) {
        let mut line = format!("{id} {name}");
        if request.peel && name.starts_with("refs/tags/") {
            let peeled = objects.peel(id)?;
            if peeled != *id {
                line.push_str(&format!(" peeled:{peeled}"));
            }
        }
        line.push('\n');
        pktline::text(&mut out, &line);
    }
    pktline::flush(&mut out);
    Ok(out)
}

/// Answers [`Fetch`]: common commits while the client still negotiates, the pack when it is done or enough is known. Any
/// object of the repository may be wanted. Fails when only the git program could honour the request.
pub fn fetch(request: &Fetch, refs: &Refs, objects: &dyn Objects) -> Result<Vec<u8>, GitError> {
    if let Some(argument) = &request.needs_program {
        return Err(GitError::Unsupported(format!("the fetch argument {argument:?} without the git program")));
    }
    let mut out = Vec::new();
    for want in &request.wants {
        if !objects.has(want)? {
            pktline::text(&mut out, &format!("ERR upload-pack: not our ref {want}\n"));
            pktline::flush(&mut out);
            return Ok(out);
        }
    }
    let mut common = Vec::new();
    for have in &request.haves {
        if objects.get(have)?.is_some_and(|object| matches!(object.kind, Kind::Commit | Kind::Tag)) {
            common.push(*have);
        }
    }
    if !request.done {
        pktline::text(&mut out, "acknowledgments\n");
        if common.is_empty() {
            pktline::text(&mut out, "NAK\n");
            pktline::flush(&mut out);
            return Ok(out);
        }
        for id in &common {
            pktline::text(&mut out, &format!("ACK {id}\n"));
        }
        pktline::text(&mut out, "ready\n");
        pktline::delimiter(&mut out);
    }
    pktline::text(&mut out, "packfile\n");
    let objects = closure(request, &common, refs, objects)?;
    pktline::sideband(&mut out, 1, &pack::write(objects.iter())?);
    pktline::flush(&mut out);
    Ok(out)
}

/// Everything below the wants that is not below what both sides have.
fn closure(request: &Fetch, common: &[ObjectId], refs: &Refs, objects: &dyn Objects) -> Result<Vec<Object>, GitError> {
    let mut commits = Vec::new();
    let mut others = Vec::new();
    let mut sent = HashSet::new();
    let mut result = Vec::new();
    for want in &request.wants {
        let mut at = *want;
        loop {
            let object = objects.get(&at)?.ok_or(GitError::Missing(at))?;
            match object.kind {
                Kind::Commit => {
                    commits.push(at);
                    break;
                }
                Kind::Blob | Kind::Tree => {
                    others.push(at);
                    break;
                }
                Kind::Tag => {
                    let next = references(&object)?;
                    if sent.insert(at) {
                        result.push(object);
                    }
                    at = next.first().map(|(id, _)| *id).ok_or(GitError::Missing(at))?;
                }
            }
        }
    }
    let mut had = Vec::new();
    for id in common {
        let id = objects.peel(id)?;
        if objects.get(&id)?.is_some_and(|object| object.kind == Kind::Commit) {
            had.push(id);
        }
    }
    let new = rev_list(objects, &commits, &had)?;
    // What the other side surely has: the trees of the commits at the border.
    let mut known = HashSet::new();
    let inside: HashSet<ObjectId> = new.iter().copied().collect();
    let mut border: HashSet<ObjectId> = had.iter().copied().collect();
    for id in &new {
        border.extend(objects.commit(id)?.parents.into_iter().filter(|parent| !inside.contains(parent)));
    }
    for id in border {
        let tree = objects.commit(&id)?.tree;
        collect(objects, tree, &mut known, &mut None)?;
    }
    for id in new {
        let object = objects.need(&id, Kind::Commit)?;
        let tree = objects.commit(&id)?.tree;
        if sent.insert(id) {
            result.push(object);
        }
        collect(objects, tree, &mut known, &mut Some(&mut result))?;
    }
    for id in others {
        collect(objects, id, &mut known, &mut Some(&mut result))?;
        // A blob that is asked for by name is sent even if the client should have it.
        let object = objects.get(&id)?.ok_or(GitError::Missing(id))?;
        if !result.contains(&object) {
            result.push(object);
        }
    }
    if request.include_tag {
        for id in refs.all.iter().filter(|(name, _)| name.starts_with("refs/tags/")).map(|(_, id)| id) {
            let object = objects.get(id)?.ok_or(GitError::Missing(*id))?;
            if object.kind == Kind::Tag && inside.contains(&objects.peel(id)?) && sent.insert(*id) {
                result.push(object);
            }
        }
    }
    Ok(result)
}

fn collect(
    objects: &dyn Objects,
    start: ObjectId,
    known: &mut HashSet<ObjectId>,
    result: &mut Option<&mut Vec<Object>>,
) -> Result<(), GitError> {
    let mut stack = vec![start];
    while let Some(id) = stack.pop() {
        if !known.insert(id) {
            continue;
        }
        let object = objects.get(&id)?.ok_or(GitError::Missing(id))?;
        if object.kind == Kind::Tree {
            let below = references(&object)?;
            match result {
                Some(_) => stack.extend(below.into_iter().map(|(id, _)| id)),
                // Of what is only noted, files need not be read.
                None => {
                    for (id, kind) in below {
                        if kind == Kind::Tree {
                            stack.push(id);
                        } else {
                            known.insert(id);
                        }
                    }
                }
            }
        }
        if let Some(result) = result {
            result.push(object);
        }
    }
    Ok(())
}
