//! Kubernetes' own kinds: one line each.

use Generation::{Never, Spec, SpecAndAnnotations};
use Scope::{Cluster, Namespaced};
use k8s_openapi::api::{
    admissionregistration, apps, autoscaling, batch, coordination, core, discovery, events, networking, policy, rbac, scheduling, storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
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
    /// Those of the spec (of everything but metadata and status).
    Spec,
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

const NO: &[&str] = &[];
const ALL: &[&str] = &["all"];
const STATUS: &[&str] = &["status"];
const SCALED: &[&str] = &["scale", "status"];
const EXTENSIONS: &[&str] = &["api-extensions"];

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
    "" "v1" "namespaces" "Namespace" &["ns"], NO, Cluster, &["finalize", "status"], Never, core::v1::Namespace;
    "" "v1" "nodes" "Node" &["no"], NO, Cluster, STATUS, Never, core::v1::Node;
    "" "v1" "persistentvolumeclaims" "PersistentVolumeClaim" &["pvc"], NO, Namespaced, STATUS, Never, core::v1::PersistentVolumeClaim;
    "" "v1" "persistentvolumes" "PersistentVolume" &["pv"], NO, Cluster, STATUS, Never, core::v1::PersistentVolume;
    "" "v1" "pods" "Pod" &["po"], ALL, Namespaced, &["attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "proxy", "resize", "status"], Spec, core::v1::Pod;
    "" "v1" "limitranges" "LimitRange" &["limits"], NO, Namespaced, NO, Never, core::v1::LimitRange;
    "" "v1" "resourcequotas" "ResourceQuota" &["quota"], NO, Namespaced, STATUS, Never, core::v1::ResourceQuota;
    "" "v1" "secrets" "Secret" NO, NO, Namespaced, NO, Never, core::v1::Secret;
    "" "v1" "serviceaccounts" "ServiceAccount" &["sa"], NO, Namespaced, &["token"], Never, core::v1::ServiceAccount;
    "" "v1" "services" "Service" &["svc"], ALL, Namespaced, STATUS, Never, core::v1::Service;
    "apps" "v1" "controllerrevisions" "ControllerRevision" NO, NO, Namespaced, NO, Never, apps::v1::ControllerRevision;
    "apps" "v1" "daemonsets" "DaemonSet" &["ds"], ALL, Namespaced, STATUS, Spec, apps::v1::DaemonSet;
    "apps" "v1" "deployments" "Deployment" &["deploy"], ALL, Namespaced, SCALED, SpecAndAnnotations, apps::v1::Deployment;
    "apps" "v1" "replicasets" "ReplicaSet" &["rs"], ALL, Namespaced, SCALED, Spec, apps::v1::ReplicaSet;
    "apps" "v1" "statefulsets" "StatefulSet" &["sts"], ALL, Namespaced, SCALED, Spec, apps::v1::StatefulSet;
    "events.k8s.io" "v1" "events" "Event" &["ev"], NO, Namespaced, NO, Never, events::v1::Event;
    "autoscaling" "v2" "horizontalpodautoscalers" "HorizontalPodAutoscaler" &["hpa"], ALL, Namespaced, STATUS, Never, autoscaling::v2::HorizontalPodAutoscaler;
    "batch" "v1" "cronjobs" "CronJob" &["cj"], ALL, Namespaced, STATUS, Spec, batch::v1::CronJob;
    "batch" "v1" "jobs" "Job" NO, ALL, Namespaced, STATUS, Spec, batch::v1::Job;
    "networking.k8s.io" "v1" "ingressclasses" "IngressClass" NO, NO, Cluster, NO, Spec, networking::v1::IngressClass;
    "networking.k8s.io" "v1" "ingresses" "Ingress" &["ing"], NO, Namespaced, STATUS, Spec, networking::v1::Ingress;
    "networking.k8s.io" "v1" "networkpolicies" "NetworkPolicy" &["netpol"], NO, Namespaced, NO, Spec, networking::v1::NetworkPolicy;
    "policy" "v1" "poddisruptionbudgets" "PodDisruptionBudget" &["pdb"], NO, Namespaced, STATUS, Spec, policy::v1::PodDisruptionBudget;
    "rbac.authorization.k8s.io" "v1" "clusterrolebindings" "ClusterRoleBinding" NO, NO, Cluster, NO, Never, rbac::v1::ClusterRoleBinding;
    "rbac.authorization.k8s.io" "v1" "clusterroles" "ClusterRole" NO, NO, Cluster, NO, Never, rbac::v1::ClusterRole;
    "rbac.authorization.k8s.io" "v1" "rolebindings" "RoleBinding" NO, NO, Namespaced, NO, Never, rbac::v1::RoleBinding;
    "rbac.authorization.k8s.io" "v1" "roles" "Role" NO, NO, Namespaced, NO, Never, rbac::v1::Role;
    "storage.k8s.io" "v1" "storageclasses" "StorageClass" &["sc"], NO, Cluster, NO, Never, storage::v1::StorageClass;
    "admissionregistration.k8s.io" "v1" "mutatingwebhookconfigurations" "MutatingWebhookConfiguration" NO, EXTENSIONS, Cluster, NO, Spec, admissionregistration::v1::MutatingWebhookConfiguration;
    "admissionregistration.k8s.io" "v1" "validatingwebhookconfigurations" "ValidatingWebhookConfiguration" NO, EXTENSIONS, Cluster, NO, Spec, admissionregistration::v1::ValidatingWebhookConfiguration;
    "admissionregistration.k8s.io" "v1" "validatingadmissionpolicies" "ValidatingAdmissionPolicy" NO, EXTENSIONS, Cluster, STATUS, Spec, admissionregistration::v1::ValidatingAdmissionPolicy;
    "admissionregistration.k8s.io" "v1" "validatingadmissionpolicybindings" "ValidatingAdmissionPolicyBinding" NO, EXTENSIONS, Cluster, NO, Spec, admissionregistration::v1::ValidatingAdmissionPolicyBinding;
    "apiextensions.k8s.io" "v1" "customresourcedefinitions" "CustomResourceDefinition" &["crd", "crds"], EXTENSIONS, Cluster, STATUS, Spec, apiextensions::v1::CustomResourceDefinition;
    "scheduling.k8s.io" "v1" "priorityclasses" "PriorityClass" &["pc"], NO, Cluster, NO, Spec, scheduling::v1::PriorityClass;
    "coordination.k8s.io" "v1" "leases" "Lease" NO, NO, Namespaced, NO, Never, coordination::v1::Lease;
    "discovery.k8s.io" "v1" "endpointslices" "EndpointSlice" NO, NO, Namespaced, NO, Spec, discovery::v1::EndpointSlice;
}
