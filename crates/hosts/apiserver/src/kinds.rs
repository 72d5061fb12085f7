//! Kubernetes' own kinds: one line each.

use Generation::{First, Later, Never, Spec, SpecAndAnnotations, SpecAndLabels};
use Scope::{Cluster, Namespaced};
use k8s_openapi::api::{
    admissionregistration, apps, authentication, authorization, autoscaling, batch, certificates, coordination, core, discovery, events,
    flowcontrol, networking, node, policy, rbac, resource, scheduling, storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration;
use schemars::{JsonSchema, SchemaGenerator};

/// Whether objects live in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Namespaced,
    Cluster,
}

/// Which changes count in `metadata.generation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// There is none.
    Never,
    /// It stays the first.
    First,
    /// Those of the spec, of which none has been counted at first.
    Later,
    /// Those of the spec (of everything but metadata and status).
    Spec,
    /// Those of the spec and of the labels.
    SpecAndLabels,
    /// Those of the spec and of the annotations.
    SpecAndAnnotations,
    /// Those of everything but metadata.
    Everything,
}

/// One of Kubernetes' own kinds.
pub(crate) struct Builtin {
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    pub kind: &'static str,
    pub short_names: &'static [&'static str],
    pub categories: &'static [&'static str],
    pub scope: Scope,
    pub subresources: &'static [&'static str],
    pub generation: Generation,
    /// Adds the kind's definition to the generator.
    pub define: fn(&mut SchemaGenerator),
}

fn define<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

/// Adds the definitions that are no kinds of their own: what is sent to subresources and said in answers.
pub(crate) fn define_shared(generator: &mut SchemaGenerator) {
    define::<meta::v1::ListMeta>(generator);
    define::<meta::v1::Status>(generator);
    define::<meta::v1::DeleteOptions>(generator);
    define::<autoscaling::v1::Scale>(generator);
    define::<authentication::v1::SelfSubjectReview>(generator);
    define::<authentication::v1::TokenRequest>(generator);
    define::<authentication::v1::TokenReview>(generator);
    define::<authorization::v1::LocalSubjectAccessReview>(generator);
    define::<authorization::v1::SelfSubjectAccessReview>(generator);
    define::<authorization::v1::SelfSubjectRulesReview>(generator);
    define::<authorization::v1::SubjectAccessReview>(generator);
    define::<meta::v1::APIGroupList>(generator);
    define::<meta::v1::APIResourceList>(generator);
    define::<meta::v1::APIVersions>(generator);
    define::<k8s_openapi::apimachinery::pkg::version::Info>(generator);
    define::<policy::v1::Eviction>(generator);
    define::<core::v1::Binding>(generator);
}

const NO: &[&str] = &[];
const ALL: &[&str] = &["all"];
const STATUS: &[&str] = &["status"];
const SCALED: &[&str] = &["scale", "status"];
const EXTENSIONS: &[&str] = &["api-extensions"];
const POD: &[&str] = &["attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "proxy", "resize", "status"];
/// The groups in the order of discovery (kubernetes `pkg/controlplane/apiserver/apis.go`); definitions' groups follow.
const ORDER: &[&str] = &[
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "resource.k8s.io",
];

/// Returns where a group stands in discovery.
pub(crate) fn place(group: &str) -> (usize, &str) {
    ORDER.iter().position(|one| *one == group).map_or((ORDER.len(), group), |at| (at, ""))
}

/// Returns why objects of a kind are not taken: what they ask for is not done by this server.
pub(crate) fn not_carried_out(group: &str, kind: &str) -> Option<&'static str> {
    match (group, kind) {
        ("flowcontrol.apiserver.k8s.io", _) => Some("this server does not carry out flow control"),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicy" | "MutatingAdmissionPolicyBinding") => {
            Some("this server does not carry out MutatingAdmissionPolicies; a mutating webhook does the same")
        }
        ("apiregistration.k8s.io", _) => Some("this server does not hand requests on to other API servers"),
        _ => None,
    }
}

/// Returns what is said with every answer about a kind that has had its day.
pub(crate) fn deprecation(group: &str, kind: &str) -> Option<&'static str> {
    match (group, kind) {
        ("", "Endpoints") => Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
        _ => None,
    }
}

/// How many there are of something, as the subresource `scale` of many kinds says it. It has no objects of its own.
pub(crate) const SCALE: Builtin = Builtin {
    group: "autoscaling",
    version: "v1",
    plural: "scales",
    kind: "Scale",
    short_names: NO,
    categories: NO,
    scope: Scope::Namespaced,
    subresources: NO,
    generation: Generation::Never,
    define: define::<autoscaling::v1::Scale>,
};

macro_rules! kinds {
    ($($group:literal $version:literal $plural:literal $kind:literal $short:expr, $categories:expr, $scope:expr, $subresources:expr, $generation:expr, $type:ty;)*) => {
        /// The table.
        pub(crate) const KINDS: &[Builtin] = &[$(Builtin {
            group: $group, version: $version, plural: $plural, kind: $kind, short_names: $short, categories: $categories,
            scope: $scope, subresources: $subresources, generation: $generation, define: define::<$type>,
        }),*];
    };
}

kinds! {
    "" "v1" "configmaps" "ConfigMap" &["cm"], NO, Namespaced, NO, Never, core::v1::ConfigMap;
    "" "v1" "endpoints" "Endpoints" &["ep"], NO, Namespaced, NO, Never, core::v1::Endpoints;
    "" "v1" "events" "Event" &["ev"], NO, Namespaced, NO, Never, core::v1::Event;
    "" "v1" "limitranges" "LimitRange" &["limits"], NO, Namespaced, NO, Never, core::v1::LimitRange;
    "" "v1" "namespaces" "Namespace" &["ns"], NO, Cluster, &["finalize", "status"], Never, core::v1::Namespace;
    "" "v1" "nodes" "Node" &["no"], NO, Cluster, &["proxy", "status"], Never, core::v1::Node;
    "" "v1" "persistentvolumeclaims" "PersistentVolumeClaim" &["pvc"], NO, Namespaced, STATUS, Never, core::v1::PersistentVolumeClaim;
    "" "v1" "persistentvolumes" "PersistentVolume" &["pv"], NO, Cluster, STATUS, Never, core::v1::PersistentVolume;
    "" "v1" "pods" "Pod" &["po"], ALL, Namespaced, POD, Spec, core::v1::Pod;
    "" "v1" "podtemplates" "PodTemplate" NO, NO, Namespaced, NO, Spec, core::v1::PodTemplate;
    "" "v1" "replicationcontrollers" "ReplicationController" &["rc"], ALL, Namespaced, SCALED, Spec, core::v1::ReplicationController;
    "" "v1" "resourcequotas" "ResourceQuota" &["quota"], NO, Namespaced, STATUS, Never, core::v1::ResourceQuota;
    "" "v1" "secrets" "Secret" NO, NO, Namespaced, NO, Never, core::v1::Secret;
    "" "v1" "serviceaccounts" "ServiceAccount" &["sa"], NO, Namespaced, &["token"], Never, core::v1::ServiceAccount;
    "" "v1" "services" "Service" &["svc"], ALL, Namespaced, &["proxy", "status"], Never, core::v1::Service;
    "apiregistration.k8s.io" "v1" "apiservices" "APIService" NO, EXTENSIONS, Cluster, STATUS, Never, apiregistration::v1::APIService;
    "apps" "v1" "controllerrevisions" "ControllerRevision" NO, NO, Namespaced, NO, Never, apps::v1::ControllerRevision;
    "apps" "v1" "daemonsets" "DaemonSet" &["ds"], ALL, Namespaced, STATUS, Spec, apps::v1::DaemonSet;
    "apps" "v1" "deployments" "Deployment" &["deploy"], ALL, Namespaced, SCALED, SpecAndAnnotations, apps::v1::Deployment;
    "apps" "v1" "replicasets" "ReplicaSet" &["rs"], ALL, Namespaced, SCALED, Spec, apps::v1::ReplicaSet;
    "apps" "v1" "statefulsets" "StatefulSet" &["sts"], ALL, Namespaced, SCALED, Spec, apps::v1::StatefulSet;
    "events.k8s.io" "v1" "events" "Event" &["ev"], NO, Namespaced, NO, Never, events::v1::Event;
    "autoscaling" "v2" "horizontalpodautoscalers" "HorizontalPodAutoscaler" &["hpa"], ALL, Namespaced, STATUS, Never, autoscaling::v2::HorizontalPodAutoscaler;
    "autoscaling" "v1" "horizontalpodautoscalers" "HorizontalPodAutoscaler" &["hpa"], ALL, Namespaced, STATUS, Never, autoscaling::v1::HorizontalPodAutoscaler;
    "batch" "v1" "cronjobs" "CronJob" &["cj"], ALL, Namespaced, STATUS, Spec, batch::v1::CronJob;
    "batch" "v1" "jobs" "Job" NO, ALL, Namespaced, STATUS, Spec, batch::v1::Job;
    "certificates.k8s.io" "v1" "certificatesigningrequests" "CertificateSigningRequest" &["csr"], NO, Cluster, &["approval", "status"], Never, certificates::v1::CertificateSigningRequest;
    "networking.k8s.io" "v1" "ingressclasses" "IngressClass" NO, NO, Cluster, NO, Spec, networking::v1::IngressClass;
    "networking.k8s.io" "v1" "ingresses" "Ingress" &["ing"], NO, Namespaced, STATUS, Spec, networking::v1::Ingress;
    "networking.k8s.io" "v1" "ipaddresses" "IPAddress" &["ip"], NO, Cluster, NO, Never, networking::v1::IPAddress;
    "networking.k8s.io" "v1" "networkpolicies" "NetworkPolicy" &["netpol"], NO, Namespaced, NO, Spec, networking::v1::NetworkPolicy;
    "networking.k8s.io" "v1" "servicecidrs" "ServiceCIDR" NO, NO, Cluster, STATUS, Never, networking::v1::ServiceCIDR;
    "policy" "v1" "poddisruptionbudgets" "PodDisruptionBudget" &["pdb"], NO, Namespaced, STATUS, Spec, policy::v1::PodDisruptionBudget;
    "rbac.authorization.k8s.io" "v1" "clusterrolebindings" "ClusterRoleBinding" NO, NO, Cluster, NO, Never, rbac::v1::ClusterRoleBinding;
    "rbac.authorization.k8s.io" "v1" "clusterroles" "ClusterRole" NO, NO, Cluster, NO, Never, rbac::v1::ClusterRole;
    "rbac.authorization.k8s.io" "v1" "rolebindings" "RoleBinding" NO, NO, Namespaced, NO, Never, rbac::v1::RoleBinding;
    "rbac.authorization.k8s.io" "v1" "roles" "Role" NO, NO, Namespaced, NO, Never, rbac::v1::Role;
    "storage.k8s.io" "v1" "csidrivers" "CSIDriver" NO, NO, Cluster, NO, Later, storage::v1::CSIDriver;
    "storage.k8s.io" "v1" "csinodes" "CSINode" NO, NO, Cluster, NO, Never, storage::v1::CSINode;
    "storage.k8s.io" "v1" "csistoragecapacities" "CSIStorageCapacity" NO, NO, Namespaced, NO, Never, storage::v1::CSIStorageCapacity;
    "storage.k8s.io" "v1" "storageclasses" "StorageClass" &["sc"], NO, Cluster, NO, Never, storage::v1::StorageClass;
    "storage.k8s.io" "v1" "volumeattachments" "VolumeAttachment" NO, NO, Cluster, STATUS, Never, storage::v1::VolumeAttachment;
    "storage.k8s.io" "v1" "volumeattributesclasses" "VolumeAttributesClass" &["vac"], NO, Cluster, NO, Never, storage::v1::VolumeAttributesClass;
    "admissionregistration.k8s.io" "v1" "mutatingadmissionpolicies" "MutatingAdmissionPolicy" NO, EXTENSIONS, Cluster, NO, Spec, admissionregistration::v1::MutatingAdmissionPolicy;
    "admissionregistration.k8s.io" "v1" "mutatingadmissionpolicybindings" "MutatingAdmissionPolicyBinding" NO, EXTENSIONS, Cluster, NO, Spec, admissionregistration::v1::MutatingAdmissionPolicyBinding;
    "admissionregistration.k8s.io" "v1" "mutatingwebhookconfigurations" "MutatingWebhookConfiguration" NO, EXTENSIONS, Cluster, NO, Spec, admissionregistration::v1::MutatingWebhookConfiguration;
    "admissionregistration.k8s.io" "v1" "validatingadmissionpolicies" "ValidatingAdmissionPolicy" NO, EXTENSIONS, Cluster, STATUS, Spec, admissionregistration::v1::ValidatingAdmissionPolicy;
    "admissionregistration.k8s.io" "v1" "validatingadmissionpolicybindings" "ValidatingAdmissionPolicyBinding" NO, EXTENSIONS, Cluster, NO, Spec, admissionregistration::v1::ValidatingAdmissionPolicyBinding;
    "admissionregistration.k8s.io" "v1" "validatingwebhookconfigurations" "ValidatingWebhookConfiguration" NO, EXTENSIONS, Cluster, NO, Spec, admissionregistration::v1::ValidatingWebhookConfiguration;
    "admissionregistration.k8s.io" "v1" "validatingadmissionpolicies" "ValidatingAdmissionPolicy" NO, EXTENSIONS, Cluster, STATUS, Spec, admissionregistration::v1::ValidatingAdmissionPolicy;
    "admissionregistration.k8s.io" "v1" "validatingadmissionpolicybindings" "ValidatingAdmissionPolicyBinding" NO, EXTENSIONS, Cluster, NO, Spec, admissionregistration::v1::ValidatingAdmissionPolicyBinding;
    "apiextensions.k8s.io" "v1" "customresourcedefinitions" "CustomResourceDefinition" &["crd", "crds"], EXTENSIONS, Cluster, STATUS, Spec, apiextensions::v1::CustomResourceDefinition;
    "scheduling.k8s.io" "v1" "priorityclasses" "PriorityClass" &["pc"], NO, Cluster, NO, First, scheduling::v1::PriorityClass;
    "coordination.k8s.io" "v1" "leases" "Lease" NO, NO, Namespaced, NO, Never, coordination::v1::Lease;
    "node.k8s.io" "v1" "runtimeclasses" "RuntimeClass" NO, NO, Cluster, NO, Never, node::v1::RuntimeClass;
    "discovery.k8s.io" "v1" "endpointslices" "EndpointSlice" NO, NO, Namespaced, NO, SpecAndLabels, discovery::v1::EndpointSlice;
    "flowcontrol.apiserver.k8s.io" "v1" "flowschemas" "FlowSchema" NO, NO, Cluster, STATUS, Spec, flowcontrol::v1::FlowSchema;
    "flowcontrol.apiserver.k8s.io" "v1" "prioritylevelconfigurations" "PriorityLevelConfiguration" NO, NO, Cluster, STATUS, Spec, flowcontrol::v1::PriorityLevelConfiguration;
    "resource.k8s.io" "v1" "deviceclasses" "DeviceClass" NO, NO, Cluster, NO, Spec, resource::v1::DeviceClass;
    "resource.k8s.io" "v1" "resourceclaims" "ResourceClaim" NO, NO, Namespaced, STATUS, Never, resource::v1::ResourceClaim;
    "resource.k8s.io" "v1" "resourceclaimtemplates" "ResourceClaimTemplate" NO, NO, Namespaced, NO, Never, resource::v1::ResourceClaimTemplate;
    "resource.k8s.io" "v1" "resourceslices" "ResourceSlice" NO, NO, Cluster, NO, Spec, resource::v1::ResourceSlice;
}
