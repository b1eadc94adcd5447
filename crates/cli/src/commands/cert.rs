//! `engset cert`: a certificate authority for a cluster, and certificates for its nodes, Erlang's and ours.

mod files;
mod issue;

use crate::failure::{Failure, Status, Stop};
use crate::{flags, output};
use engset::NodeName;
use files::{Folder, NodeFiles};
use issue::Authority;
use std::path::PathBuf;

/// Certificates with which nodes speak TLS
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a cluster's CA and certificates for its nodes
    ///
    /// Writes ca.pem, ca.key, and for each node NODE.pem, NODE.key and NODE.ssl_dist.conf, and prints how to start the
    /// node as an Erlang node. Each node needs ca.pem and its own three files; ca.key is needed for `engset cert add` only:
    /// keep it where no node runs. Nothing is overwritten.
    ///
    /// Examples:
    ///   engset cert init --dir certs shop@db.example.org web@www.example.org
    #[command(verbatim_doc_comment)]
    Init(Options),
    /// Make certificates for more nodes of a cluster, and for commands that talk to them
    ///
    /// Writes for each node what `engset cert init` does, signed by the CA in the directory, whose ca.key it reads.
    /// Nothing is overwritten.
    ///
    /// Examples:
    ///   engset cert add --dir certs mail@mail.example.org
    ///   engset cert add --dir certs ops@www.example.org
    ///   engset ping shop@db.example.org --tls-dir certs --name ops@www.example.org
    #[command(verbatim_doc_comment)]
    Add(Options),
}

/// What both subcommands are given.
#[derive(Debug, clap::Args)]
struct Options {
    /// The directory to write into; made where it is not there
    #[arg(long, value_name = "D")]
    dir: PathBuf,
    /// How long the certificates of the nodes are valid, in days; that of the CA is ten times so long
    #[arg(long, value_name = "DAYS", default_value_t = 397, value_parser = clap::value_parser!(u16).range(1..=3_650))]
    days: u16,
    /// The nodes, name@host
    #[arg(value_name = "NODE", required = true, value_parser = flags::node_name)]
    nodes: Vec<NodeName>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Stop> {
    let (options, is_new) = match &arguments.command {
        Command::Init(options) => (options, true),
        Command::Add(options) => (options, false),
    };
    let mut nodes = options.nodes.clone();
    nodes.sort();
    nodes.dedup();
    for node in &nodes {
        check_name(*node)?;
    }
    let folder = if is_new { Folder::make(&options.dir)? } else { Folder::open(&options.dir)? };
    let made = nodes.iter().map(|node| folder.node(*node)).collect::<Vec<_>>();
    // Before anything is written, so that nothing is left half done.
    for path in made.iter().flat_map(NodeFiles::paths) {
        folder.check_absent(path)?;
    }
    let authority = if is_new {
        folder.check_absent(&folder.authority())?;
        folder.check_absent(&folder.authority_key())?;
        let authority = Authority::new(options.days)?;
        folder.write_secret(&folder.authority_key(), &authority.key_pem())?;
        folder.write(&folder.authority(), &authority.pem()?)?;
        authority
    } else {
        Authority::from_key(&folder.read_authority_key()?, &folder.read_authority()?)?
    };
    for files in &made {
        let issued = authority.issue(files.node, options.days)?;
        folder.write_secret(&files.key, &issued.key)?;
        folder.write(&files.certificate, &issued.certificate)?;
        folder.write(&files.config, &files.config_text(&folder.authority()))?;
    }
    output::line(&format!("CA: {}", folder.authority().display()))?;
    for files in &made {
        tell(files, &folder)?;
    }
    Ok(())
}

/// Prints what a node is started with.
fn tell(files: &NodeFiles, folder: &Folder) -> Result<(), Stop> {
    output::line(&format!("\n{}", files.node.text()))?;
    output::line(&format!("  certificate {}", files.certificate.display()))?;
    output::line(&format!("  key         {}", files.key.display()))?;
    output::line("\nas an Erlang node:\n")?;
    output::line(&files.erl_line())?;
    output::line(&format!("\nwith {}:\n", files.config.display()))?;
    output::line(&files.config_text(&folder.authority()))
}

/// Whether a certificate can be for this name.
fn check_name(node: NodeName) -> Result<(), Failure> {
    let text = node.text();
    // Each becomes the name of a file, and goes into a certificate as it is.
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"/\\'\"".contains(&byte);
    if text.bytes().all(fits) && !text.starts_with('.') {
        return Ok(());
    }
    let summary =
        format!("no certificate can be made for {text}: it has other than ASCII letters, digits and signs");
    Err(Failure::new(Status::Usage, summary).remedy("give the node a name that can be the name of a file"))
}
