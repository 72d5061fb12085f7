//! From the facts to the chain of custody: each link with its evidence, checked again from the bytes. The same function checks
//! what was just read and what somebody exported. Read first: [`chain`], [`Link`].

use api::text;
use git::signature::Finding;
use model::{Digest, Verdict};
use promote::{automation, freight, hold};
use serde::Serialize;
use serde_json::{Value, json};
use sign::{IdentityMatch, Match, Policy, TrustRoot};

use super::facts::{Facts, Stored};
use super::gather::artifact;

/// One link between a commit and a Pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Link {
    /// `pod`, `image`, `applied`, …
    pub link: &'static str,
    /// What it is about.
    pub what: String,
    /// What was found.
    pub state: State,
    /// The evidence, or what is missing.
    pub evidence: Vec<String>,
}

/// What was found about a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// The evidence is there and holds.
    Good,
    /// Something is missing, so that nothing is known.
    Missing,
    /// The evidence contradicts what is claimed.
    Bad,
}

impl Link {
    fn of(link: &'static str, what: impl Into<String>, found: Result<Vec<String>, Doubt>) -> Self {
        let (state, evidence) = match found {
            Ok(evidence) => (State::Good, evidence),
            Err(Doubt::Missing(why)) => (State::Missing, vec![why]),
            Err(Doubt::Bad(why)) => (State::Bad, vec![why]),
        };
        Self { link, what: what.into(), state, evidence }
    }
}

enum Doubt {
    Missing(String),
    Bad(String),
}

type Found = Result<Vec<String>, Doubt>;

fn missing<T>(why: impl Into<String>) -> Result<T, Doubt> {
    Err(Doubt::Missing(why.into()))
}

fn bad<T>(why: impl Into<String>) -> Result<T, Doubt> {
    Err(Doubt::Bad(why.into()))
}

/// A container that runs.
pub(super) struct Container {
    /// The image as the Pod names it.
    pub image: String,
    /// The image by digest, as the node tells it.
    pub image_id: String,
}

/// Returns a Pod's containers.
pub(super) fn containers(pod: &Value) -> Vec<Container> {
    let statuses = pod["status"]["containerStatuses"].as_array();
    let read = |status: &Value| {
        let id = text(status, &["imageID"]);
        let id = id.rsplit_once("://").map_or(id, |(_, id)| id);
        Container { image: text(status, &["image"]).to_owned(), image_id: id.to_owned() }
    };
    statuses.into_iter().flatten().map(read).collect()
}

/// Returns the Promotion that brought what the Stage runs.
pub(super) fn promotion(facts: &Facts) -> Option<&Value> {
    let name = promote::stage::brought_by(&facts.stage["status"], &facts.promotions);
    facts.promotions.iter().find(|promotion| api::name(promotion) == name)
}

/// Returns the commit that a Promotion has made on the pointer's branch: the last that a step tells.
pub(super) fn commit_of(promotion: &Value) -> Option<String> {
    let steps = promotion["status"]["stepExecutionMetadata"].as_array()?;
    let told = steps.iter().rev().filter_map(|step| promotion["status"]["state"][text(step, &["alias"])]["commit"].as_str());
    told.map(str::to_owned).next()
}

/// Checks everything, from the Pods back to the commits.
pub(super) fn chain(facts: &Facts) -> Vec<Link> {
    let root = TrustRoot::parse(facts.trusted_root.to_string().as_bytes()).map_err(|error| error.to_string());
    let check = Check { facts, root };
    let mut links = check.pods();
    links.push(Link::of("applied", check.shown_kustomization(), check.applied()));
    links.push(Link::of("artifact", artifact(facts).unwrap_or_default(), check.artifact()));
    links.push(Link::of("rendering", text(facts.kustomization.as_ref().unwrap_or(&Value::Null), &["spec", "path"]), check.rendering()));
    let place = |place: &Option<super::facts::Place>| place.as_ref().map(|place| format!("{}@{}", place.repository, short(&place.commit)));
    links.push(Link::of("commit", place(&facts.built_from).unwrap_or_default(), check.commit()));
    links.push(Link::of("pointer", place(&facts.pointer).unwrap_or_default(), check.pointer()));
    links.push(Link::of("promotion", promotion(facts).map(api::name).unwrap_or_default(), check.promoted()));
    links.extend(check.tests());
    links
}

/// Says what holds the next change.
pub(super) fn next(facts: &Facts) -> Vec<String> {
    let (stage, now) = (&facts.stage, facts.at);
    let mut told = Vec::new();
    if let Verdict::Wait { why, .. } = hold::paused(stage, facts.project.as_ref(), now) {
        told.push(why);
    }
    if let Some(live) = facts.kustomization.as_ref().filter(|live| live["spec"]["suspend"] == true) {
        let note = api::Note::read(live, deploy::SUSPENDED).map(|note| format!(" {note}")).unwrap_or_default();
        told.push(format!("Kustomization {} is suspended{note}", api::name(live)));
    }
    if let Some(issue) = stage["status"]["health"]["issues"][0].as_str() {
        told.push(issue.to_owned());
    }
    for request in stage["spec"]["requestedFreight"].as_array().into_iter().flatten() {
        let origin = freight::origin(request);
        let mut all: Vec<Value> = facts.freight.iter().filter(|one| freight::origin(one) == origin).cloned().collect();
        freight::newest_first(&mut all);
        let Some(newest) = all.first() else {
            told.push(format!("{origin} has no Freight"));
            continue;
        };
        let digests = promote::stage::current_digests(stage);
        if newest["images"].as_array().into_iter().flatten().any(|image| digests.iter().any(|digest| image["digest"] == digest.as_str())) {
            told.push(format!("nothing newer than {} is there", tag(newest)));
            continue;
        }
        let gates = [
            freight::available(stage, newest, now),
            automation::automatic(stage, &facts.configs),
            automation::held(stage, &stage["status"], &origin),
        ];
        let closed = gates.into_iter().find_map(|gate| match gate {
            Verdict::Pass => None,
            Verdict::Wait { why, .. } | Verdict::Refuse { why, .. } => Some(why),
        });
        told.push(format!("{} is next: {}", tag(newest), closed.unwrap_or_else(|| "nothing holds it".to_owned())));
    }
    told
}

fn tag(freight: &Value) -> String {
    format!("{} (freight {})", text(&freight["images"][0], &["tag"]), short(api::name(freight)))
}

fn short(text: &str) -> &str {
    &text[..text.len().min(7)]
}

struct Check<'a> {
    facts: &'a Facts,
    root: Result<TrustRoot, String>,
}

impl Check<'_> {
    /// Each image that runs: as many Pods, who signed it, and whether every Pod has the same bytes.
    fn pods(&self) -> Vec<Link> {
        let mut links = Vec::new();
        if self.facts.workloads.is_empty() {
            links.push(Link::of("pod", "", missing("nothing that runs Pods was applied, or it was not read")));
        }
        let mut images: Vec<(String, String, &Value, usize)> = Vec::new();
        for pod in self.facts.pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()) {
            for container in containers(pod) {
                match images.iter_mut().find(|(_, id, ..)| *id == container.image_id) {
                    Some((.., count)) => *count += 1,
                    None => images.push((container.image, container.image_id, pod, 1)),
                }
            }
        }
        for workload in &self.facts.workloads {
            let what = format!("{} {}/{}", text(workload, &["kind"]), api::namespace(workload), api::name(workload));
            let wanted = workload["spec"]["replicas"].as_i64();
            let ready = workload["status"]["readyReplicas"].as_i64().or(workload["status"]["numberReady"].as_i64()).unwrap_or(0);
            let named = text(&workload["spec"]["template"]["spec"]["containers"][0], &["image"]);
            let found = match wanted {
                Some(wanted) if ready < wanted => bad(format!("{ready} of {wanted} Pods are ready")),
                _ => Ok(vec![format!("{ready} Pods are ready with {named}")]),
            };
            links.push(Link::of("pod", what, found));
        }
        for (image, id, pod, count) in images {
            let mut found = self.image(&image, &id, pod);
            if let Ok(evidence) = &mut found {
                evidence.push(format!("runs in {count} Pods"));
            }
            links.push(Link::of("image", format!("{image} {}", id.rsplit_once('@').map_or("", |(_, digest)| digest)), found));
        }
        links
    }

    fn root(&self) -> Result<&TrustRoot, Doubt> {
        self.root.as_ref().map_err(|error| Doubt::Missing(format!("no trust root: {error}")))
    }

    fn stored(&self, name: &str) -> Result<(&Stored, Digest), Doubt> {
        let Some(stored) = self.facts.registry.get(name) else { return missing(format!("{name} was not read")) };
        let digest = Digest::of(&stored.manifest);
        match name.rsplit_once('@') {
            Some((_, named)) if named == digest.to_string() => Ok((stored, digest)),
            _ => bad(format!("the manifest's bytes are those of {digest}")),
        }
    }

    /// Whether the image is signed as the policies of its cluster ask.
    fn image(&self, image: &str, id: &str, pod: &Value) -> Found {
        let (stored, digest) = self.stored(id)?;
        let mut request = json!({"operation": "CREATE", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": pod});
        request["namespace"] = json!(api::namespace(pod));
        let namespace = self.facts.namespaces.iter().find(|namespace| api::name(namespace) == api::namespace(pod)).cloned();
        let seen = admit::Observed { request, policies: self.facts.policies.clone(), namespace, answers: Default::default() };
        let identities = match admit::decide(&seen) {
            admit::Outcome::Ask(admit::Question::Verify { identities, .. }) => identities,
            admit::Outcome::Review(review) if review.allowed => return missing(format!("no policy asks for a signature of {image}")),
            admit::Outcome::Review(review) => return bad(review.message),
        };
        let side = |exact: &Option<String>, pattern: &Option<String>| match (exact, pattern) {
            (Some(text), None) => Ok(Match::Exact(text.clone())),
            (None, Some(pattern)) => Match::regexp(pattern).map_err(|error| Doubt::Bad(error.to_string())),
            _ => bad("a policy names an identity by half"),
        };
        let matches = identities
            .iter()
            .map(|one| {
                Ok(IdentityMatch { issuer: side(&one.issuer, &one.issuer_regexp)?, subject: side(&one.subject, &one.subject_regexp)? })
            })
            .collect::<Result<Vec<_>, Doubt>>()?;
        self.signed(stored, &digest, matches)
    }

    fn signed(&self, stored: &Stored, digest: &Digest, identities: Vec<IdentityMatch>) -> Found {
        let policy = Policy { identities, now: self.facts.at };
        match sign::choose(self.root()?, &stored.signatures, digest, &policy) {
            Ok(found) => {
                let time = found.times.first().map(|time| format!(" at {time}")).unwrap_or_default();
                Ok(vec![format!("signed by {}{time}, entry {} of the log", found.subject, found.log_index)])
            }
            Err(refusal) => bad(refusal.to_string()),
        }
    }

    fn shown_kustomization(&self) -> String {
        let Some(live) = &self.facts.kustomization else { return String::new() };
        format!("Kustomization {}/{} of {}", api::namespace(live), api::name(live), self.facts.cluster)
    }

    fn applied(&self) -> Found {
        let Some(live) = &self.facts.kustomization else { return missing("no Kustomization delivers what the Stage promotes") };
        let applied = text(live, &["status", "lastAppliedRevision"]);
        let ready = api::find_condition(live, "Ready");
        let told = ready.map(|ready| text(ready, &["message"])).unwrap_or_default();
        if !api::is_true(live, "Ready") {
            return bad(format!("it is not Ready: {told}"));
        }
        let promoted = promote::stage::current_digests(&self.facts.stage);
        if !promoted.iter().any(|digest| applied.ends_with(digest.as_str())) {
            return bad(format!("{applied} is applied, which is not what was promoted: the pointer was edited by hand"));
        }
        let since = ready.map(|ready| text(ready, &["lastTransitionTime"])).unwrap_or_default();
        Ok(vec![format!("{applied} is applied and healthy since {since}")])
    }

    fn artifact(&self) -> Found {
        let Some(name) = artifact(self.facts) else { return missing("no artifact is applied") };
        let (stored, digest) = self.stored(&name)?;
        let wanted = &self.facts.source.as_ref().unwrap_or(&Value::Null)["spec"]["verify"]["matchOIDCIdentity"];
        let mut identities = Vec::new();
        for one in wanted.as_array().into_iter().flatten() {
            let pattern = |field: &str| Match::regexp(text(one, &[field])).map_err(|error| Doubt::Bad(format!("{field}: {error}")));
            identities.push(IdentityMatch { issuer: pattern("issuer")?, subject: pattern("subject")? });
        }
        if identities.is_empty() {
            return missing("the source asks for no signature (spec.verify)");
        }
        let mut evidence = self.signed(stored, &digest, identities)?;
        if let Some(freight) = self
            .facts
            .freight
            .iter()
            .find(|one| one["images"].as_array().into_iter().flatten().any(|image| image["digest"] == digest.to_string()))
        {
            evidence.push(format!("is {}", tag(freight)));
        }
        Ok(evidence)
    }

    /// Renders the artifact again and holds what it names against what runs.
    fn rendering(&self) -> Found {
        let Some(name) = artifact(self.facts) else { return missing("no artifact is applied") };
        let (stored, _) = self.stored(&name)?;
        let manifest = serde_json::from_slice::<oci::Manifest>(&stored.manifest).map_err(|error| Doubt::Bad(error.to_string()))?;
        match manifest.layers.first() {
            Some(layer) if layer.digest == Digest::of(&stored.layer) => {}
            _ => return missing("the layer with the files was not read"),
        }
        let tree = oci::unpack_layer(&stored.layer, &oci::Limits::default()).map_err(|error| Doubt::Bad(error.to_string()))?;
        let spec = self.facts.kustomization.as_ref().map_or(&Value::Null, |object| &object["spec"]);
        let rendered = kustomize::build_or_generate(&deploy::legible(&tree), text(spec, &["path"]), Some(&deploy::overlay(spec)))
            .map_err(|error| Doubt::Bad(error.to_string()))?;
        let rendered = deploy::substitute(rendered, &spec["postBuild"]).map_err(Doubt::Bad)?;
        let mut same = 0;
        for workload in &self.facts.workloads {
            let wanted = rendered.iter().find(|one| one["kind"] == workload["kind"] && api::name(one) == api::name(workload));
            let Some(wanted) = wanted else { return bad(format!("it has no {} {}", text(workload, &["kind"]), api::name(workload))) };
            let images = |object: &Value| -> Vec<String> {
                let containers = object["spec"]["template"]["spec"]["containers"].as_array();
                containers.into_iter().flatten().map(|container| text(container, &["image"]).to_owned()).collect()
            };
            if images(wanted) != images(workload) {
                return bad(format!("it names {}, but {} runs", images(wanted).join(", "), images(workload).join(", ")));
            }
            same += images(wanted).len();
        }
        Ok(vec![format!("renders to {} objects; the {same} images it names are those that run", rendered.len())])
    }

    fn signed_commit(&self, commit: &str) -> Result<(git::Commit, Vec<String>), Doubt> {
        let Some(raw) = self.facts.git.get(commit) else { return missing(format!("commit {commit} was not read")) };
        self.facts.objects().map_err(Doubt::Bad)?;
        let parsed = git::parse_commit(&raw.data).map_err(|error| Doubt::Bad(error.to_string()))?;
        let (names, keys): (Vec<&str>, Vec<&str>) = self.facts.signers.iter().map(|(name, key)| (name.as_str(), key.as_str())).unzip();
        let subject = parsed.message.lines().next().unwrap_or_default().to_owned();
        let told = format!("{subject:?} by {}", parsed.author.name);
        match git::signature::verify(&raw.data, &keys).map_err(|error| Doubt::Bad(error.to_string()))? {
            Finding::SignedBy(at) => Ok((parsed, vec![told, format!("signed with the key of {}", names.get(at).unwrap_or(&""))])),
            Finding::Unsigned => bad(format!("{told} is not signed")),
            Finding::Untrusted(why) => bad(format!("{told}: {why}")),
        }
    }

    fn commit(&self) -> Found {
        let Some(place) = &self.facts.built_from else { return missing("the artifact does not tell which commit it was built from") };
        Ok(self.signed_commit(&place.commit)?.1)
    }

    /// The commit that points the environment at its artifact, and the tag that stands in its file.
    fn pointer(&self) -> Found {
        let Some(place) = &self.facts.pointer else { return missing("the commit of the pointer is not known") };
        let (commit, mut evidence) = self.signed_commit(&place.commit)?;
        let objects = self.facts.objects().map_err(Doubt::Bad)?;
        let file = git::read_file(&objects, &commit.tree, &place.path).map_err(|error| Doubt::Bad(error.to_string()))?;
        let Some(file) = file else { return bad(format!("the commit has no {}", place.path)) };
        let documents =
            yaml::read_all(&String::from_utf8_lossy(&file), yaml::Dialect::Sigs).map_err(|error| Doubt::Bad(error.to_string()))?;
        let tag =
            documents.iter().find(|one| one["kind"] == "OCIRepository").map(|one| text(one, &["spec", "ref", "tag"])).unwrap_or_default();
        let applied = text(self.facts.kustomization.as_ref().unwrap_or(&Value::Null), &["status", "lastAppliedRevision"]);
        if applied.split('@').next() != Some(tag) {
            return bad(format!("{} says {tag:?}, but {applied} is applied", place.path));
        }
        evidence.push(format!("{} says {tag}", place.path));
        Ok(evidence)
    }

    fn promoted(&self) -> Found {
        let Some(promotion) = promotion(self.facts) else { return missing("no Promotion has brought this") };
        let phase = text(promotion, &["status", "phase"]);
        let actor = api::annotation(promotion, automation::ACTOR).unwrap_or("somebody");
        let told = format!(
            "freight {} by {actor}, {phase} at {}",
            short(text(promotion, &["spec", "freight"])),
            text(promotion, &["status", "finishedAt"])
        );
        if phase == "Succeeded" { Ok(vec![told]) } else { bad(told) }
    }

    /// For each Stage in which what runs was verified: the run, and what it measured.
    fn tests(&self) -> Vec<Link> {
        let digests = promote::stage::current_digests(&self.facts.stage);
        let runs = |one: &&Value| {
            one["images"].as_array().into_iter().flatten().any(|image| digests.iter().any(|digest| image["digest"] == digest.as_str()))
        };
        let Some(freight) = self.facts.freight.iter().find(runs) else {
            return vec![Link::of("tests", "", missing("the Freight that was promoted is not there"))];
        };
        let verified = freight["status"]["verifiedIn"].as_object().into_iter().flatten();
        let mut links: Vec<(String, Link)> = verified
            .map(|(stage, told)| {
                let at = text(told, &["verifiedAt"]);
                (at.to_owned(), Link::of("tests", stage.clone(), self.run(stage, api::name(freight), at)))
            })
            .collect();
        links.sort_by(|(a, _), (b, _)| a.cmp(b));
        if links.is_empty() {
            return vec![Link::of("tests", "", missing("nothing has verified this Freight"))];
        }
        links.into_iter().map(|(_, link)| link).collect()
    }

    fn run(&self, stage: &str, freight: &str, at: &str) -> Found {
        let of = |run: &&Value| {
            let promotion = api::annotation(run, "kargo.akuity.io/promotion").unwrap_or_default();
            let promoted = self.facts.promotions.iter().find(|one| api::name(one) == promotion);
            api::label(run, "kargo.akuity.io/stage") == Some(stage) && promoted.is_some_and(|one| one["spec"]["freight"] == freight)
        };
        let Some(run) = self.facts.runs.iter().rev().find(of) else {
            return Ok(vec![format!("verified at {at}; no test is asked for there")]);
        };
        let metrics = run["status"]["metricResults"].as_array().into_iter().flatten();
        let metrics: Vec<String> = metrics.map(|metric| format!("{} {}", text(metric, &["name"]), text(metric, &["phase"]))).collect();
        let phase = text(run, &["status", "phase"]);
        let told = format!("{} {phase} at {at}: {}", api::name(run), metrics.join(", "));
        if phase == "Successful" { Ok(vec![told]) } else { bad(told) }
    }
}
