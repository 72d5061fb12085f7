//! The git program and this crate agree: objects, packs with deltas, signatures, counts, merges.

use std::path::Path;
use std::process::Command;

use git::signature::{Finding, verify};
use git::{MemoryObjects, NewCommit, ObjectId, Objects, Person, SigningKey, apply_edits, pack};

const SIGNED: &[u8] = include_bytes!("fixtures/signed-commit");
const PUBLIC: &str = include_str!("fixtures/key.pub");
const PRIVATE: &str = include_str!("fixtures/key");

fn git(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    git_with(folder, arguments, &[])
}

fn git_with(folder: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", folder);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "T").env(format!("GIT_{who}_EMAIL"), "t@x");
    }
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("git runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("git ends");
    writer.join().expect("the writer ends").expect("git reads");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn line(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text").trim().to_owned()
}

fn all_objects(folder: &Path) -> MemoryObjects {
    let packed = git_with(folder, &["pack-objects", "--all", "--stdout", "--delta-base-offset", "-q"], b"");
    let objects = MemoryObjects::default();
    for (id, object) in pack::read(&packed, &MemoryObjects::default(), pack::Limits::default()).expect("reads") {
        objects.keep(id, object);
    }
    objects
}

#[test]
fn a_commit_signed_by_the_program_verifies_and_a_changed_one_does_not() {
    assert_eq!(verify(SIGNED, &["ssh-ed25519 AAAA broken", PUBLIC]).expect("checks"), Finding::SignedBy(1));
    assert!(matches!(verify(SIGNED, &[]).expect("checks"), Finding::Untrusted(_)));
    let changed = String::from_utf8(SIGNED.to_vec()).expect("text").replace("with a body", "with another");
    assert!(matches!(verify(changed.as_bytes(), &[PUBLIC]).expect("checks"), Finding::Untrusted(_)));
    let key = SigningKey::from_openssh(PRIVATE).expect("a key");
    let (signature, payload) = git::signature::split(SIGNED).expect("splits");
    assert!(signature.is_some());
    // Ed25519 is deterministic: signing the same bytes gives the program's commit, byte for byte.
    assert_eq!(String::from_utf8_lossy(&git::signature::sign(&payload, &key).expect("signs")), String::from_utf8_lossy(SIGNED));
}

#[test]
fn the_program_accepts_what_is_made_here() {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "-q", "-b", "main", "."]);
    let objects = MemoryObjects::default();
    let key = SigningKey::from_seed(&[7; 32], "test").expect("a key");
    let files = [("apps/a.yaml", Some(&b"a: 1\n"[..])), ("apps.d/b", Some(b"b")), ("apps-c", Some(b"c")), ("z/y/x", Some(b"x"))];
    let first = apply_edits(&objects, None, files).expect("applies");
    let second = apply_edits(&objects, Some(&first), [("z/y/x", None), ("apps/a.yaml", Some(&b"a: 2\n"[..]))]).expect("applies");
    let commit = |tree, parents| NewCommit {
        tree,
        parents,
        author: Person::new("Bot", "bot@x", 1_700_000_000),
        committer: Person::new("Bot", "bot@x", 1_700_000_001),
        message: "edit".to_owned(),
    };
    let root = objects.put_commit(&commit(first, vec![]), None).expect("commits");
    let tip = objects.put_commit(&commit(second, vec![root]), Some(&key)).expect("commits");
    let objects: Vec<_> = objects.objects().into_iter().map(|(_, object)| object).collect();
    let packed = pack::write(objects.iter()).expect("packs");
    git_with(folder.path(), &["index-pack", "--stdin", "--strict"], &packed);
    git(folder.path(), &["update-ref", "refs/heads/main", &tip.to_string()]);
    git(folder.path(), &["fsck", "--full", "--strict"]);
    assert_eq!(line(git(folder.path(), &["ls-tree", "-r", "--name-only", "main"])), "apps-c\napps.d/b\napps/a.yaml");
    std::fs::write(folder.path().join("signers"), format!("bot@x {}\n", key.public_line())).expect("writes");
    git(folder.path(), &["-c", "gpg.ssh.allowedSignersFile=signers", "verify-commit", "main"]);
}

#[test]
fn packs_with_deltas_read_as_the_program_wrote_them() {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "-q", "-b", "main", "."]);
    for round in 0..5 {
        let text: String =
            (0..400).map(|number| format!("line {number} {}\n", if number == round * 50 { "changed" } else { "same" })).collect();
        std::fs::write(folder.path().join("large"), text).expect("writes");
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "-q", "-m", &round.to_string()]);
    }
    git(folder.path(), &["tag", "-a", "-m", "t", "v1"]);
    let objects = all_objects(folder.path());
    let listed = line(git(folder.path(), &["rev-list", "--objects", "--all"]));
    for name in listed.lines().map(|line| &line[..40]) {
        assert!(objects.has(&name.parse().expect("a name")).expect("answers"), "{name}");
    }
    // A thin pack with ref-deltas against what the other side has.
    let thin = git_with(folder.path(), &["pack-objects", "--stdout", "--thin", "--revs", "-q"], b"main\n^main~1\n");
    assert!(pack::read(&thin, &MemoryObjects::default(), pack::Limits::default()).is_err());
    let read = pack::read(&thin, &objects, pack::Limits::default()).expect("reads");
    assert!(read.len() == 3 && read.iter().all(|(id, object)| objects.get(id).expect("answers").as_ref() == Some(object)));
    let small = pack::Limits { object: 1000, ..pack::Limits::default() };
    assert!(pack::read(&thin, &objects, small).is_err(), "a delta's result is bounded before it is made");
}

#[test]
fn histories_are_counted_and_merged_as_the_program_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    git(at, &["init", "-q", "-b", "main", "."]);
    let write = |name: &str, text: &str| {
        let path = at.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
        std::fs::write(path, text).expect("writes");
    };
    let commit = |message: &str| {
        git(at, &["add", "-A"]);
        git(at, &["commit", "-q", "-m", message]);
        line(git(at, &["rev-parse", "HEAD"]))
    };
    write("apps/a", "1\n2\n3\n4\n5\n6\n7\n");
    write("docs/d", "d\n");
    commit("base");
    git(at, &["checkout", "-q", "-b", "side"]);
    write("apps/a", "1\n2\n3\n4\n5\n6\nseven\n");
    write("apps/new", "n\n");
    let side = commit("side");
    git(at, &["checkout", "-q", "main"]);
    write("apps/a", "one\n2\n3\n4\n5\n6\n7\n");
    let ours = commit("main");
    write("docs/d", "dd\n");
    commit("docs");
    git(at, &["merge", "-q", "--no-edit", "side"]);
    let merged = line(git(at, &["rev-parse", "HEAD"]));
    git(at, &["checkout", "-q", "-b", "rival", &ours]);
    write("apps/a", "ONE\n2\n3\n4\n5\n6\n7\n");
    let rival = commit("rival");
    git(at, &["checkout", "-q", "main"]);

    let objects = all_objects(at);
    let id = |text: &str| -> ObjectId { text.parse().expect("a name") };
    for path in ["apps", "docs", "apps/new", "absent"] {
        let expected = line(git(at, &["rev-list", "--count", "main", "--", path]));
        assert_eq!(git::count_touching(&objects, &id(&merged), path).expect("counts").to_string(), expected, "{path}");
    }
    let expected = line(git(at, &["merge-base", &ours, &side]));
    let base = git::merge_base(&objects, &id(&ours), &id(&side)).expect("finds").expect("one");
    assert_eq!(base.to_string(), expected);
    assert!(git::is_ancestor(&objects, &id(&side), &id(&merged)).expect("answers"));
    assert!(!git::is_ancestor(&objects, &id(&merged), &id(&side)).expect("answers"));
    let expected = line(git(at, &["rev-list", &merged, &format!("^{ours}")])).lines().count();
    assert_eq!(git::rev_list(&objects, &[id(&merged)], &[id(&ours)]).expect("lists").len(), expected);

    let tree = |commit: &str| git::tree_of_commit(&objects, &id(commit)).expect("a tree");
    let mine = line(git(at, &["rev-parse", &format!("{merged}^1")]));
    let result = git::merge_trees(&objects, Some(&tree(&base.to_string())), &tree(&mine), &tree(&side)).expect("merges");
    assert_eq!(result.expect("no conflict"), tree(&merged));
    let result = git::merge_trees(&objects, Some(&tree(&base.to_string())), &tree(&merged), &tree(&rival)).expect("merges");
    assert_eq!(result.expect_err("a conflict").paths, ["apps/a"]);
    let changed = git::changed_paths(&objects, Some(&tree(&base.to_string())), Some(&tree(&side))).expect("compares");
    assert_eq!(changed.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), ["apps/a", "apps/new"]);
    assert_eq!(git::flatten(&objects, &id(&merged)).expect("flattens").bytes("docs/d"), Some(&b"dd\n"[..]));
}

#[test]
fn client_and_server_understand_each_other() {
    use git::{client, server};
    let objects = MemoryObjects::default();
    let tree = apply_edits(&objects, None, [("a", Some(&b"1"[..]))]).expect("applies");
    let person = Person::new("A", "a@x", 1);
    let make = |tree, parents| NewCommit { tree, parents, author: person.clone(), committer: person.clone(), message: "m".to_owned() };
    let first = objects.put_commit(&make(tree, vec![]), None).expect("commits");
    let tree = apply_edits(&objects, Some(&tree), [("b", Some(&b"2"[..]))]).expect("applies");
    let second = objects.put_commit(&make(tree, vec![first]), None).expect("commits");
    let refs = server::Refs { all: [("refs/heads/main".to_owned(), second)].into(), head: "refs/heads/main".to_owned() };

    assert_eq!(client::parse_advertisement(&server::advertise_v2(true)).expect("reads").version, 2);
    let server::Request::LsRefs(request) = server::parse_request(&client::ls_refs_request(&["refs/heads/", "HEAD"])).expect("reads") else {
        panic!("another command")
    };
    let listed = client::parse_ls_refs(&server::ls_refs(&request, &refs, &objects).expect("answers")).expect("reads");
    assert_eq!(
        listed.iter().map(|found| (found.name.as_str(), found.id)).collect::<Vec<_>>(),
        [("HEAD", second), ("refs/heads/main", second)]
    );
    assert_eq!(listed[0].symref.as_deref(), Some("refs/heads/main"));

    let fetch = |haves: &[ObjectId]| {
        let server::Request::Fetch(request) = server::parse_request(&client::fetch_request(&[second], haves)).expect("reads") else {
            panic!("another command")
        };
        let answer = server::fetch(&request, &refs, &objects).expect("answers");
        let pack = client::parse_fetch(&answer).expect("reads");
        pack::read(&pack.0, &MemoryObjects::default(), pack::Limits::default()).expect("reads").len()
    };
    assert_eq!(fetch(&[]), 6);
    assert_eq!(fetch(&[first]), 3);

    let body = client::push_request(&first, &second, "refs/heads/main", b"PACK");
    let request = server::parse_push(&body).expect("reads");
    assert!(request.report && request.sideband && request.pack == b"PACK");
    let lines = ["first".to_owned(), "second".to_owned()];
    let refused = [("refs/heads/main".to_owned(), Err("incorrect old value provided".to_owned()))];
    match client::parse_report(&server::report(&request, Ok(()), &refused, &lines)) {
        Err(client::PushError::Rejected(rejected)) => assert!(rejected.lost_race() && rejected.remote_lines == lines),
        other => panic!("{other:?}"),
    }
    client::parse_report(&server::report(&request, Ok(()), &[("refs/heads/main".to_owned(), Ok(()))], &[])).expect("accepted");
    let old = client::parse_advertisement(&server::advertise_receive(&refs)).expect("reads");
    assert_eq!(old.refs[0].id, second);
}

#[test]
fn hostile_bytes_are_refused() {
    let none = MemoryObjects::default();
    for bytes in [&b""[..], b"PACK", b"PACK\0\0\0\x02\xff\xff\xff\xff0123456789012345678901234567890", b"0004"] {
        assert!(pack::read(bytes, &none, pack::Limits::default()).is_err());
        assert!(git::server::parse_push(bytes).is_err() && git::client::parse_report(bytes).is_err());
    }
    for name in ["..", ".git", ".GIT", "a/b", ""] {
        let mut tree = format!("100644 {name}\0").into_bytes();
        tree.extend_from_slice(&[1; 20]);
        assert!(git::parse_tree(&tree).is_err(), "{name}");
    }
    let twice = String::from_utf8(SIGNED.to_vec()).expect("text").replacen("\n\n", "\ngpgsig x\n\n", 1);
    assert!(git::parse_commit(twice.as_bytes()).is_err() && git::signature::split(twice.as_bytes()).is_err());
    for end in 0..SIGNED.len() {
        let _ = git::parse_commit(&SIGNED[..end]);
        let _ = git::signature::verify(&SIGNED[..end], &[PUBLIC]);
    }
}
