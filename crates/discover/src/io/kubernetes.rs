//! The strategy that asks the API of Kubernetes, and watches what changes there: `kubernetes::watch` decides.

use super::cluster_domain;
use super::https::{ANSWER_BYTES_MAX, Answer, Server, authority, get};
use super::interval::{INTERVAL_MIN, within};
use crate::candidate::{LeftOut, Snapshot, StrategyError};
use crate::kubernetes::{
    End, KubernetesMode, KubernetesObjects, Listed, Naming, PLACES_MAX, Paging, Step, Watch, read_list,
    refusal,
};
use crate::strategy::{Next, Strategy};
use engset_process::{Scheduler, blocking};
use engset_term::Instant;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const POLLING_INTERVAL: Duration = Duration::from_secs(5);
const SERVICE_ACCOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const API_TCP_PORT: u16 = 443;
/// How long one request may take, unless told otherwise.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// So often a list is begun anew whose continuation has expired.
const RELISTS_MAX: usize = 3;
/// So many pieces of a watch are read before others get their turn.
const PIECES_AT_ONCE: usize = 256;
const OK: u16 = 200;
const GONE: u16 = 410;

/// The pods behind a service of Kubernetes, by its API: libcluster's `Kubernetes`.
///
/// They are listed once, and then watched: a pod is found as soon as the API tells of it. Where the watch is refused
/// (403, 405), the list is asked for every [`Kubernetes::polling_interval`], and what is left out says why.
///
/// Token, certificate authority and namespace are read from the service account's files for each request, and a watch
/// lasts a minute at most, so a token that is renewed is used. Without a certificate authority nothing is asked. A
/// refusal (403) names the rule that is missing, and changes nothing of what was found before.
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
    polling: Duration,
    live: Live,
}

/// What is known and connected while it runs.
struct Live {
    watch: Watch,
    answer: Option<Box<Answer>>,
    /// What was asked last, and how many pages the answer had.
    query: String,
    pages: usize,
    /// Of pages that were too long, the next lists have no more.
    paging: Paging,
}

/// Whom to ask, and as whom.
struct Place {
    host: String,
    tcp_port: u16,
    account: Account,
    namespace: String,
}

/// What came of the wish to watch.
enum Asked {
    Opened(Box<Answer>),
    /// The status, and what to do about it.
    Refused(u16, String),
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
        let basename = node_basename.into();
        Self {
            naming: Naming {
                basename,
                mode: KubernetesMode::default(),
                service: None,
                domain: cluster_domain(),
            },
            selector: selector.into(),
            namespace: None,
            objects: KubernetesObjects::default(),
            account: SERVICE_ACCOUNT_PATH.into(),
            api: None,
            request_within: REQUEST_WITHIN,
            polling: POLLING_INTERVAL,
            live: Live::default(),
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

    /// Sets how often the list is asked for where the API does not allow to watch it, or it is too long for that;
    /// without, every 5 s. At least 50 ms. libcluster: `polling_interval`.
    #[must_use]
    pub fn polling_interval(mut self, interval: Duration) -> Self {
        self.polling = interval.max(INTERVAL_MIN);
        self
    }

    /// Sets how long one request may take, and one line of a watch; without, 10 s.
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

    /// Takes one step; whether there is something to tell.
    async fn step(&mut self, clock: &Scheduler) -> Result<bool, String> {
        let (step, due) = self.live.watch.poll_step();
        if step != Step::Read {
            clock.sleep_until(due).await;
        }
        match step {
            Step::List => {
                let listed = Box::pin(self.poll(clock)).await;
                let watch = &mut self.live.watch;
                let now = clock.now();
                match listed {
                    Ok(listed) => watch.handle_listed(now, listed, self.polling),
                    Err(why) => {
                        watch.handle_unreachable(now);
                        return Err(why);
                    }
                }
                Ok(true)
            }
            Step::Open { version, lasts } => Box::pin(self.open(clock, &version, lasts)).await,
            Step::Read => Ok(self.read(clock, due).await),
        }
    }

    /// Opens a watch; whether there is something to tell: that it is refused, or is not any more.
    async fn open(&mut self, clock: &Scheduler, version: &str, lasts: Duration) -> Result<bool, String> {
        let asked = self.ask_to_watch(clock, version, lasts).await;
        let polling = self.polling;
        let watch = &mut self.live.watch;
        match asked {
            Ok(Asked::Opened(answer)) => {
                let is_over = watch.handle_open(clock.now(), self.request_within);
                self.live.answer = Some(answer);
                Ok(is_over)
            }
            Ok(Asked::Refused(status, why)) => {
                watch.handle_refused(clock.now(), status, why, polling).map(|()| true)
            }
            Err(why) => {
                watch.handle_unreachable(clock.now());
                Err(why)
            }
        }
    }

    async fn ask_to_watch(&self, clock: &Scheduler, version: &str, lasts: Duration) -> Result<Asked, String> {
        let place = self.place().await?;
        let path = self.objects.watch_path(&place.namespace, &self.selector, version, lasts);
        let asked = within(clock, self.request_within, async {
            let answer = get(&place.server(), &path).await?;
            if answer.status == OK {
                return Ok(Asked::Opened(Box::new(answer)));
            }
            let status = answer.status;
            let body = answer.whole().await?.unwrap_or_default();
            Ok(Asked::Refused(status, refusal(status, &body, self.objects, "watch", &place.namespace)))
        });
        asked.await.unwrap_or_else(|| Err(self.too_slow(&place)))
    }

    /// Reads what has come of the watch, until `due` at most; whether there is something to tell.
    async fn read(&mut self, clock: &Scheduler, due: Instant) -> bool {
        let Some(answer) = &mut self.live.answer else {
            self.live.watch.handle_unreachable(clock.now());
            return false;
        };
        let mut piece = tokio::select! {
            piece = answer.piece() => Some(piece),
            () = clock.sleep_until(due) => None,
        };
        let mut changed = false;
        for _ in 0..PIECES_AT_ONCE {
            let now = clock.now();
            let watch = &mut self.live.watch;
            match piece {
                Some(Ok(Some(bytes))) => {
                    changed |= watch.handle_piece(now, &bytes, self.objects, &self.naming);
                }
                Some(Ok(None)) => changed |= watch.handle_end(now, End::Closed),
                Some(Err(why)) => changed |= watch.handle_end(now, End::Broken(why)),
                None => changed |= watch.handle_end(now, End::Overdue),
            }
            if watch.poll_step().0 != Step::Read {
                self.live.answer = None;
                return changed;
            }
            let Some(answer) = &mut self.live.answer else { return changed };
            match answer.piece_at_hand().await {
                Some(next) => piece = Some(next),
                None => return changed,
            }
        }
        changed
    }

    /// Where to ask, by what the files say now.
    async fn place(&self) -> Result<Place, String> {
        let path = self.account.clone();
        let account = blocking(move || read_account(&path)).await.map_err(|error| error.to_string())??;
        let namespace = self.namespace.clone().or_else(|| account.namespace.clone()).ok_or_else(|| {
            format!("no namespace is given, and {} has none; give one", self.account.display())
        })?;
        let (host, tcp_port) = self.api_place();
        Ok(Place { host, tcp_port, account, namespace })
    }

    async fn poll(&mut self, clock: &Scheduler) -> Result<Listed, String> {
        let place = self.place().await?;
        self.live.query = format!(
            "https://{}{}",
            authority(&place.host, place.tcp_port),
            self.objects.path(&place.namespace, &self.selector, self.live.paging, None)
        );
        for _ in 0..RELISTS_MAX {
            if let Some(listed) = self.list(clock, &place).await? {
                return Ok(listed);
            }
        }
        Err(format!(
            "the list has expired {RELISTS_MAX} times while it was read (410); look at the API server"
        ))
    }

    /// Reads all pages; `None` when the list has expired meanwhile.
    async fn list(&mut self, clock: &Scheduler, place: &Place) -> Result<Option<Listed>, String> {
        let mut all = Listed::default();
        let (mut next, mut places) = (None::<String>, 0);
        let mut number = 0;
        while number < self.live.paging.pages_max() {
            let paging = self.live.paging;
            let path = self.objects.path(&place.namespace, &self.selector, paging, next.as_deref());
            let asked = within(clock, self.request_within, async {
                let answer = get(&place.server(), &path).await?;
                Ok((answer.status, answer.whole().await?))
            });
            let (status, body) = asked.await.unwrap_or_else(|| Err(self.too_slow(place)))?;
            let Some(body) = body else {
                // The same page again, and those after it, with fewer objects.
                if self.live.paging.handle_too_long() {
                    continue;
                }
                return Err(format!(
                    "the answer of {} has more than {ANSWER_BYTES_MAX} bytes for one object; choose less by the selector",
                    authority(&place.host, place.tcp_port)
                ));
            };
            number += 1;
            match status {
                OK => {}
                GONE => return Ok(None),
                status => return Err(refusal(status, &body, self.objects, "list", &place.namespace)),
            }
            let page = read_list(&body, self.objects, &self.naming).map_err(|error| {
                format!("the answer of the API is no list: {error}; look at what answers there")
            })?;
            self.live.pages = number;
            places += page.objects.iter().map(|(_, object)| object.places()).sum::<usize>();
            all.objects.extend(page.objects);
            // All pages are of one time; were they not, the watch would tell again what came between.
            if number == 1 {
                all.version = page.version;
            }
            next = page.next;
            if next.is_none() {
                return Ok(Some(all));
            }
            // One more than is held is enough to tell of it.
            if places > PLACES_MAX {
                break;
            }
        }
        let why = if places > PLACES_MAX {
            format!("no more is read after {PLACES_MAX} pods; choose fewer by the selector")
        } else {
            let paging = self.live.paging;
            let (pages, objects) = (paging.pages_max(), paging.objects);
            format!("only {pages} pages of {objects} objects are read; choose fewer by the selector")
        };
        all.cut = Some(LeftOut::new("the rest of the list", &why));
        Ok(Some(all))
    }

    fn too_slow(&self, place: &Place) -> String {
        format!(
            "{}:{} did not answer within {:?}; look at the API server and the way to it",
            place.host, place.tcp_port, self.request_within
        )
    }

    fn snapshot(&self) -> Snapshot {
        let watch = &self.live.watch;
        let (candidates, refused) = watch.found();
        let answer = format!("{} addresses in {} pages, {}", candidates.len(), self.live.pages, watch.how());
        Snapshot { candidates, refused, query: self.live.query.clone(), answer }
    }
}

impl Strategy for Kubernetes {
    fn source(&self) -> String {
        format!("kubernetes {}", self.selector)
    }

    fn next<'a>(&'a mut self, clock: &'a Scheduler) -> Next<'a> {
        Box::pin(async move {
            loop {
                match self.step(clock).await {
                    Ok(true) => return Ok(self.snapshot()),
                    Ok(false) => {}
                    Err(why) => return Err(StrategyError::new(&why)),
                }
            }
        })
    }
}

impl Default for Live {
    fn default() -> Self {
        // Without randomness there is no jitter, and all else is the same.
        let seed = getrandom::u64().unwrap_or_default();
        Self {
            watch: Watch::new(seed),
            answer: None,
            query: String::new(),
            pages: 0,
            paging: Paging::default(),
        }
    }
}

impl Clone for Live {
    /// A copy of a strategy begins anew: a connection is no setting.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("watch", &self.watch).finish_non_exhaustive()
    }
}

impl Place {
    fn server(&self) -> Server<'_> {
        let Account { token, authorities, .. } = &self.account;
        Server { host: &self.host, tcp_port: self.tcp_port, authorities, token }
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
