//! What an empty world is filled with: kinds and bootstrap in every cluster, users and repositories on the forge. Every step
//! may run twice; what a crash left half done is finished at the next start.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use model::{ClusterName, FileEdit, ObjectRef, Timestamp, Tree};
use ports::Cluster;
use ports::git::Push;
use promote::KARGO;
use serde_json::{Value, json};

use super::hosts::READERS;
use super::{DOORS, World, accounts, forge_url};
use crate::credentials::{CLUSTERS, SIGNERS};
use crate::example;

/// The example's deployment repository.
pub const DEPLOYMENT: &str = "org/deployment";
/// The example's application repository.
pub const APPLICATION: &str = "org/app-myapp";
/// The repositories that roles look after.
pub(super) const REPOSITORIES: [&str; 2] = [DEPLOYMENT, APPLICATION];
/// Field manager of the bootstrap.
const MANAGER: &str = "supercargo";
/// The forge's root.
const ROOT: &str = "https://gitea.internal";

/// What the tests of a cluster need to reach it.
pub struct Bootstrap<'a> {
    /// Address of each cluster's API server as the tests reach it.
    pub servers: &'a BTreeMap<String, String>,
    /// The authority of their certificates (PEM).
    pub authority: &'a str,
}

/// Fills a world.
pub struct Seed<'a>(pub &'a World);

impl Seed<'_> {
    /// Posts our kinds to every cluster, and what every cluster needs before it follows Git.
    pub async fn clusters(&self, bootstrap: &Bootstrap<'_>) -> anyhow::Result<()> {
        let names: Vec<ClusterName> = self.0.plain.clusters.names().cloned().collect();
        for name in &names {
            let cluster = self.0.plain.clusters.get(name)?;
            define(cluster).await?;
            self.accounts_of(name).await?;
            for object in self.basics(name)? {
                apply(cluster, &object).await?;
            }
            for object in self.tests(name, bootstrap) {
                apply(cluster, &object).await?;
            }
        }
        Ok(())
    }

    /// Gives the roles their rights in every cluster; without that none of them can do anything.
    pub async fn accounts(&self) -> anyhow::Result<()> {
        let names: Vec<ClusterName> = self.0.plain.clusters.names().cloned().collect();
        for name in &names {
            self.accounts_of(name).await?;
        }
        Ok(())
    }

    async fn accounts_of(&self, name: &ClusterName) -> anyhow::Result<()> {
        let cluster = self.0.plain.clusters.get(name)?;
        for object in accounts::objects(name.0 == CLUSTERS[0]) {
            apply(cluster, &object).await?;
        }
        Ok(())
    }

    /// Lets every cluster follow Git: the bootstrap files of the example, applied once.
    pub async fn follow(&self) -> anyhow::Result<()> {
        let files = &self.0.deployment;
        let names: Vec<ClusterName> = self.0.plain.clusters.names().cloned().collect();
        for name in &names {
            let path = format!("flux-system/{}.yaml", name.0);
            let bytes = files.bytes(&path).with_context(|| format!("the example has no {path}"))?;
            for object in yaml::read_all(std::str::from_utf8(bytes)?, yaml::Dialect::Sigs)? {
                apply(self.0.plain.clusters.get(name)?, &object).await?;
            }
        }
        Ok(())
    }

    fn basics(&self, name: &ClusterName) -> anyhow::Result<Vec<Value>> {
        let files = &self.0.deployment;
        let bound = files.bytes("policy/keys.json").context("the example binds keys to paths")?;
        let mut keys = json!({});
        for signer in SIGNERS {
            let line = self.0.credentials.signing_key(signer)?.public_line();
            keys[format!("{signer}.sshpub")] = json!(STANDARD.encode(format!("{}\n", line.trim())));
        }
        let mut basics = vec![
            namespace("flux-system"),
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": "git-signers", "namespace": "flux-system", "annotations": {"supercargo.dev/paths": std::str::from_utf8(bound)?}},
                "data": keys,
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "supercargo-tests"},
                "rules": [
                    {"apiGroups": ["", "apps", "batch"], "resources": ["pods", "services", "deployments", "replicasets", "jobs", "namespaces"], "verbs": ["get", "list", "watch"]},
                    {"apiGroups": ["source.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
                ],
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "supercargo-tests"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "supercargo-tests"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": READERS}],
            }),
        ];
        basics.extend([images(name), support(name)]);
        if name.0 == CLUSTERS[0] {
            basics.push(promotions(name));
        }
        Ok(basics)
    }

    /// Where the tests of an environment run: in the management cluster, with a token that may only read their target.
    fn tests(&self, name: &ClusterName, bootstrap: &Bootstrap<'_>) -> Vec<Value> {
        if name.0 != CLUSTERS[0] {
            return Vec::new();
        }
        let mut all = vec![namespace("kargo-myapp")];
        for (target, server) in bootstrap.servers.iter().filter(|(target, _)| *target != "management") {
            let token = self.0.credentials.readers.get(target).cloned().unwrap_or_default();
            let data = json!({"KUBERNETES_API": STANDARD.encode(server), "KUBERNETES_CA": STANDARD.encode(bootstrap.authority), "KUBERNETES_TOKEN": STANDARD.encode(token)});
            all.push(json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": format!("{target}-test-credentials"), "namespace": "kargo-myapp"}, "data": data}));
        }
        all
    }

    /// Makes users and repositories; the policy of a repository comes after its first commit.
    pub async fn forge(&self) -> anyhow::Result<()> {
        let credentials = &self.0.credentials;
        let token = |login: &str| credentials.forge.get(login).cloned().into_iter().collect::<Vec<_>>();
        for (login, name, teams) in [
            ("maintainer", "Maintainer", vec!["org/platform-team", "org/myapp-team"]),
            ("developer", "Developer", vec!["org/myapp-team"]),
            ("operator", "Operator", vec!["org/platform-team"]),
            ("renovate", "Renovate", vec![]),
            ("kargo", "Kargo", vec![]),
            ("checks", "Checks", vec![]),
            ("flux", "Flux", vec![]),
        ] {
            let mut keys = Vec::new();
            if SIGNERS.contains(&login) {
                keys.push(json!({"key": credentials.signing_key(login)?.public_line(), "paths": []}));
            }
            let user = json!({"login": login, "email": format!("{login}@supercargo.internal"), "full_name": name, "teams": teams, "tokens": token(login), "signing_keys": keys});
            self.admin(Method::PUT, &format!("/api/v1/admin/users/{login}"), user).await?;
        }
        for repository in REPOSITORIES {
            let collaborators = json!({"team:org/platform-team": "admin", "team:org/myapp-team": "write", "renovate": "write", "kargo": "write", "checks": "write"});
            let body = json!({"default_branch": "main", "private": true, "collaborators": merge(collaborators, json!({"flux": "read"}))});
            self.admin(Method::PUT, &format!("/api/v1/admin/repos/{repository}"), body).await?;
        }
        Ok(())
    }

    /// Commits the application and its first version. Its workflow builds the image.
    pub async fn application(&self, at: Timestamp, version: &str) -> anyhow::Result<()> {
        let url = forge_url(APPLICATION);
        self.first_commit(APPLICATION, &example::application(), "Add myapp", at).await?;
        let refs = self.0.plain.git.refs(&url, &["refs/heads/main", "refs/tags/"]).await?;
        if !refs.contains_key(&format!("refs/tags/{version}")) {
            let tip = refs.get("refs/heads/main").context("the application repository has a branch main")?;
            self.0.plain.git.push_tag(&url, version, tip, "maintainer").await?;
        }
        Ok(())
    }

    /// Commits the deployment definition, then guards its branch. Its workflow builds the first artifact.
    pub async fn deployment(&self, at: Timestamp) -> anyhow::Result<()> {
        // Once it was filled the world is its people's: their policy is not put back at every start.
        let home = self.0.plain.clusters.get(&ClusterName(CLUSTERS[0].to_owned()))?;
        let note = ObjectRef {
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            namespace: "flux-system".into(),
            name: "supercargo-filled".into(),
        };
        if home.get(&note).await?.is_some() {
            return Ok(());
        }
        let files = &self.0.deployment;
        self.first_commit(DEPLOYMENT, files, "Add the deployment of myapp", at).await?;
        let policies: Value = serde_json::from_slice(files.bytes("policy/main.json").context("the example has a policy of its branch")?)?;
        self.admin(Method::PUT, &format!("/api/v1/admin/repos/{DEPLOYMENT}"), json!({"policies": policies})).await?;
        apply(home, &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": note.name, "namespace": note.namespace}, "data": {"repository": DEPLOYMENT}})).await
    }

    async fn first_commit(&self, repository: &str, files: &Tree, message: &str, at: Timestamp) -> anyhow::Result<()> {
        let url = forge_url(repository);
        if self.0.plain.git.tip(&url, "main").await?.is_some() {
            return Ok(());
        }
        let edits: Vec<FileEdit> =
            files.iter().map(|(path, file)| FileEdit { path: path.to_owned(), content: Some(file.bytes.to_vec()) }).collect();
        let push =
            Push { repository: &url, branch: "main", base: None, expected: None, edits: &edits, message, identity: "maintainer", at };
        self.0.plain.git.push(&push).await?;
        Ok(())
    }

    async fn admin(&self, method: Method, path: &str, body: Value) -> anyhow::Result<()> {
        self.0.plain.forge.raw(ROOT, method, path, Some(body), "forge-admin").await?;
        Ok(())
    }
}

fn merge(mut all: Value, more: Value) -> Value {
    for (key, value) in more.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    all
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// Asks the admission role about every Pod and pod template; when it does not answer, nothing enters.
fn images(cluster: &ClusterName) -> Value {
    let rule = |group: &str, resources: &[&str]| json!({"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": resources, "scope": "Namespaced"});
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "policy.sigstore.dev"},
        "webhooks": [{
            "name": "policy.sigstore.dev",
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 10, "matchPolicy": "Equivalent",
            "clientConfig": {"url": format!("https://{DOORS}/admission/{}", cluster.0)},
            "namespaceSelector": {"matchLabels": {"policy.sigstore.dev/include": "true"}},
            "rules": [
                rule("", &["pods", "pods/ephemeralcontainers", "replicationcontrollers"]),
                rule("apps", &["deployments", "replicasets", "statefulsets", "daemonsets"]),
                rule("batch", &["jobs", "cronjobs"]),
            ],
        }],
    })
}

/// Asks the admission role about every object of the pipeline's own kinds: what nobody here acts on is refused and not ignored.
/// Writes of a status do not come by.
fn support(cluster: &ClusterName) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "supercargo.dev"},
        "webhooks": [{
            "name": "support.supercargo.dev",
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 10, "matchPolicy": "Equivalent",
            "clientConfig": {"url": format!("https://{DOORS}/admission/{}", cluster.0)},
            "rules": [{"apiGroups": api::groups(), "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": ["*"], "scope": "*"}],
        }],
    })
}

/// Lets a Promotion that names only Stage and Freight have the Stage's steps, which its definition demands.
fn promotions(cluster: &ClusterName) -> Value {
    let group = KARGO.split_once('/').map_or(KARGO, |(group, _)| group);
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": {"name": "supercargo.dev"},
        "webhooks": [{
            "name": "promotions.supercargo.dev",
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 10, "matchPolicy": "Equivalent",
            "clientConfig": {"url": format!("https://{DOORS}/admission/{}/promotions", cluster.0)},
            "rules": [{"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["promotions"], "scope": "Namespaced"}],
            "matchConditions": [{"name": "without-steps", "expression": "!has(object.spec) || !has(object.spec.steps)"}],
        }],
    })
}

/// Tells a cluster the pipeline's kinds. What it knows already is only compared: a start need not wait for it.
async fn define(cluster: &Cluster) -> anyhow::Result<()> {
    let known = cluster.list("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, None).await.context("the known kinds")?;
    let is_known = |definition: &Value| {
        let live = known.iter().find(|live| api::name(live) == api::name(definition));
        live.is_some_and(|live| {
            // The server adds this one field.
            let same = |(key, value): (&String, &Value)| key == "conversion" || definition["spec"][key] == *value;
            live["spec"].as_object().is_some_and(|spec| spec.iter().all(same))
        })
    };
    for definition in api::definitions().iter().filter(|definition| !is_known(definition)) {
        apply(cluster, definition).await?;
    }
    Ok(())
}

async fn apply(cluster: &Cluster, object: &Value) -> anyhow::Result<()> {
    let name = format!("{} {}", object["kind"].as_str().unwrap_or_default(), object["metadata"]["name"].as_str().unwrap_or_default());
    if !object.is_object() {
        bail!("a bootstrap document is no object");
    }
    cluster.apply(MANAGER, object, false).await.with_context(|| name)?;
    Ok(())
}
