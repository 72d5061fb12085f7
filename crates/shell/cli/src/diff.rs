//! `supercargo diff`: what would change, object by object.
//! Read first: [`Arguments`], [`run`], then `sides.rs` for what can be compared.

mod lines;
mod mask;
mod sides;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use model::ObjectRef;
use ports::Ports;
use serde_json::Value;

use crate::clusters::Target;

/// What to compare.
#[derive(clap::Args)]
#[group(skip)]
pub struct Arguments {
    /// A folder, `oci://HOST/NAME:TAG`, or a cluster's context. Alone: an environment, which is the context of its cluster; what
    /// its pointer names, rendered, is compared with what the cluster holds.
    pub from: String,
    /// A folder, `oci://HOST/NAME:TAG`, or a cluster's context.
    pub to: Option<String>,
    /// The folder inside artifacts.
    #[arg(long, default_value = ".")]
    pub path: String,
    /// Of an environment, the one Kustomization of this name.
    #[arg(long)]
    pub kustomization: Option<String>,
    /// Colours: where a terminal reads it, `always` or `never`.
    #[arg(long, value_enum, default_value = "auto")]
    pub color: Color,
    #[command(flatten)]
    target: Target,
}

/// When the output has colours.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How two objects of one name differ. A side that does not have it has `None`.
#[derive(Debug)]
struct Change {
    before: Option<Value>,
    after: Option<Value>,
}

/// All objects that either side has.
type Changes = BTreeMap<ObjectRef, Change>;

impl Arguments {
    /// Tells whether the operands need a running `up`, a cluster or a registry.
    pub fn needs_places(&self) -> bool {
        let folder = |operand: &String| PathBuf::from(operand).is_dir();
        !(folder(&self.from) && self.to.as_ref().is_some_and(folder))
    }
}

/// Compares and prints; the exit code is 0 without a difference and 1 with one, as `diff` has it. `ports` are those of a running
/// `up`; without them clusters come from the kubeconfig and registries with the credentials of `docker login`.
pub async fn run(arguments: &Arguments, ports: Option<&Ports>) -> anyhow::Result<i32> {
    let places = sides::Places { ports, target: &arguments.target, path: &arguments.path };
    let found = match &arguments.to {
        Some(to) => places.compare(&arguments.from, to).await?,
        None => places.environment(&arguments.from, arguments.kustomization.as_deref()).await?,
    };
    found.notes.iter().for_each(|note| eprintln!("{note}"));
    let colored = match arguments.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let shown = shown(&found.changes, colored);
    print!("{}", shown.text);
    Ok(i32::from(shown.different))
}

struct Shown {
    text: String,
    different: bool,
}

/// The text of all differences, with a sum at its end.
fn shown(changes: &Changes, colored: bool) -> Shown {
    let mut text = String::new();
    let (mut added, mut changed, mut removed) = (0, 0, 0);
    for (reference, change) in changes {
        let (before, after) = mask::pair(change.before.as_ref(), change.after.as_ref());
        if before == after {
            continue;
        }
        let how = match (&before, &after) {
            (None, _) => (&mut added, "added"),
            (_, None) => (&mut removed, "removed"),
            _ => (&mut changed, "changed"),
        };
        *how.0 += 1;
        let place = [reference.namespace.as_str(), reference.name.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        text.push_str(&format!("► {} {} {}\n", reference.kind, place.join("/"), how.1));
        let lines = |value: &Option<Value>| value.as_ref().map(yaml::write).unwrap_or_default();
        text.push_str(&lines::unified(&lines(&before), &lines(&after), colored));
    }
    let different = added + changed + removed > 0;
    text.push_str(&match different {
        true => format!("{changed} changed, {added} added, {removed} removed\n"),
        false => "no difference\n".to_owned(),
    });
    Shown { text, different }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn objects(text: &str) -> BTreeMap<ObjectRef, Value> {
        let all = yaml::read_all(text, yaml::Dialect::Kyaml).expect("reads");
        all.into_iter().map(|object| (api::reference(&object), object)).collect()
    }

    fn check(before: &str, after: &str, colored: bool, expected: &Expect) {
        let changes = sides::paired(objects(before), objects(after));
        expected.assert_eq(&shown(&changes, colored).text);
    }

    const MAP: &str =
        "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a, namespace: n}\ndata: {a: '1', b: '2', c: '3', d: '4', e: '5', f: '6'}\n";

    #[test]
    fn only_what_differs_is_shown() {
        check(
            MAP,
            MAP,
            false,
            &expect![[r#"
            no difference
        "#]],
        );
        check(
            MAP,
            &MAP.replace("'6'", "'7'"),
            false,
            &expect![[r#"
            ► ConfigMap n/a changed
              …
                  c: "3"
                  d: "4"
                  e: "5"
              -   f: "6"
              +   f: "7"
                kind: ConfigMap
                metadata:
                  name: a
            1 changed, 0 added, 0 removed
        "#]],
        );
        check(
            MAP,
            &MAP.replace("'6'", "'7'"),
            true,
            &expect![[r#"
            ► ConfigMap n/a changed
            [2m  …[0m
                  c: "3"
                  d: "4"
                  e: "5"
            [31m  -   f: "6"[0m
            [32m  +   f: "7"[0m
                kind: ConfigMap
                metadata:
                  name: a
            1 changed, 0 added, 0 removed
        "#]],
        );
        check(
            "",
            &MAP.replace("name: a", "name: b"),
            false,
            &expect![[r#"
            ► ConfigMap n/b added
              + apiVersion: v1
              + data:
              +   a: "1"
              +   b: "2"
              +   c: "3"
              +   d: "4"
              +   e: "5"
              +   f: "6"
              + kind: ConfigMap
              + metadata:
              +   name: b
              +   namespace: "n"
            0 changed, 1 added, 0 removed
        "#]],
        );
        check(
            "kind: Namespace\napiVersion: v1\nmetadata: {name: n}\n",
            "",
            false,
            &expect![[r#"
            ► Namespace n removed
              - apiVersion: v1
              - kind: Namespace
              - metadata:
              -   name: "n"
            0 changed, 0 added, 1 removed
        "#]],
        );
    }

    #[test]
    fn secrets_are_masked() {
        let secret = "kind: Secret\napiVersion: v1\nmetadata: {name: a, annotations: {kubectl.kubernetes.io/last-applied-configuration: geheim}}\ndata: {same: c2FtZQ==, other: b25l}\nstringData: {gone: geheim}\n";
        let after = "kind: Secret\napiVersion: v1\nmetadata: {name: a}\ndata: {same: c2FtZQ==, other: dHdv, new: geheim}\n";
        check(
            secret,
            after,
            false,
            &expect![[r#"
            ► Secret a changed
                apiVersion: v1
                data:
              -   other: '*** (before)'
              +   new: '*** (after)'
              +   other: '*** (after)'
                  same: '***'
                kind: Secret
                metadata:
                  name: a
              - stringData:
              -   gone: '*** (before)'
            1 changed, 0 added, 0 removed
        "#]],
        );
        check(
            secret,
            secret,
            false,
            &expect![[r#"
            no difference
        "#]],
        );
    }

    #[test]
    fn what_the_cluster_adds_is_no_difference() {
        let live = MAP.replace(
            "name: a,",
            "name: a, uid: u, resourceVersion: '7', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z', managedFields: [{}],",
        );
        check(
            &format!("{live}status: {{x: y}}\n"),
            MAP,
            false,
            &expect![[r#"
            no difference
        "#]],
        );
    }
}
