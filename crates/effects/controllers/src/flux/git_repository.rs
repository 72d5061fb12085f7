//! GitRepository: observe the branch and its signatures, let [`deploy::source`] decide.

use api::text;
use deploy::source::{Failure, Fetched, Observed, Stage, decide, refusal};
use futures::future::BoxFuture;
use git::signature::{Finding, verify};
use git::{ObjectId, Objects};
use model::{ClusterName, ObjectRef};
use ports::Ports;
use serde_json::Value;

use super::{ARCHIVES, SOURCE, trees};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

const NAME: &str = "GitRepository";
/// Says which keys of the verification Secret may sign changes of which paths: a map from key name to globs, as JSON.
const PATHS: &str = "supercargo.dev/paths";
/// Most commits between two looks that are verified one by one.
const COMMITS: usize = 5_000;

/// Looks after GitRepositories.
pub struct GitRepository {
    ports: Ports,
}

impl GitRepository {
    /// Makes the controller.
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    async fn fetch(&self, cluster: &ClusterName, object: &Value) -> Result<Fetched, Failure> {
        let spec = &object["spec"];
        if let Some(failure) = refusal(object) {
            return Err(failure);
        }
        let url = text(spec, &["url"]);
        let branch = spec["ref"]["branch"].as_str().unwrap_or("master");
        let unreachable = |message: String, passing: bool| Failure {
            stage: Stage::Fetch,
            reason: "GitOperationFailed",
            message: format!("failed to checkout and determine revision: {message}"),
            stalled: false,
            passing,
        };
        let tip = self.ports.git.tip(url, branch).await.map_err(|error| unreachable(model::chain(&error), error.is_passing()))?;
        let tip = tip.ok_or_else(|| unreachable(format!("couldn't find remote ref \"refs/heads/{branch}\""), false))?;
        let verified = self.verified(cluster, object, url, &tip).await?;
        let tree = trees::of_commit(&self.ports, url, &tip.to_string()).await;
        let tree = tree.map_err(|error| unreachable(error.text, error.passing))?;
        let commit = self.ports.git.with_objects(url, &[tip], |objects| objects.commit(&tip)).await;
        let subject = commit.map(|commit| commit.message.lines().next().unwrap_or_default().to_owned()).unwrap_or_default();
        let archive = oci::gzip(&oci::tar(&oci::LayerSpec::of_tree(&tree, ""), true));
        let path = format!("gitrepository/{}/{}/{tip}.tar.gz", api::namespace(object), api::name(object));
        Ok(Fetched {
            revision: format!("{branch}@sha1:{tip}"),
            digest: model::Digest::of(&archive).to_string(),
            size: archive.len() as u64,
            url: format!("{ARCHIVES}{path}"),
            path,
            metadata: Vec::new(),
            verified,
            news: format!("stored artifact for commit '{subject}'"),
        })
    }

    /// Verifies every commit since the last artifact, not only the tip: an unsigned one below a signed one is found.
    async fn verified(&self, cluster: &ClusterName, object: &Value, url: &str, tip: &ObjectId) -> Result<Option<String>, Failure> {
        let wanted = &object["spec"]["verify"];
        if !wanted.is_object() {
            return Ok(None);
        }
        let failed = |message: String, passing: bool| Failure {
            stage: Stage::Verify,
            reason: "InvalidCommitSignature",
            message,
            stalled: false,
            passing,
        };
        let unverified = |message: String| failed(message, false);
        let secret = text(wanted, &["secretRef", "name"]);
        let reference =
            ObjectRef { api_version: "v1".into(), kind: "Secret".into(), namespace: api::namespace(object).into(), name: secret.into() };
        let live = match self.ports.clusters.get(cluster) {
            Ok(client) => client.get(&reference).await,
            Err(error) => Err(error),
        };
        let live = live.map_err(|error| failed(error.to_string(), matches!(error, ports::ClusterError::Unreachable(_))))?;
        let live = live.ok_or_else(|| unverified(format!("PGP public keys secret error: secrets {secret:?} not found")))?;
        let keys = keys(&live).map_err(unverified)?;
        let before =
            text(object, &["status", "artifact", "revision"]).rsplit_once("@sha1:").and_then(|(_, commit)| commit.parse::<ObjectId>().ok());
        let tip = *tip;
        let mut wants = vec![tip];
        wants.extend(before);
        let found = self.ports.git.with_objects(url, &wants, |objects| Ok(check(objects, &tip, before.as_ref(), &keys))).await;
        // Where the earlier commit is gone from the server, everything is verified.
        let found = match found {
            Ok(found) => found,
            Err(_) => self
                .ports
                .git
                .with_objects(url, &[tip], |objects| Ok(check(objects, &tip, None, &keys)))
                .await
                .map_err(|error| failed(model::chain(&error), error.is_passing()))?,
        };
        found.map(|signer| Some(format!("verified signature of commit '{tip}' with key '{signer}'"))).map_err(unverified)
    }
}

struct SigningKey {
    name: String,
    line: String,
    paths: Vec<String>,
}

/// Reads the keys of a verification Secret: every `*.sshpub` holds lines of `authorized_keys`.
fn keys(secret: &Value) -> Result<Vec<SigningKey>, String> {
    use base64::Engine as _;
    let bound: Value = match api::annotation(secret, PATHS) {
        Some(text) => serde_json::from_str(text).map_err(|error| format!("annotation {PATHS} is malformed: {error}"))?,
        None => Value::Null,
    };
    let mut keys = Vec::new();
    for (name, value) in secret["data"].as_object().into_iter().flatten() {
        if !name.ends_with(".sshpub") {
            return Err(format!("the key {name} of the verification Secret is not supported: only *.sshpub"));
        }
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(value.as_str().unwrap_or_default())
            .map_err(|error| format!("{name}: {error}"))?;
        let text = String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))?;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            keys.push(SigningKey { name: name.clone(), line: line.to_owned(), paths: api::texts(&bound[name.as_str()]) });
        }
    }
    if keys.is_empty() {
        return Err("the verification Secret holds no key".to_owned());
    }
    Ok(keys)
}

/// Returns the name of the key that signed the tip, once every new commit was signed by a key that may change its paths.
fn check(objects: &dyn Objects, tip: &ObjectId, before: Option<&ObjectId>, keys: &[SigningKey]) -> Result<String, String> {
    let lines: Vec<&str> = keys.iter().map(|key| key.line.as_str()).collect();
    let mut commits =
        git::rev_list(objects, &[*tip], before.map(std::slice::from_ref).unwrap_or_default()).map_err(|error| error.to_string())?;
    if commits.len() > COMMITS {
        return Err(format!("more than {COMMITS} new commits to verify"));
    }
    if !commits.contains(tip) {
        commits.push(*tip);
    }
    let mut signer = String::new();
    for id in &commits {
        let object = objects.need(id, git::Kind::Commit).map_err(|error| error.to_string())?;
        let index = match verify(&object.data, &lines).map_err(|error| error.to_string())? {
            Finding::SignedBy(index) => index,
            Finding::Unsigned => return Err(format!("signature verification of commit '{id}' failed: the commit is not signed")),
            Finding::Untrusted(why) => return Err(format!("signature verification of commit '{id}' failed: {why}")),
        };
        let key = &keys[index];
        if let Some(path) = strays(objects, id, key).map_err(|error| error.to_string())? {
            return Err(format!("signature verification of commit '{id}' failed: key '{}' may not sign changes of {path}", key.name));
        }
        if id == tip {
            signer.clone_from(&key.name);
        }
    }
    Ok(signer)
}

/// Returns a path that a commit changes and its key may not sign.
fn strays(objects: &dyn Objects, id: &ObjectId, key: &SigningKey) -> Result<Option<String>, git::GitError> {
    if key.paths.is_empty() {
        return Ok(None);
    }
    let commit = objects.commit(id)?;
    let parent = commit.parents.first().map(|parent| objects.commit(parent)).transpose()?.map(|parent| parent.tree);
    let changed = git::changed_paths(objects, parent.as_ref(), Some(&commit.tree))?;
    Ok(changed.into_iter().map(|change| change.path).find(|path| !key.paths.iter().any(|glob| golang::glob(glob, path))))
}

impl Controller for GitRepository {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        "source-controller"
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn watches(&self) -> Vec<Watched> {
        vec![Watched { api_version: SOURCE, kind: NAME }]
    }

    fn serves(&self, _cluster: &ClusterName) -> bool {
        true
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        match event {
            Event::Object { cluster, object, .. } if object["kind"] == NAME => vec![Wake::One(Key::of(NAME, cluster, object))],
            // Which of them have this URL is known when they look; there are few.
            Event::Pushed { name, .. } if name.starts_with("refs/heads/") => vec![Wake::All(None)],
            _ => Vec::new(),
        }
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let Some(object) = self.ports.clusters.get(&key.cluster)?.get(&super::reference(SOURCE, NAME, key)).await? else {
                return Ok(None);
            };
            let fetched = if object["spec"]["suspend"] == true {
                Err(Failure::of_spec("suspended".into()))
            } else {
                self.fetch(&key.cluster, &object).await
            };
            let decision = decide(&Observed { cluster: key.cluster.clone(), object: object.clone(), now: seen.now, fetched });
            Ok(Some(Pass { subject: Some(object), decision }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use git::{MemoryObjects, NewCommit, Person};
    use serde_json::json;

    struct Repository {
        objects: MemoryObjects,
        tip: Option<ObjectId>,
    }

    impl Repository {
        fn commit(&mut self, path: &str, content: &str, key: Option<&git::SigningKey>) -> ObjectId {
            let before = self.tip.map(|tip| self.objects.commit(&tip).expect("a commit").tree);
            let tree = git::apply_edits(&self.objects, before.as_ref(), [(path, Some(content.as_bytes()))]).expect("a tree");
            let person = Person::new("n", "n@x.internal", 1_767_225_600);
            let commit = NewCommit {
                tree,
                parents: self.tip.into_iter().collect(),
                author: person.clone(),
                committer: person,
                message: format!("{path} {content}"),
            };
            let id = self.objects.put_commit(&commit, key).expect("a commit");
            self.tip = Some(id);
            id
        }
    }

    fn key(seed: u8) -> git::SigningKey {
        git::SigningKey::from_seed(&[seed; 32], "k").expect("a key")
    }

    fn secret(keys: &[(&str, u8)], paths: &str) -> Value {
        use base64::Engine as _;
        let encode = |seed: u8| base64::engine::general_purpose::STANDARD.encode(key(seed).public_line());
        let data: serde_json::Map<String, Value> = keys.iter().map(|(name, seed)| ((*name).to_owned(), json!(encode(*seed)))).collect();
        json!({"metadata": {"annotations": {PATHS: paths}}, "data": data})
    }

    #[test]
    fn every_new_commit_is_verified_and_keys_keep_to_their_paths() {
        let known = keys(&secret(&[("kargo.sshpub", 1), ("people.sshpub", 2)], r#"{"kargo.sshpub": ["clusters/**"]}"#)).expect("keys");
        let mut repository = Repository { objects: MemoryObjects::default(), tip: None };
        let first = repository.commit("apps/a", "1", Some(&key(2)));
        assert_eq!(check(&repository.objects, &first, None, &known), Ok("people.sshpub".to_owned()));
        let second = repository.commit("clusters/dev/a", "1", Some(&key(1)));
        assert_eq!(check(&repository.objects, &second, Some(&first), &known), Ok("kargo.sshpub".to_owned()));
        // An unsigned commit under a signed one is found, unless it was verified before.
        let third = repository.commit("clusters/dev/a", "2", None);
        let fourth = repository.commit("clusters/dev/a", "3", Some(&key(1)));
        let why = check(&repository.objects, &fourth, Some(&second), &known).expect_err("unsigned");
        assert!(why.contains(&third.to_string()) && why.contains("is not signed"), "{why}");
        assert!(check(&repository.objects, &fourth, Some(&third), &known).is_ok());
        // A key outside its paths, and a key that nobody registered.
        let fifth = repository.commit("apps/a", "2", Some(&key(1)));
        let why = check(&repository.objects, &fifth, Some(&fourth), &known).expect_err("a stray");
        assert!(why.contains("key 'kargo.sshpub' may not sign changes of apps/a"), "{why}");
        let sixth = repository.commit("clusters/dev/a", "4", Some(&key(9)));
        assert!(check(&repository.objects, &sixth, Some(&fifth), &known).expect_err("a stranger").contains("nobody registered"));
    }

    #[test]
    fn secrets_are_read_or_refused() {
        assert!(keys(&secret(&[("people.asc", 1)], "{}")).err().is_some_and(|why| why.contains("only *.sshpub")));
        assert!(keys(&secret(&[], "{}")).err().is_some_and(|why| why.contains("holds no key")));
        assert!(keys(&secret(&[("a.sshpub", 1)], "nonsense")).err().is_some_and(|why| why.contains(PATHS)));
    }
}
