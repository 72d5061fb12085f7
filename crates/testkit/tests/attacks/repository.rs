//! Commits to the deployment repository by those who may not, or not so.

use git::{ObjectId, SigningKey};
use ports::{Login, Registry};
use serde_json::json;
use supercargo::world::{FORGE, REGISTRY};
use testkit::{As, Change, Entry};

use crate::Attempt;
use crate::registry::evil;
use crate::siege::Siege;

pub const REPOSITORY: &str = "org/deployment";
pub const MAIN: &str = "refs/heads/main";
const POINTER: &str = "clusters/dev/myapp.yaml";

pub const ATTEMPTS: [(&str, &str, Attempt); 17] = [
    ("Kargo's identity changes more than the pointer's scalar", "main", |siege| {
        edit(siege, "kargo", POINTER, |text| text.replace("prune: true", "prune: false"))
    }),
    ("Kargo's identity adds a file beside its pointer", "main", |siege| {
        add(siege, "kargo", "clusters/dev/evil.yaml", Entry::File("a: 1\n"))
    }),
    ("Kargo's identity edits prod without a pull request's checks", "main", |siege| {
        edit(siege, "kargo", "clusters/prod/myapp.yaml", |text| text.replace("0.5.1", "0.5.0"))
    }),
    ("Kargo's identity edits an application", "main", |siege| {
        edit(siege, "kargo", "apps/myapp/base/deployment.yaml", |text| text.replace("1.4.2", "1.4.1"))
    }),
    ("Renovate's identity edits a pointer", "main", |siege| edit(siege, "renovate", POINTER, |text| text.replace("0.5.1", "0.5.0"))),
    ("Renovate's identity edits a workflow", "main", |siege| {
        edit(siege, "renovate", ".gitea/workflows/build-deployment-artifact.yml", |text| format!("{text}\n"))
    }),
    ("Renovate's identity adds a link", "main", |siege| {
        add(siege, "renovate", "apps/myapp/base/link.yaml", Entry::Link("../../../clusters/dev/myapp.yaml"))
    }),
    ("Renovate's identity adds a submodule", "main", |siege| add(siege, "renovate", "apps/myapp/base/module", Entry::Submodule)),
    ("Renovate's identity changes more than an image", "main", |siege| {
        edit(siege, "renovate", "apps/myapp/base/deployment.yaml", |text| text.replace("replicas: 1", "replicas: 9"))
    }),
    ("a commit that nobody signed", "sign", unsigned),
    ("a commit with a key that nobody registered", "sign", foreign_key),
    ("a commit signed with Kargo's key by Renovate's token", "main", borrowed_key),
    ("a merge commit that hides a change", "kargo may not write apps/", hidden_merge),
    ("a force push", "main", force),
    ("main is deleted", "prohibited", delete),
    ("a status that somebody posts who may not", "403", status),
    ("a workflow that a branch brings along uses the rights of main", "DENIED", workflow),
];

pub fn key(siege: &Siege, login: &str) -> anyhow::Result<SigningKey> {
    siege.drill.world().credentials.signing_key(login)
}

/// Pushes one commit to main as somebody and returns what the forge says.
fn push(siege: &mut Siege, login: &str, key: Option<&SigningKey>, entries: &[(&str, Entry<'_>)]) -> anyhow::Result<String> {
    let tip = siege.drill.ask(siege.outside.tip(REPOSITORY, "main"))?;
    let token = siege.token(login)?;
    let change = Change { entries, parents: &[tip], author: login, key, message: "A change", at: siege.drill.now() };
    let pushed = siege.drill.ask(siege.outside.push(&As::User(login, &token), REPOSITORY, MAIN, tip, &change));
    unmoved(siege, tip, pushed)
}

fn unmoved(siege: &mut Siege, tip: ObjectId, pushed: anyhow::Result<ObjectId>) -> anyhow::Result<String> {
    let after = siege.drill.ask(siege.outside.tip(REPOSITORY, "main"))?;
    anyhow::ensure!(after == tip, "main has moved");
    match pushed {
        Ok(_) => Ok("it was taken".to_owned()),
        Err(error) => Ok(error.to_string()),
    }
}

fn add(siege: &mut Siege, login: &str, path: &str, entry: Entry<'_>) -> anyhow::Result<String> {
    let key = key(siege, login)?;
    push(siege, login, Some(&key), &[(path, entry)])
}

fn edit(siege: &mut Siege, login: &str, path: &str, change: fn(&str) -> String) -> anyhow::Result<String> {
    let content = read(siege, path)?;
    let changed = change(&content);
    anyhow::ensure!(changed != content, "{path} has nothing to change");
    add(siege, login, path, Entry::File(&changed))
}

pub fn read(siege: &Siege, path: &str) -> anyhow::Result<String> {
    let world = siege.drill.world();
    let url = format!("https://{FORGE}/{REPOSITORY}");
    let (_, tree) = siege.drill.ask(world.ports.git.checkout(&url, "main"))?.expect("main is there");
    Ok(String::from_utf8_lossy(tree.bytes(path).unwrap_or_default()).into_owned())
}

fn unsigned(siege: &mut Siege) -> anyhow::Result<String> {
    let content = read(siege, POINTER)?.replace("0.5.1", "0.5.0");
    push(siege, "kargo", None, &[(POINTER, Entry::File(&content))])
}

fn foreign_key(siege: &mut Siege) -> anyhow::Result<String> {
    let content = read(siege, POINTER)?.replace("0.5.1", "0.5.0");
    let foreign = SigningKey::from_seed(&[9; 32], "foreign")?;
    push(siege, "kargo", Some(&foreign), &[(POINTER, Entry::File(&content))])
}

fn borrowed_key(siege: &mut Siege) -> anyhow::Result<String> {
    let content = read(siege, POINTER)?.replace("0.5.1", "0.5.0");
    let borrowed = key(siege, "kargo")?;
    push(siege, "renovate", Some(&borrowed), &[(POINTER, Entry::File(&content))])
}

/// Two parents whose trees agree, and a tree that agrees with neither.
fn hidden_merge(siege: &mut Siege) -> anyhow::Result<String> {
    let tip = siege.drill.ask(siege.outside.tip(REPOSITORY, "main"))?;
    let (token, key, now) = (siege.token("kargo")?, key(siege, "kargo")?, siege.drill.now());
    let who = As::User("kargo", &token);
    let side = Change {
        entries: &[("clusters/dev/note.txt", Entry::File("x"))],
        parents: &[tip],
        author: "kargo",
        key: Some(&key),
        message: "Side",
        at: now,
    };
    let side = siege.drill.ask(siege.outside.push(&who, REPOSITORY, "refs/heads/kargo/side", ObjectId::ZERO, &side))?;
    let hidden = read(siege, "apps/myapp/base/deployment.yaml")?.replace("1.4.2", "6.6.6");
    let change = Change {
        entries: &[("apps/myapp/base/deployment.yaml", Entry::File(&hidden))],
        parents: &[tip, side],
        author: "kargo",
        key: Some(&key),
        message: "Merge",
        at: now,
    };
    let pushed = siege.drill.ask(siege.outside.push(&who, REPOSITORY, MAIN, tip, &change));
    unmoved(siege, tip, pushed)
}

fn force(siege: &mut Siege) -> anyhow::Result<String> {
    let tip = siege.drill.ask(siege.outside.tip(REPOSITORY, "main"))?;
    let (token, key, now) = (siege.token("maintainer")?, key(siege, "maintainer")?, siege.drill.now());
    let change = Change {
        entries: &[("README.md", Entry::File("gone\n"))],
        parents: &[],
        author: "maintainer",
        key: Some(&key),
        message: "Anew",
        at: now,
    };
    let pushed = siege.drill.ask(siege.outside.push(&As::User("maintainer", &token), REPOSITORY, MAIN, tip, &change));
    unmoved(siege, tip, pushed)
}

fn delete(siege: &mut Siege) -> anyhow::Result<String> {
    let tip = siege.drill.ask(siege.outside.tip(REPOSITORY, "main"))?;
    let token = siege.token("maintainer")?;
    let empty = git::pack::write(std::iter::empty())?;
    let moved = siege.drill.ask(siege.outside.move_ref(&As::User("maintainer", &token), REPOSITORY, MAIN, tip, ObjectId::ZERO, &empty));
    unmoved(siege, tip, moved.map(|()| tip))
}

/// A required check of a pull request is said to be green by the one who opened it.
fn status(siege: &mut Siege) -> anyhow::Result<String> {
    let tip = siege.drill.ask(siege.outside.tip(REPOSITORY, "main"))?;
    let token = siege.token("flux")?;
    let url = format!("https://{FORGE}/api/v1/repos/{REPOSITORY}/statuses/{tip}");
    let body = json!({"context": "forge/kustomize", "state": "success", "description": "trust me"});
    let (code, told) = siege.drill.ask(siege.outside.ask(&As::User("flux", &token), "POST", &url, body))?;
    Ok(format!("{code} {told}"))
}

/// A branch whose changed workflow would push and sign whatever it likes.
fn workflow(siege: &mut Siege) -> anyhow::Result<String> {
    let tip = siege.drill.ask(siege.outside.tip(REPOSITORY, "main"))?;
    let (token, key, now) = (siege.token("developer")?, key(siege, "developer")?, siege.drill.now());
    let path = ".gitea/workflows/build-deployment-artifact.yml";
    let changed = read(siege, path)?.replace("branches: [main]", "branches: ['**']").replace("paths: ['apps/**']", "paths: ['**']");
    let change = Change {
        entries: &[(path, Entry::File(&changed))],
        parents: &[tip],
        author: "developer",
        key: Some(&key),
        message: "Faster",
        at: now,
    };
    siege.drill.ask(siege.outside.push(&As::User("developer", &token), REPOSITORY, "refs/heads/faster", ObjectId::ZERO, &change))?;
    let world = siege.drill.world();
    let job = siege.drill.ask(world.ports.forge.raw(
        &format!("https://{FORGE}"),
        http::Method::POST,
        "/api/actions/v1/claim",
        Some(json!({"runner": "another", "fresh": false})),
        "forge-runner",
    ))?;
    // Its identity names its own branch: it opens no repository, and no policy accepts what it signs.
    let identity = job["identity_token"].as_str().unwrap_or_default().to_owned();
    let url = format!("https://{FORGE}/api/actions/oidc/token?version=1&audience={REGISTRY}");
    let (_, told) = siege.drill.ask(siege.outside.ask(&As::Token(&identity), "GET", &url, serde_json::Value::Null))?;
    let token: serde_json::Value = serde_json::from_str(&told)?;
    let login = Login::Basic { user: "ci".into(), password: token["value"].as_str().unwrap_or_default().to_owned() };
    let registry = Registry::new(siege.outside.web(), login);
    let place: oci::Reference = format!("{REGISTRY}/deployments/myapp:0.9.9").parse()?;
    let refused = siege.drill.ask(registry.push(&place, "0.9.9", &evil("workflow")));
    Ok(refused.err().map_or("it was taken".to_owned(), |error| error.to_string()))
}
