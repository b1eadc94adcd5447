//! The ways of finding peers on the command line.

use crate::failure::{Failure, Status};
use engset::discover::{
    Dns, DnsRecords, Epmd, Gossip, HostsFile, Kubernetes, KubernetesMode, KubernetesObjects, StaticList,
    Strategy,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Way {
    /// The nodes named here
    Static {
        /// Nodes, name@host
        #[arg(value_name = "NODE", required = true)]
        nodes: Vec<String>,
    },
    /// The nodes and hosts in a file: plain lines, .hosts.erlang, or JSON
    Hosts {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// The nodes that the EPMDs of hosts know
    Epmd {
        /// Hosts or addresses
        #[arg(value_name = "HOST", default_value = "127.0.0.1")]
        hosts: Vec<String>,
        /// Only nodes whose name begins so
        #[arg(long, default_value = "")]
        prefix: String,
        /// The port of EPMD [default: $ERL_EPMD_PORT, then 4369]
        #[arg(long, value_name = "P")]
        port: Option<u16>,
    },
    /// The addresses of a name in DNS
    Dns(DnsFlags),
    /// The service records of a name in DNS
    Srv(DnsFlags),
    /// The pods behind a service of Kubernetes, by its API
    K8s(KubernetesFlags),
    /// The nodes that gossip over UDP as libcluster does
    Gossip(GossipFlags),
}

#[derive(Debug, clap::Args)]
pub(super) struct DnsFlags {
    /// The name to ask for
    #[arg(value_name = "QUERY")]
    query: String,
    /// What stands before the @ of the nodes
    #[arg(long, value_name = "NAME")]
    basename: String,
    /// The server to ask, address:port [default: those in /etc/resolv.conf]
    #[arg(long, value_name = "AT")]
    server: Option<SocketAddr>,
}

#[derive(Debug, clap::Args)]
pub(super) struct KubernetesFlags {
    /// What stands before the @ of the nodes
    #[arg(long, value_name = "NAME")]
    basename: String,
    /// The labels of the service, or of the pods with --objects pods
    #[arg(long, value_name = "LABELS")]
    selector: String,
    /// The namespace [default: the pod's own]
    #[arg(long, value_name = "NS")]
    namespace: Option<String>,
    /// How nodes are called after their pods
    #[arg(long, default_value = "ip", value_parser = ["ip", "dns", "hostname"])]
    mode: String,
    /// The headless service, for --mode hostname
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// What is listed
    #[arg(long, default_value = "endpointslices", value_parser = ["endpointslices", "endpoints", "pods"])]
    objects: String,
    /// The folder of token, ca.crt and namespace
    #[arg(long, value_name = "DIR")]
    account: Option<PathBuf>,
    /// Where the API is, host:port [default: as the pod's environment says]
    #[arg(long, value_name = "AT")]
    api: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct GossipFlags {
    /// The UDP port
    #[arg(long, value_name = "P", default_value_t = 45_892)]
    port: u16,
    /// The address to receive at
    #[arg(long, value_name = "A", default_value = "0.0.0.0")]
    if_addr: Ipv4Addr,
    /// The group, or with --broadcast-only the broadcast address
    #[arg(long, value_name = "A", default_value = "233.252.1.32")]
    multicast_addr: Ipv4Addr,
    /// The address of the interface to send by
    #[arg(long, value_name = "A", default_value = "0.0.0.0")]
    multicast_if: Ipv4Addr,
    /// How many routers a packet may pass
    #[arg(long, value_name = "N", default_value_t = 1)]
    multicast_ttl: u32,
    /// Join no group
    #[arg(long)]
    broadcast_only: bool,
    /// The file of the secret that the nodes share: its first line
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl Way {
    /// The strategy; gossip tells of the node `own`, or of nobody that is there.
    pub(super) fn strategy(&self, own: &str) -> Result<Box<dyn Strategy>, Failure> {
        Ok(match self {
            Self::Static { nodes } => Box::new(StaticList::new(nodes)),
            Self::Hosts { file } => Box::new(HostsFile::new(file)),
            Self::Epmd { hosts, prefix, port } => {
                let epmd = Epmd::new(hosts).names_with_prefix(prefix);
                Box::new(match port {
                    Some(port) => epmd.epmd_tcp_port(*port),
                    None => epmd,
                })
            }
            Self::Dns(flags) => Box::new(dns(flags, DnsRecords::Addresses)),
            Self::Srv(flags) => Box::new(dns(flags, DnsRecords::Srv)),
            Self::K8s(flags) => Box::new(kubernetes(flags)?),
            Self::Gossip(flags) => Box::new(gossip(flags, own)?),
        })
    }
}

fn dns(flags: &DnsFlags, records: DnsRecords) -> Dns {
    let dns = Dns::new(&flags.query, &flags.basename).records(records);
    match flags.server {
        Some(server) => dns.server(server),
        None => dns,
    }
}

fn kubernetes(flags: &KubernetesFlags) -> Result<Kubernetes, Failure> {
    let mut kubernetes = Kubernetes::new(&flags.basename, &flags.selector)
        .mode(match flags.mode.as_str() {
            "dns" => KubernetesMode::Dns,
            "hostname" => KubernetesMode::Hostname,
            _ => KubernetesMode::Ip,
        })
        .objects(match flags.objects.as_str() {
            "endpoints" => KubernetesObjects::Endpoints,
            "pods" => KubernetesObjects::Pods,
            _ => KubernetesObjects::EndpointSlices,
        });
    if let Some(namespace) = &flags.namespace {
        kubernetes = kubernetes.namespace(namespace);
    }
    if let Some(service) = &flags.service {
        kubernetes = kubernetes.service_name(service);
    }
    if let Some(account) = &flags.account {
        kubernetes = kubernetes.service_account_path(account);
    }
    if let Some(api) = &flags.api {
        let parts = api.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = parts.ok_or_else(|| {
            Failure::new(Status::Usage, format!("--api is not of the form host:port: {api}"))
                .remedy("give it like 10.96.0.1:443, or leave it out in a pod")
        })?;
        kubernetes = kubernetes.api(host.trim_matches(['[', ']']), port);
    }
    Ok(kubernetes)
}

fn gossip(flags: &GossipFlags, own: &str) -> Result<Gossip, Failure> {
    if !flags.broadcast_only && !flags.multicast_addr.is_multicast() {
        let summary = format!("{} is no address of a multicast group", flags.multicast_addr);
        return Err(Failure::new(Status::Usage, summary).remedy(
            "give one from 224.0.0.0 to 239.255.255.255 by --multicast-addr, or --broadcast-only with a broadcast address",
        ));
    }
    let gossip = Gossip::new(own)
        .port(flags.port)
        .if_addr(flags.if_addr)
        .multicast_addr(flags.multicast_addr)
        .multicast_if(flags.multicast_if)
        .multicast_ttl(flags.multicast_ttl)
        .broadcast_only(flags.broadcast_only);
    let Some(path) = &flags.secret_file else { return Ok(gossip) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Status::Usage, format!("the secret file {} cannot be read: {error}", path.display()))
            .remedy("give the path of a file that this user may read, with the secret in its first line")
    })?;
    let secret = text.lines().next().unwrap_or_default();
    if secret.is_empty() {
        let summary = format!("the secret file {} has nothing in its first line", path.display());
        return Err(Failure::new(Status::Usage, summary)
            .remedy("put the secret there, or leave --secret-file out where the nodes share none"));
    }
    Ok(gossip.secret(secret))
}
