//! The strategy that asks the API of Kubernetes.

use super::https::{Server, authority, get};
use super::interval::{Interval, within};
use crate::candidate::{LeftOut, Snapshot, StrategyError};
use crate::core::CANDIDATES_MAX;
use crate::kubernetes::{KubernetesMode, KubernetesObjects, Naming, PAGE_OBJECTS, Page, read, refusal};
use crate::strategy::{Next, Strategy};
use engset_process::{Scheduler, blocking};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const POLLING_INTERVAL: Duration = Duration::from_secs(5);
const SERVICE_ACCOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const API_TCP_PORT: u16 = 443;
/// How long one request may take, unless told otherwise.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// So many pages of one list are read.
const PAGES_MAX: usize = 16;
/// So often a list is begun anew whose continuation has expired.
const RELISTS_MAX: usize = 3;
const GONE: u16 = 410;

/// The pods behind a service of Kubernetes, by its API: libcluster's `Kubernetes`.
///
/// Token, certificate authority and namespace are read from the service account's files for each request, so a token
/// that is renewed is used. Without a certificate authority nothing is asked. A refusal (403) names the rule that is
/// missing, and changes nothing of what was found before.
///
/// ```
/// use engset_discover::{Discovery, Kubernetes, KubernetesMode};
///
/// let kubernetes = Kubernetes::new("app", "app=shop").mode(KubernetesMode::Dns);
/// # drop(Discovery::new().with(kubernetes));
/// ```
#[derive(Debug, Clone)]
pub struct Kubernetes {
    naming: Naming,
    selector: String,
    namespace: Option<String>,
    objects: KubernetesObjects,
    account: PathBuf,
    api: Option<(String, u16)>,
    request_within: Duration,
    interval: Interval,
}

/// What the service account's files say.
struct Account {
    token: String,
    authorities: Vec<u8>,
    namespace: Option<String>,
}

impl Kubernetes {
    /// Finds the pods behind the services that `selector` chooses, such as `app=shop`; their nodes are called
    /// `node_basename@` and what [`Kubernetes::mode`] says. libcluster: `kubernetes_node_basename`,
    /// `kubernetes_selector`.
    pub fn new(node_basename: impl Into<String>, selector: impl Into<String>) -> Self {
        let domain = std::env::var("CLUSTER_DOMAIN").unwrap_or_else(|_| "cluster.local".to_owned());
        let basename = node_basename.into();
        Self {
            naming: Naming { basename, mode: KubernetesMode::default(), service: None, domain },
            selector: selector.into(),
            namespace: None,
            objects: KubernetesObjects::default(),
            account: SERVICE_ACCOUNT_PATH.into(),
            api: None,
            request_within: REQUEST_WITHIN,
            interval: Interval::new(POLLING_INTERVAL),
        }
    }

    /// Sets the namespace; without, the pod's own. libcluster: `kubernetes_namespace`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sets how nodes are called after their pods; without, by address. libcluster: `mode`.
    #[must_use]
    pub fn mode(mut self, mode: KubernetesMode) -> Self {
        self.naming.mode = mode;
        self
    }

    /// Sets the headless service whose name is part of host names. libcluster: `kubernetes_service_name`.
    #[must_use]
    pub fn service_name(mut self, service: impl Into<String>) -> Self {
        self.naming.service = Some(service.into());
        self
    }

    /// Sets which objects are listed; without, EndpointSlices. libcluster: `kubernetes_ip_lookup_mode`.
    #[must_use]
    pub fn objects(mut self, objects: KubernetesObjects) -> Self {
        self.objects = objects;
        self
    }

    /// Sets the folder of `token`, `ca.crt` and `namespace`. libcluster: `kubernetes_service_account_path`.
    #[must_use]
    pub fn service_account_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.account = path.into();
        self
    }

    /// Sets where the API is; without, what `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` say, or
    /// `kubernetes.default.svc` in the cluster's domain. libcluster: `kubernetes_master`.
    #[must_use]
    pub fn api(mut self, host: impl Into<String>, tcp_port: u16) -> Self {
        self.api = Some((host.into(), tcp_port));
        self
    }

    /// Sets how often the API is asked; without, every 5 s. At least 50 ms. libcluster: `polling_interval`.
    #[must_use]
    pub fn polling_interval(mut self, interval: Duration) -> Self {
        self.interval.set(interval);
        self
    }

    /// Sets how long one request may take; without, 10 s.
    #[must_use]
    pub fn request_within(mut self, limit: Duration) -> Self {
        self.request_within = limit;
        self
    }

    fn api_place(&self) -> (String, u16) {
        if let Some(api) = &self.api {
            return api.clone();
        }
        let tcp_port = std::env::var("KUBERNETES_SERVICE_PORT").ok().and_then(|port| port.parse().ok());
        match std::env::var("KUBERNETES_SERVICE_HOST") {
            Ok(host) => (host, tcp_port.unwrap_or(API_TCP_PORT)),
            Err(_) => (format!("kubernetes.default.svc.{}", self.naming.domain), API_TCP_PORT),
        }
    }

    async fn poll(&self, clock: &Scheduler) -> Result<Snapshot, String> {
        let path = self.account.clone();
        let account = blocking(move || read_account(&path)).await.map_err(|error| error.to_string())??;
        let namespace = self.namespace.clone().or_else(|| account.namespace.clone()).ok_or_else(|| {
            format!("no namespace is given, and {} has none; give one", self.account.display())
        })?;
        let (host, tcp_port) = self.api_place();
        let Account { token, authorities, .. } = &account;
        let server = Server { host: &host, tcp_port, authorities, token };
        for _ in 0..RELISTS_MAX {
            if let Some((pages, found)) = self.list(clock, &server, &namespace).await? {
                return Ok(Snapshot {
                    answer: format!("{} addresses in {pages} pages", found.candidates.len()),
                    candidates: found.candidates,
                    refused: found.refused,
                    query: format!(
                        "https://{}{}",
                        authority(&host, tcp_port),
                        self.objects.path(&namespace, &self.selector, None)
                    ),
                });
            }
        }
        Err(format!(
            "the list has expired {RELISTS_MAX} times while it was read (410); look at the API server"
        ))
    }

    /// Reads all pages; `None` when the list has expired meanwhile.
    async fn list(
        &self,
        clock: &Scheduler,
        server: &Server<'_>,
        namespace: &str,
    ) -> Result<Option<(usize, Page)>, String> {
        let mut all = Page::default();
        for number in 1..=PAGES_MAX {
            let path = self.objects.path(namespace, &self.selector, all.next.as_deref());
            let asked = within(clock, self.request_within, get(server, &path)).await;
            let (status, body) = asked.unwrap_or_else(|| {
                Err(format!(
                    "{}:{} did not answer within {:?}; look at the API server and the way to it",
                    server.host, server.tcp_port, self.request_within
                ))
            })?;
            match status {
                200 => {}
                GONE => return Ok(None),
                status => return Err(refusal(status, &body, self.objects, namespace)),
            }
            let page = read(&body, self.objects, &self.naming).map_err(|error| {
                format!("the answer of the API is no list: {error}; look at what answers there")
            })?;
            all.candidates.extend(page.candidates);
            all.refused.extend(page.refused);
            all.next = page.next;
            // One more than there are places is enough to tell of it.
            if all.next.is_none() || all.candidates.len() > CANDIDATES_MAX {
                return Ok(Some((number, all)));
            }
        }
        let why = format!(
            "only {PAGES_MAX} pages of {PAGE_OBJECTS} objects are read; choose fewer by the selector"
        );
        all.refused.insert(0, LeftOut::new("the rest of the list", &why));
        Ok(Some((PAGES_MAX, all)))
    }
}

impl Strategy for Kubernetes {
    fn source(&self) -> String {
        format!("kubernetes {}", self.selector)
    }

    fn next<'a>(&'a mut self, clock: &'a Scheduler) -> Next<'a> {
        Box::pin(async move {
            self.interval.turn(clock, Duration::ZERO).await;
            let polled = self.poll(clock).await;
            if polled.is_err() {
                self.interval.again();
            }
            polled.map_err(|why| StrategyError::new(&why))
        })
    }
}

fn read_account(path: &Path) -> Result<Account, String> {
    let needed = |name: &str| {
        let file = path.join(name);
        let why = "this runs in no pod, or the pod has no service account";
        fs::read(&file).map_err(|error| format!("{} cannot be read: {error}; {why}", file.display()))
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    Ok(Account {
        token: text(needed("token")?),
        authorities: needed("ca.crt")?,
        namespace: fs::read(path.join("namespace")).ok().map(text),
    })
}
