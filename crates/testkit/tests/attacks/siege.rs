//! A world under attack: the attacker's tools, and what must not change.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use api::text;
use model::{Caller, ClusterName, Digest, ObjectRef};
use oci::{Artifact, Reference};
use ports::{Cluster, Login, Registry, Signer};
use serde_json::{Value, json};
use supercargo::world::{REGISTRY, identity_url};
use testkit::{As, Drill, Outside};

/// The workflow whose signatures count for artifacts, as the issuer names it.
pub const DEPLOYMENT: &str = "org/deployment/.gitea/workflows/build-deployment-artifact.yml@refs/heads/main";
/// The workflow whose signatures count for images.
pub const APPLICATION: &str = "org/app-myapp/.gitea/workflows/build.yml@refs/tags/1.4.2";

/// A world and an attacker.
pub struct Siege {
    pub drill: Drill,
    pub outside: Outside,
    before: BTreeMap<String, String>,
}

impl Siege {
    pub fn begin() -> anyhow::Result<Self> {
        let drill = Drill::begin()?;
        let outside = Outside::of(drill.world());
        let mut siege = Self { drill, outside, before: BTreeMap::new() };
        siege.before = siege.state()?;
        Ok(siege)
    }

    /// What runs where, what is verified where, what the pointers say, and which digest each version has.
    fn state(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let world = self.drill.world();
        let mut state = BTreeMap::new();
        for name in ["dev", "staging", "prod"] {
            let live = self.object(name, "kustomize.toolkit.fluxcd.io/v1", "Kustomization", "flux-system", "myapp")?;
            state.insert(format!("{name} applied"), text(&live, &["status", "lastAppliedRevision"]).to_owned());
            let workload = self.object(name, "apps/v1", "Deployment", "myapp", "myapp")?;
            state.insert(format!("{name} image"), text(&workload["spec"]["template"]["spec"]["containers"][0], &["image"]).to_owned());
        }
        let home = self.cluster("management")?.clone();
        for freight in self.drill.ask(home.list("kargo.akuity.io/v1alpha1", "Freight", None, None))? {
            let verified: Vec<&str> =
                freight["status"]["verifiedIn"].as_object().into_iter().flatten().map(|(stage, _)| stage.as_str()).collect();
            state.insert(
                format!("freight {}", api::name(&freight)),
                format!("{} in {}", text(&freight["images"][0], &["digest"]), verified.join(", ")),
            );
        }
        for version in ["myapp:1.4.2", "deployments/myapp:0.5.1"] {
            let place: Reference = format!("{REGISTRY}/{version}").parse()?;
            let digest = self.drill.ask(world.ports.registry.resolve(&place))?.with_context(|| format!("{version} is gone"))?;
            state.insert(version.to_owned(), digest.to_string());
        }
        Ok(state)
    }

    /// Lets everything come to rest and compares.
    pub fn nothing_moved(&mut self) -> anyhow::Result<()> {
        self.drill.settle()?;
        let after = self.state()?;
        ensure!(after == self.before, "something moved:\n{:#?}\nwas\n{:#?}", after, self.before);
        Ok(())
    }

    /// Lets the next version travel to prod.
    pub fn release(mut self) -> anyhow::Result<()> {
        let world = self.drill.world();
        self.drill.ask(world.release("1.4.3", self.drill.now()))?;
        for _ in 0..30 {
            self.drill.wait(std::time::Duration::from_secs(10))?;
            if self.drill.ask(world.has_arrived("1.4.3"))? {
                return Ok(());
            }
        }
        let story: Vec<String> = self.drill.story().iter().rev().take(30).map(|entry| format!("{entry:?}")).collect();
        anyhow::bail!("1.4.3 does not arrive:\n{}", story.join("\n"))
    }

    pub fn cluster(&self, name: &str) -> anyhow::Result<Cluster> {
        Ok(self.drill.world().ports.clusters.get(&ClusterName(name.to_owned()))?.clone())
    }

    pub fn object(&self, cluster: &str, api_version: &str, kind: &str, namespace: &str, name: &str) -> anyhow::Result<Value> {
        let reference = ObjectRef { api_version: api_version.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() };
        let client = self.cluster(cluster)?;
        self.drill.ask(client.get(&reference))?.with_context(|| format!("{kind} {name} of {cluster} is not there"))
    }

    /// The message of an object's condition `Ready`, with its reason.
    pub fn ready(&self, cluster: &str, api_version: &str, kind: &str, namespace: &str, name: &str) -> anyhow::Result<String> {
        let live = self.object(cluster, api_version, kind, namespace, name)?;
        let ready = api::find_condition(&live, "Ready").with_context(|| format!("{kind} {name} says nothing"))?;
        Ok(format!("{} {}: {}", text(ready, &["status"]), text(ready, &["reason"]), text(ready, &["message"])))
    }

    /// An identity token of a workflow.
    pub fn workflow_token(&self, workflow: &str, audience: &str) -> anyhow::Result<String> {
        let repository = workflow.split("/.gitea").next().unwrap_or_default();
        let claims = json!({"sub": format!("repo:{repository}"), "job_workflow_ref": workflow, "repository": repository});
        self.drill.world().hosts.identity.issue_token(claims, audience).map_err(anyhow::Error::msg)
    }

    /// A registry client of a workflow, through the outside door.
    pub fn registry_of(&self, workflow: &str) -> anyhow::Result<Registry> {
        let password = self.workflow_token(workflow, REGISTRY)?;
        Ok(Registry::new(self.outside.web(), Login::Basic { user: "ci".into(), password }))
    }

    /// Signs what lies in a registry as a workflow.
    pub fn sign(&self, registry: &Registry, place: &Reference, digest: &Digest, workflow: &str) -> anyhow::Result<()> {
        let token = self.workflow_token(workflow, "sigstore")?;
        self.drill.ask(self.signer().sign(registry, &place.with_digest(digest.clone()), &token, [7; 32], self.drill.now()))?;
        Ok(())
    }

    /// Signs what lies in a registry as a workflow, in the legacy form alone.
    pub fn sign_legacy(&self, registry: &Registry, place: &Reference, digest: &Digest, workflow: &str) -> anyhow::Result<()> {
        let token = self.workflow_token(workflow, "sigstore")?;
        self.drill.ask(self.signer().sign_legacy(registry, &place.with_digest(digest.clone()), &token, [8; 32]))?;
        Ok(())
    }

    fn signer(&self) -> Signer {
        let services = identity_url();
        Signer { web: self.outside.web(), fulcio: services.clone(), rekor: services.clone(), timestamps: services }
    }

    /// Puts what lies under one digest's `.sig` tag under another's.
    pub fn move_legacy(&self, registry: &Registry, from: (&Reference, &Digest), to: (&Reference, &Digest)) -> anyhow::Result<()> {
        let manifest = self.drill.ask(registry.manifest(&from.0.with_tag(sign::signature_tag(from.1).parse()?)))?;
        let parts: oci::Manifest = serde_json::from_slice(&manifest.bytes)?;
        for part in parts.layers.iter().chain([&parts.config]) {
            let bytes = self.drill.ask(self.drill.world().ports.registry.blob(from.0, &part.digest))?;
            self.drill.ask(registry.put_blob(to.0, &bytes))?;
        }
        self.drill.ask(registry.put_manifest(to.0, &sign::signature_tag(to.1), &manifest.media_type, &manifest.bytes))?;
        Ok(())
    }

    /// Pushes an artifact with the rights of the workflow that may, signed by whoever is named.
    pub fn publish(&self, place: &str, artifact: &Artifact, pusher: &str, signer: Option<&str>) -> anyhow::Result<Reference> {
        let place: Reference = format!("{REGISTRY}/{place}").parse()?;
        let registry = self.registry_of(pusher)?;
        self.drill.ask(registry.push(&place, &place.version(), artifact))?;
        if let Some(signer) = signer {
            self.sign(&registry, &place, &artifact.digest, signer)?;
        }
        Ok(place)
    }

    /// A forge token of somebody.
    pub fn token(&self, login: &str) -> anyhow::Result<String> {
        self.drill.world().credentials.forge.get(login).cloned().with_context(|| format!("{login} has no token"))
    }

    /// Asks a cluster as its administrator, through the outside door.
    pub fn admin(&self, cluster: &str, method: &str, path: &str, body: Value) -> anyhow::Result<(u16, String)> {
        let token = self.drill.world().credentials.clusters.get(cluster).cloned().unwrap_or_default();
        self.drill.ask(self.outside.cluster(&As::Token(&token), cluster, method, path, body))
    }

    /// A registry client that may write anything: a registry that somebody has taken over.
    pub fn rogue(&self) -> Registry {
        Registry::new(self.drill.world().web.clone(), Login::Caller(Caller::new("supercargo-tests")))
    }
}
