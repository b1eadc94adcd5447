//! What the API says of its objects: pages of a list, and lines of a watch.

use super::{KubernetesMode, KubernetesObjects, Naming};
use crate::candidate::{Candidate, LeftOut, NAME_CHARACTERS_MAX, NameProblem, bounded};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::net::IpAddr;

/// The longest name of an object, of a namespace or of a version, in bytes; the API itself allows no longer ones.
pub(crate) const OBJECT_NAME_BYTES_MAX: usize = 253;

/// What one object says: a slice, the endpoints of a service, or a pod.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) refused: Vec<LeftOut>,
}

/// Namespace and name of an object.
pub(crate) type Key = (String, String);

/// One page of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) objects: Vec<(Key, Object)>,
    /// From where a watch goes on; empty where there is none.
    pub(crate) version: String,
    /// Where the list goes on.
    pub(crate) next: Option<String>,
}

/// One line of a watch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The object is new, or another than before.
    Is { key: Key, object: Object, version: String },
    /// The object is gone, or chosen no more.
    Gone { key: Key, version: String },
    /// All up to this version has been told.
    Bookmark { version: String },
    /// The watch cannot go on.
    Error { status: u16, message: String },
}

/// Reads a page. Pods that are not ready yet are taken, since nodes connect before they serve; those that end are not.
pub(crate) fn read_list(body: &[u8], objects: KubernetesObjects, naming: &Naming) -> Result<Page, String> {
    match objects {
        KubernetesObjects::EndpointSlices => list::<Slice>(body, naming),
        KubernetesObjects::Endpoints => list::<Endpoints>(body, naming),
        KubernetesObjects::Pods => list::<Pod>(body, naming),
    }
}

/// Reads a line of a watch, in which an object is as in a list.
pub(crate) fn read_event(line: &[u8], objects: KubernetesObjects, naming: &Naming) -> Result<Event, String> {
    match objects {
        KubernetesObjects::EndpointSlices => event::<Slice>(line, naming),
        KubernetesObjects::Endpoints => event::<Endpoints>(line, naming),
        KubernetesObjects::Pods => event::<Pod>(line, naming),
    }
}

fn list<T: Item>(body: &[u8], naming: &Naming) -> Result<Page, String> {
    let list: List<T> = parsed(body)?;
    let Metadata { next, resource_version: version, .. } = list.metadata;
    let mut page = Page { version, next: Some(next).filter(|next| !next.is_empty()), ..Page::default() };
    for item in list.items.iter().flatten() {
        page.objects.push((key(item.metadata())?, item.object(naming)));
    }
    Ok(page)
}

fn event<T: Item>(line: &[u8], naming: &Naming) -> Result<Event, String> {
    let kind = parsed::<EventKind>(line)?.kind;
    match kind.as_str() {
        "ADDED" | "MODIFIED" => {
            let item = parsed::<EventOf<T>>(line)?.object;
            let (key, version) = (key(item.metadata())?, version(item.metadata())?);
            Ok(Event::Is { key, object: item.object(naming), version })
        }
        "DELETED" => {
            let Named { metadata } = parsed::<EventOf<Named>>(line)?.object;
            Ok(Event::Gone { key: key(&metadata)?, version: version(&metadata)? })
        }
        "BOOKMARK" => {
            let Named { metadata } = parsed::<EventOf<Named>>(line)?.object;
            Ok(Event::Bookmark { version: version(&metadata)? })
        }
        "ERROR" => {
            let Status { code, message } = parsed::<EventOf<Status>>(line)?.object;
            Ok(Event::Error { status: code, message: bounded(&message) })
        }
        other => Err(bounded(&format!("an event is called {other:?}"))),
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| bounded(&error.to_string()))
}

fn key(metadata: &Metadata) -> Result<Key, String> {
    let Metadata { namespace, name, .. } = metadata;
    if name.is_empty() {
        return Err("an object has no name".to_owned());
    }
    if name.len() > OBJECT_NAME_BYTES_MAX || namespace.len() > OBJECT_NAME_BYTES_MAX {
        return Err(format!("the name of an object has more than {OBJECT_NAME_BYTES_MAX} bytes"));
    }
    Ok((namespace.clone(), name.clone()))
}

fn version(metadata: &Metadata) -> Result<String, String> {
    let version = &metadata.resource_version;
    if version.is_empty() || version.len() > OBJECT_NAME_BYTES_MAX {
        return Err(format!(
            "the version of an object has {} bytes; 1 to {OBJECT_NAME_BYTES_MAX} are allowed",
            version.len()
        ));
    }
    Ok(version.clone())
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
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
    resource_version: String,
}

#[derive(Deserialize)]
struct EventKind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct EventOf<T> {
    object: T,
}

/// Of an object only what names it.
#[derive(Deserialize)]
struct Named {
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
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

/// A kind of object.
trait Item: DeserializeOwned {
    fn metadata(&self) -> &Metadata;
    fn object(&self, naming: &Naming) -> Object;
}

impl Item for Slice {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn object(&self, naming: &Naming) -> Object {
        let mut object = Object::default();
        for endpoint in self.endpoints.iter().flatten() {
            let found_in = format!("EndpointSlice {}", self.metadata.name);
            for ip in &endpoint.addresses {
                if endpoint.conditions.terminating == Some(true) {
                    object.refused.push(LeftOut::new(ip, "its pod ends"));
                    continue;
                }
                let (hostname, namespace) = (endpoint.hostname.as_deref(), &*self.metadata.namespace);
                object.add(naming, &Place { ip, hostname, namespace, found_in: found_in.clone() });
            }
        }
        object
    }
}

impl Item for Endpoints {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn object(&self, naming: &Naming) -> Object {
        let mut object = Object::default();
        for subset in self.subsets.iter().flatten() {
            let ready = subset.addresses.iter().flatten();
            for address in ready.chain(subset.not_ready_addresses.iter().flatten()) {
                let found_in = format!("Endpoints {}", self.metadata.name);
                let (hostname, namespace) = (address.hostname.as_deref(), &*self.metadata.namespace);
                object.add(naming, &Place { ip: &address.ip, hostname, namespace, found_in });
            }
        }
        object
    }
}

impl Item for Pod {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn object(&self, naming: &Naming) -> Object {
        let mut object = Object::default();
        let found_in = format!("pod {}", self.metadata.name);
        let ended = matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"));
        match self.status.pod_ip.as_deref() {
            _ if ended || self.metadata.deletion_timestamp.is_some() => {
                object.refused.push(LeftOut::new(&found_in, "it ends, or has ended"));
            }
            None => object.refused.push(LeftOut::new(&found_in, "it has no address yet")),
            Some(ip) => {
                let (hostname, namespace) = (self.spec.hostname.as_deref(), &*self.metadata.namespace);
                object.add(naming, &Place { ip, hostname, namespace, found_in });
            }
        }
        object
    }
}

/// A pod as any of the objects shows it.
struct Place<'a> {
    ip: &'a str,
    hostname: Option<&'a str>,
    namespace: &'a str,
    found_in: String,
}

impl Object {
    /// How many pods it has, those that are left out among them.
    pub(crate) fn places(&self) -> usize {
        self.candidates.len() + self.refused.len()
    }

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
        // What nobody could be called is not held.
        if name.len() > 4 * NAME_CHARACTERS_MAX {
            self.refused.push(LeftOut::new(&name, &NameProblem::TooLong.to_string()));
            return;
        }
        self.candidates.push(Candidate { name, address: Some(address), tcp_port: None, found_in });
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Event, KubernetesMode, KubernetesObjects, Naming, OBJECT_NAME_BYTES_MAX, read_event, read_list,
    };

    fn naming(mode: KubernetesMode) -> Naming {
        Naming {
            basename: "app".to_owned(),
            mode,
            service: Some("svc".to_owned()),
            domain: "cluster.local".to_owned(),
        }
    }

    fn names(body: &str, objects: KubernetesObjects, mode: KubernetesMode) -> Vec<String> {
        let page = read_list(body.as_bytes(), objects, &naming(mode)).unwrap();
        page.objects
            .into_iter()
            .flat_map(|(_, object)| object.candidates)
            .map(|candidate| candidate.name)
            .collect()
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
        let page = read_list(SLICES.as_bytes(), objects, &naming(KubernetesMode::Hostname)).unwrap();
        let refused: usize = page.objects.iter().map(|(_, object)| object.refused.len()).sum();
        assert_eq!((refused, page.next.as_deref(), page.version.as_str()), (2, Some("more"), "42"));
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

    /// Whatever else answers well at the API's place must not be taken for an API without pods.
    #[test]
    fn what_has_no_items_is_no_empty_list() {
        let objects =
            [KubernetesObjects::EndpointSlices, KubernetesObjects::Endpoints, KubernetesObjects::Pods];
        for objects in objects {
            for body in ["{}", r#"{"kind":"Status","status":"Failure"}"#, r#"{"items":{}}"#, "[]", ""] {
                let page = read_list(body.as_bytes(), objects, &naming(KubernetesMode::Ip));
                assert!(page.is_err(), "{body}: {page:?}");
            }
            for body in [r#"{"items":[]}"#, r#"{"kind":"PodList","items":null}"#] {
                assert_eq!(names(body, objects, KubernetesMode::Ip), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn addresses_that_are_none_are_left_out() {
        let body = r#"{"items":[{"metadata":{"name":"s"},"endpoints":[{"addresses":["x y"]}]}]}"#;
        assert_eq!(names(body, KubernetesObjects::EndpointSlices, KubernetesMode::Ip), Vec::<String>::new());
        assert!(read_list(b"[", KubernetesObjects::Pods, &naming(KubernetesMode::Ip)).is_err());
    }

    /// An event as a cluster sends it, with all the fields that are nothing to us.
    const ADDED: &str = r#"{"type":"ADDED","object":{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{"name":"shop-7xk2p","generateName":"shop-","namespace":"market","uid":"0c0a2f7e-56bd-4a8e-9f5a-6a35b5d0e6c1","resourceVersion":"981","generation":3,"creationTimestamp":"2026-03-01T10:00:00Z","labels":{"endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io","kubernetes.io/service-name":"shop"},"annotations":{"endpoints.kubernetes.io/last-change-trigger-time":"2026-03-01T10:00:02Z"},"ownerReferences":[{"apiVersion":"v1","kind":"Service","name":"shop","uid":"7f0d","controller":true,"blockOwnerDeletion":true}],"managedFields":[{"manager":"kube-controller-manager","operation":"Update","fieldsType":"FieldsV1","fieldsV1":{"f:endpoints":{},"f:ports":{}}}]},"addressType":"IPv4","endpoints":[{"addresses":["10.1.0.7"],"conditions":{"ready":true,"serving":true,"terminating":false},"targetRef":{"kind":"Pod","namespace":"market","name":"shop-0","uid":"11"},"nodeName":"w1","zone":"z1"}],"ports":[{"name":"epmd","protocol":"TCP","port":4369}]}}"#;

    fn said(line: &str, objects: KubernetesObjects) -> Result<Event, String> {
        read_event(line.as_bytes(), objects, &naming(KubernetesMode::Ip))
    }

    #[test]
    fn events_say_what_is_and_what_is_gone() {
        let slices = KubernetesObjects::EndpointSlices;
        let key = ("market".to_owned(), "shop-7xk2p".to_owned());
        let Ok(Event::Is { key: of, object, version }) = said(ADDED, slices) else { panic!() };
        assert_eq!((&of, version.as_str(), &*object.candidates[0].name), (&key, "981", "app@10.1.0.7"));
        let deleted = ADDED.replace("ADDED", "DELETED");
        assert_eq!(said(&deleted, slices), Ok(Event::Gone { key, version: "981".to_owned() }));
        let bookmark = r#"{"type":"BOOKMARK","object":{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{"resourceVersion":"12746","creationTimestamp":null},"endpoints":null,"ports":null}}"#;
        assert_eq!(said(bookmark, slices), Ok(Event::Bookmark { version: "12746".to_owned() }));
        let expired = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 1 (3473)","reason":"Expired","code":410}}"#;
        let message = "too old resource version: 1 (3473)".to_owned();
        assert_eq!(said(expired, KubernetesObjects::Pods), Ok(Event::Error { status: 410, message }));
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        let named = |name: usize, version: usize| {
            let (name, version) = ("n".repeat(name), "1".repeat(version));
            format!(
                r#"{{"type":"ADDED","object":{{"metadata":{{"name":"{name}","resourceVersion":"{version}"}}}}}}"#
            )
        };
        let max = OBJECT_NAME_BYTES_MAX;
        for objects in
            [KubernetesObjects::EndpointSlices, KubernetesObjects::Endpoints, KubernetesObjects::Pods]
        {
            assert!(said(&named(max, max), objects).is_ok());
            let wrong = [named(0, 1), named(max + 1, 1), named(1, 0), named(1, max + 1)];
            assert!(wrong.iter().all(|line| said(line, objects).is_err()));
            for line in ["", "{}", "[]", "<html>", r#"{"type":"ADDED"}"#, r#"{"type":"OTHER","object":{}}"#] {
                assert!(said(line, objects).is_err(), "{line}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let naming = naming(KubernetesMode::Hostname);
            drop(read_event(&bytes, KubernetesObjects::Pods, &naming));
            drop(read_list(&bytes, KubernetesObjects::EndpointSlices, &naming));
        }
    }
}
