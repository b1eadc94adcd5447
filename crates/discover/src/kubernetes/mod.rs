//! The Kubernetes API without sockets: what to ask for, what its lists say, and what to do about its refusals.

use crate::candidate::{Candidate, LeftOut, bounded};
use serde::Deserialize;
use std::net::IpAddr;

/// So many objects are asked for in one answer.
pub(crate) const PAGE_OBJECTS: usize = 250;

/// Which objects are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KubernetesObjects {
    /// EndpointSlices of the services that the selector chooses.
    #[default]
    EndpointSlices,
    /// Endpoints of these services: libcluster's `kubernetes_ip_lookup_mode: :endpoints`.
    Endpoints,
    /// The pods that the selector chooses: libcluster's `kubernetes_ip_lookup_mode: :pods`.
    Pods,
}

/// How a node is called after its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KubernetesMode {
    /// `basename@10.0.0.7`.
    #[default]
    Ip,
    /// `basename@10-0-0-7.namespace.pod.cluster.local`.
    Dns,
    /// `basename@hostname.service.namespace.svc.cluster.local`.
    Hostname,
}

/// What makes a name of a pod.
#[derive(Debug, Clone)]
pub(crate) struct Naming {
    pub(crate) basename: String,
    pub(crate) mode: KubernetesMode,
    pub(crate) service: Option<String>,
    pub(crate) domain: String,
}

/// One page of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) refused: Vec<LeftOut>,
    /// Where the list goes on.
    pub(crate) next: Option<String>,
}

impl KubernetesObjects {
    fn resource(self) -> (&'static str, &'static str) {
        match self {
            Self::EndpointSlices => ("discovery.k8s.io", "endpointslices"),
            Self::Endpoints => ("", "endpoints"),
            Self::Pods => ("", "pods"),
        }
    }

    /// The path and query of a page.
    pub(crate) fn path(self, namespace: &str, selector: &str, next: Option<&str>) -> String {
        let (group, resource) = self.resource();
        let api = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
        let mut path = format!(
            "{api}/namespaces/{}/{resource}?labelSelector={}&limit={PAGE_OBJECTS}",
            encoded(namespace),
            encoded(selector)
        );
        if let Some(next) = next {
            path.push_str("&continue=");
            path.push_str(&encoded(next));
        }
        path
    }

    /// The rule without which the API refuses, ready for `kubectl apply`.
    pub(crate) fn missing_rule(self, namespace: &str) -> String {
        let (group, resource) = self.resource();
        format!(
            "the pod's service account may not list {resource} in {namespace}: give it a Role with the rule {{apiGroups: [\"{group}\"], resources: [\"{resource}\"], verbs: [\"list\"]}} and bind it by a RoleBinding"
        )
    }
}

/// What is wrong with a status that is not 200, and what to do.
pub(crate) fn refusal(status: u16, body: &[u8], objects: KubernetesObjects, namespace: &str) -> String {
    #[derive(Deserialize, Default)]
    struct Status {
        #[serde(default)]
        message: String,
    }
    let said = serde_json::from_slice::<Status>(body).unwrap_or_default().message;
    let said = bounded(&said);
    match status {
        401 => format!("the API refuses the token (401): {said}; look at the service account of the pod"),
        403 => format!("{}; the API says (403): {said}", objects.missing_rule(namespace)),
        404 => format!("the API has no such list (404): {said}; ask for endpoints or pods on an old cluster"),
        status => format!("the API says {status}: {said}; look at the API server"),
    }
}

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct List<T> {
    #[serde(default)]
    metadata: Metadata,
    /// `null` where there are none; what has no items at all is no list.
    #[serde(deserialize_with = "Option::deserialize")]
    items: Option<Vec<T>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    namespace: String,
    #[serde(rename = "continue")]
    next: String,
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Slice {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    endpoints: Option<Vec<Endpoint>>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    conditions: Conditions,
    hostname: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Conditions {
    terminating: Option<bool>,
}

#[derive(Deserialize)]
struct Endpoints {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    subsets: Option<Vec<Subset>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subset {
    #[serde(default)]
    addresses: Option<Vec<Address>>,
    #[serde(default)]
    not_ready_addresses: Option<Vec<Address>>,
}

#[derive(Deserialize)]
struct Address {
    ip: String,
    hostname: Option<String>,
}

#[derive(Deserialize)]
struct Pod {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PodSpec {
    hostname: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct PodStatus {
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    phase: Option<String>,
}

/// A pod as any of the lists shows it.
struct Place<'a> {
    ip: &'a str,
    hostname: Option<&'a str>,
    namespace: &'a str,
    found_in: String,
}

/// Reads a page. Pods that are not ready yet are taken, since nodes connect before they serve; those that end are not.
pub(crate) fn read(body: &[u8], objects: KubernetesObjects, naming: &Naming) -> Result<Page, String> {
    match objects {
        KubernetesObjects::EndpointSlices => list(body, |slice: &Slice, page| {
            for endpoint in slice.endpoints.iter().flatten() {
                let found_in = format!("EndpointSlice {}", slice.metadata.name);
                for ip in &endpoint.addresses {
                    if endpoint.conditions.terminating == Some(true) {
                        page.refused.push(LeftOut::new(ip, "its pod ends"));
                        continue;
                    }
                    let (hostname, namespace) = (endpoint.hostname.as_deref(), &*slice.metadata.namespace);
                    page.add(naming, &Place { ip, hostname, namespace, found_in: found_in.clone() });
                }
            }
        }),
        KubernetesObjects::Endpoints => list(body, |endpoints: &Endpoints, page| {
            for subset in endpoints.subsets.iter().flatten() {
                let ready = subset.addresses.iter().flatten();
                for address in ready.chain(subset.not_ready_addresses.iter().flatten()) {
                    let found_in = format!("Endpoints {}", endpoints.metadata.name);
                    let (hostname, namespace) = (address.hostname.as_deref(), &*endpoints.metadata.namespace);
                    page.add(naming, &Place { ip: &address.ip, hostname, namespace, found_in });
                }
            }
        }),
        KubernetesObjects::Pods => list(body, |pod: &Pod, page| {
            let found_in = format!("pod {}", pod.metadata.name);
            let ended = matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"));
            match pod.status.pod_ip.as_deref() {
                _ if ended || pod.metadata.deletion_timestamp.is_some() => {
                    page.refused.push(LeftOut::new(&found_in, "it ends, or has ended"));
                }
                None => page.refused.push(LeftOut::new(&found_in, "it has no address yet")),
                Some(ip) => {
                    let (hostname, namespace) = (pod.spec.hostname.as_deref(), &*pod.metadata.namespace);
                    page.add(naming, &Place { ip, hostname, namespace, found_in });
                }
            }
        }),
    }
}

fn list<'a, T: Deserialize<'a>>(body: &'a [u8], each: impl Fn(&T, &mut Page)) -> Result<Page, String> {
    let list: List<T> = serde_json::from_slice(body).map_err(|error| bounded(&error.to_string()))?;
    let mut page = Page { next: Some(list.metadata.next).filter(|next| !next.is_empty()), ..Page::default() };
    list.items.iter().flatten().for_each(|item| each(item, &mut page));
    Ok(page)
}

impl Page {
    fn add(&mut self, naming: &Naming, place: &Place<'_>) {
        let Naming { basename, domain, .. } = naming;
        let Ok(address) = place.ip.parse::<IpAddr>() else {
            self.refused.push(LeftOut::new(place.ip, "it is no address"));
            return;
        };
        let namespace = place.namespace;
        let host = match (naming.mode, place.hostname, &naming.service) {
            (KubernetesMode::Ip, _, _) => address.to_string(),
            (KubernetesMode::Dns, _, _) => {
                format!("{}.{namespace}.pod.{domain}", place.ip.replace(['.', ':'], "-"))
            }
            (KubernetesMode::Hostname, Some(hostname), Some(service)) => {
                format!("{hostname}.{service}.{namespace}.svc.{domain}")
            }
            (KubernetesMode::Hostname, None, _) => {
                let why =
                    "its pod has no hostname; use a StatefulSet with a headless service, or mode ip or dns";
                self.refused.push(LeftOut::new(place.ip, why));
                return;
            }
            (KubernetesMode::Hostname, Some(_), None) => {
                self.refused.push(LeftOut::new(place.ip, "mode hostname needs the service's name; give it"));
                return;
            }
        };
        let (name, found_in) = (format!("{basename}@{host}"), place.found_in.clone());
        self.candidates.push(Candidate { name, address: Some(address), tcp_port: None, found_in });
    }
}

/// `text` for a query: everything but letters, digits and `-._~` as `%XX`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{KubernetesMode, KubernetesObjects, Naming, read, refusal};

    fn naming(mode: KubernetesMode) -> Naming {
        Naming {
            basename: "app".to_owned(),
            mode,
            service: Some("svc".to_owned()),
            domain: "cluster.local".to_owned(),
        }
    }

    fn names(body: &str, objects: KubernetesObjects, mode: KubernetesMode) -> Vec<String> {
        let page = read(body.as_bytes(), objects, &naming(mode)).unwrap();
        page.candidates.into_iter().map(|candidate| candidate.name).collect()
    }

    const SLICES: &str = r#"{"kind":"EndpointSliceList","metadata":{"resourceVersion":"42","continue":"more"},"items":[
        {"metadata":{"name":"svc-x","namespace":"shop"},"addressType":"IPv4","endpoints":[
            {"addresses":["10.0.0.1"],"conditions":{"ready":true},"hostname":"app-0"},
            {"addresses":["10.0.0.2"],"conditions":{"ready":false,"serving":false,"terminating":false}},
            {"addresses":["10.0.0.3"],"conditions":{"ready":false,"terminating":true}}]},
        {"metadata":{"name":"empty","namespace":"shop"},"endpoints":null}]}"#;

    #[test]
    fn slices_give_pods_also_those_not_ready_but_none_that_end() {
        let objects = KubernetesObjects::EndpointSlices;
        assert_eq!(names(SLICES, objects, KubernetesMode::Ip), ["app@10.0.0.1", "app@10.0.0.2"]);
        let dns = ["app@10-0-0-1.shop.pod.cluster.local", "app@10-0-0-2.shop.pod.cluster.local"];
        assert_eq!(names(SLICES, objects, KubernetesMode::Dns), dns);
        assert_eq!(
            names(SLICES, objects, KubernetesMode::Hostname),
            ["app@app-0.svc.shop.svc.cluster.local"]
        );
        let page = read(SLICES.as_bytes(), objects, &naming(KubernetesMode::Hostname)).unwrap();
        assert_eq!((page.refused.len(), page.next.as_deref()), (2, Some("more")));
    }

    #[test]
    fn endpoints_and_pods_are_read() {
        let endpoints = r#"{"items":[{"metadata":{"name":"svc","namespace":"shop"},"subsets":[
            {"addresses":[{"ip":"10.0.0.1","targetRef":{"namespace":"shop"}}],"notReadyAddresses":[{"ip":"10.0.0.2"}]}]},
            {"metadata":{"name":"none"}}]}"#;
        let expected = ["app@10.0.0.1", "app@10.0.0.2"];
        assert_eq!(names(endpoints, KubernetesObjects::Endpoints, KubernetesMode::Ip), expected);
        let pods = r#"{"items":[{"metadata":{"name":"a","namespace":"shop"},"spec":{},"status":{"podIP":"10.0.0.1","phase":"Running"}},
            {"metadata":{"name":"b","deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"podIP":"10.0.0.2"}},
            {"metadata":{"name":"c"},"status":{"phase":"Pending"}}]}"#;
        assert_eq!(names(pods, KubernetesObjects::Pods, KubernetesMode::Ip), ["app@10.0.0.1"]);
    }

    #[test]
    fn paths_are_encoded_and_refusals_name_the_rule() {
        let path = KubernetesObjects::EndpointSlices.path("shop", "app=my app", Some("a/b"));
        let expected = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=app%3Dmy%20app&limit=250&continue=a%2Fb";
        assert_eq!(path, expected);
        let text = refusal(403, br#"{"message":"forbidden"}"#, KubernetesObjects::Pods, "shop");
        assert!(
            text.contains(r#"resources: ["pods"], verbs: ["list"]"#) && text.ends_with("(403): forbidden"),
            "{text}"
        );
    }

    /// Whatever else answers well at the API's place must not be taken for an API without pods.
    #[test]
    fn what_has_no_items_is_no_empty_list() {
        let objects =
            [KubernetesObjects::EndpointSlices, KubernetesObjects::Endpoints, KubernetesObjects::Pods];
        for objects in objects {
            for body in ["{}", r#"{"kind":"Status","status":"Failure"}"#, r#"{"items":{}}"#, "[]", ""] {
                let page = read(body.as_bytes(), objects, &naming(KubernetesMode::Ip));
                assert!(page.is_err(), "{body}: {page:?}");
            }
            for body in [r#"{"items":[]}"#, r#"{"kind":"PodList","items":null}"#] {
                assert_eq!(names(body, objects, KubernetesMode::Ip), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn addresses_that_are_none_are_left_out() {
        let body = r#"{"items":[{"endpoints":[{"addresses":["x y"]}]}]}"#;
        assert_eq!(names(body, KubernetesObjects::EndpointSlices, KubernetesMode::Ip), Vec::<String>::new());
        assert!(read(b"[", KubernetesObjects::Pods, &naming(KubernetesMode::Ip)).is_err());
    }
}
