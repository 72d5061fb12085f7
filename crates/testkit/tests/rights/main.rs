//! Every role acts under its own account. The clusters of a whole world write down who did what while everything happens that the
//! roles know; then no account has missed a right, and none has one that it did not use.

mod play;
mod witness;

use std::collections::BTreeSet;

use supercargo::world::granted;
use testkit::Drill;

#[test]
fn every_role_may_do_what_it_does_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut drill, logs) = Drill::witnessed(folder.path()).expect("a world");
    play::workloads(&mut drill);
    play::pipeline(&mut drill);
    play::informers(&drill);
    play::node(&drill, &folder.path().join("node"));
    logs.iter().for_each(apiserver::AuditLog::flush);
    let done = witness::read(folder.path());
    let missed: BTreeSet<String> = done.iter().filter(|done| !done.allowed).map(ToString::to_string).collect();
    assert!(missed.is_empty(), "refused:\n{}", missed.into_iter().collect::<Vec<_>>().join("\n"));
    let unused: Vec<String> = granted()
        .iter()
        .filter(|right| !done.iter().any(|done| done.uses(right)))
        .map(|right| {
            format!("{} {} {}/{} {}", right.user, if right.everywhere { "each" } else { "home" }, right.group, right.resource, right.verb)
        })
        .collect();
    assert!(unused.is_empty(), "nobody needed:\n{}", unused.join("\n"));
}
