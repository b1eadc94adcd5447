//! The Kubernetes API without sockets: what to ask for, what it says, and what to do about its refusals.

mod lines;
mod objects;
mod watch;

use crate::candidate::bounded;
use serde::Deserialize;
use std::time::Duration;

pub(crate) use objects::read_list;
pub(crate) use watch::{End, Listed, PLACES_MAX, Step, Watch};

/// So many objects are asked for in one answer, unless they are too long for that.
pub(crate) const PAGE_OBJECTS: usize = 250;
/// So many pages of one list are read, if they are of [`PAGE_OBJECTS`]; of shorter ones up to [`SHORTER`] times as many.
const PAGES_MAX: usize = 16;
/// By how much pages get shorter that are too long in bytes.
const SHORTER: usize = 8;

/// How a list is read: in pages of so many objects, which get fewer where a page is too long in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paging {
    /// How many objects are asked for in one answer.
    pub(crate) objects: usize,
}

impl Default for Paging {
    fn default() -> Self {
        Self { objects: PAGE_OBJECTS }
    }
}

impl Paging {
    /// A page was too long: whether it is to be asked for again, with fewer objects in it.
    pub(crate) fn handle_too_long(&mut self) -> bool {
        let shorter = (self.objects / SHORTER).max(1);
        std::mem::replace(&mut self.objects, shorter) > shorter
    }

    /// So many pages are read.
    pub(crate) fn pages_max(self) -> usize {
        PAGES_MAX * (PAGE_OBJECTS / self.objects.max(1)).clamp(1, SHORTER)
    }
}

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

impl KubernetesObjects {
    fn resource(self) -> (&'static str, &'static str) {
        match self {
            Self::EndpointSlices => ("discovery.k8s.io", "endpointslices"),
            Self::Endpoints => ("", "endpoints"),
            Self::Pods => ("", "pods"),
        }
    }

    /// The path and query of a page.
    pub(crate) fn path(self, namespace: &str, selector: &str, paging: Paging, next: Option<&str>) -> String {
        let mut path = format!("{}&limit={}", self.chosen(namespace, selector), paging.objects);
        if let Some(next) = next {
            path.push_str("&continue=");
            path.push_str(&encoded(next));
        }
        path
    }

    /// The path and query of a watch that tells of all after `version`, and that the server ends after `lasts`.
    pub(crate) fn watch_path(
        self,
        namespace: &str,
        selector: &str,
        version: &str,
        lasts: Duration,
    ) -> String {
        format!(
            "{}&watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
            self.chosen(namespace, selector),
            encoded(version),
            lasts.as_secs()
        )
    }

    /// The path of the objects that the selector chooses.
    fn chosen(self, namespace: &str, selector: &str) -> String {
        let (group, resource) = self.resource();
        let api = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
        let (namespace, selector) = (encoded(namespace), encoded(selector));
        format!("{api}/namespaces/{namespace}/{resource}?labelSelector={selector}")
    }

    /// The rule without which the API refuses to `verb`, ready for `kubectl apply`.
    pub(crate) fn missing_rule(self, verb: &str, namespace: &str) -> String {
        let (group, resource) = self.resource();
        format!(
            "the pod's service account may not {verb} {resource} in {namespace}: give it a Role with the rule {{apiGroups: [\"{group}\"], resources: [\"{resource}\"], verbs: [\"list\", \"watch\"]}} and bind it by a RoleBinding"
        )
    }
}

/// What is wrong with a status that is not 200 for who asked to `verb`, and what to do.
pub(crate) fn refusal(
    status: u16,
    body: &[u8],
    objects: KubernetesObjects,
    verb: &str,
    namespace: &str,
) -> String {
    #[derive(Deserialize, Default)]
    struct Status {
        #[serde(default)]
        message: String,
    }
    let said = serde_json::from_slice::<Status>(body).unwrap_or_default().message;
    let said = bounded(&said);
    match status {
        401 => format!("the API refuses the token (401): {said}; look at the service account of the pod"),
        403 => format!("{}; the API says (403): {said}", objects.missing_rule(verb, namespace)),
        404 => format!("the API has no such list (404): {said}; ask for endpoints or pods on an old cluster"),
        405 => {
            format!("the API lets nobody {verb} here (405): {said}; look at what stands between this and it")
        }
        status => format!("the API says {status}: {said}; look at the API server"),
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
    use super::{KubernetesObjects, Paging, refusal};
    use std::time::Duration;

    #[test]
    fn pages_get_shorter_down_to_one_object() {
        let mut paging = Paging::default();
        let mut seen = vec![(paging.objects, paging.pages_max())];
        while paging.handle_too_long() {
            seen.push((paging.objects, paging.pages_max()));
        }
        assert_eq!(seen, [(250, 16), (31, 128), (3, 128), (1, 128)]);
    }

    #[test]
    fn paths_are_encoded_and_refusals_name_the_rule() {
        let path =
            KubernetesObjects::EndpointSlices.path("shop", "app=my app", Paging::default(), Some("a/b"));
        let expected = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=app%3Dmy%20app&limit=250&continue=a%2Fb";
        assert_eq!(path, expected);
        let path = KubernetesObjects::Pods.watch_path("shop", "app", "4 2", Duration::from_secs(50));
        let expected = "/api/v1/namespaces/shop/pods?labelSelector=app&watch=1&allowWatchBookmarks=true&resourceVersion=4%202&timeoutSeconds=50";
        assert_eq!(path, expected);
        let text = refusal(403, br#"{"message":"forbidden"}"#, KubernetesObjects::Pods, "list", "shop");
        assert!(
            text.contains(r#"resources: ["pods"], verbs: ["list", "watch"]"#)
                && text.ends_with("(403): forbidden"),
            "{text}"
        );
    }
}
