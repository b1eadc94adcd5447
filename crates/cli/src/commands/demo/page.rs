//! What the demo prints first: what runs, and the lines to type.

use crate::output::Colours;

/// What the lines to type are made of.
#[derive(Debug)]
pub(crate) struct Page {
    /// The full names of the nodes.
    pub(crate) nodes: Vec<String>,
    /// Made up for this run, so it may be shown.
    pub(crate) cookie: String,
    pub(crate) epmd_tcp_port: u16,
}

/// The port that Erlang takes unless told otherwise.
const EPMD_TCP_PORT: u16 = 4369;

impl Page {
    /// The whole page.
    pub(crate) fn lines(&self, os_pids: &[u32], colours: Colours) -> Vec<String> {
        let cookie = &self.cookie;
        let node = self.nodes.first().map_or("", String::as_str);
        let port = if self.epmd_tcp_port == EPMD_TCP_PORT {
            String::new()
        } else {
            format!("ERL_EPMD_PORT={} ", self.epmd_tcp_port)
        };
        let nodes: Vec<String> = self
            .nodes
            .iter()
            .zip(os_pids)
            .map(|(name, os_pid)| format!("{name} (OS process {os_pid})"))
            .collect();
        let counter = format!("{{counter,'{node}'}}");
        let elixir_counter = format!("{{:counter, :\"{node}\"}}");
        let strong = |text: String| format!("  {}", colours.strong(&text));
        vec![
            colours.good(&format!("{} nodes up: {}", self.nodes.len(), nodes.join(", "))),
            String::new(),
            "From Erlang:".to_owned(),
            strong(format!("{port}erl -name me@127.0.0.1 -setcookie {cookie} -hidden")),
            format!("    net_adm:ping('{node}')."),
            format!("    gen_server:call({counter}, {{add, 3}})."),
            format!(
                "    gen_server:call({{pool,'{node}'}}, {{run, 100000}}).  % how many primes up to there"
            ),
            format!("    exit(gen_server:call({counter}, who), kill).  % its supervisor starts another"),
            format!("    gen_server:call({counter}, get)."),
            "From Elixir:".to_owned(),
            strong(format!("{port}iex --name me@127.0.0.1 --cookie {cookie} --hidden")),
            format!("    Node.ping(:\"{node}\")"),
            format!("    GenServer.call({elixir_counter}, {{:add, 3}})"),
            format!("    Process.exit(GenServer.call({elixir_counter}, :who), :kill)"),
            format!("    GenServer.call({elixir_counter}, :get)"),
            "From another terminal:".to_owned(),
            strong(format!("{port}engset ping {node} --cookie {cookie}")),
            strong(format!("{port}engset call {node} counter '{{add, 3}}' --cookie {cookie}")),
            strong(format!("{port}engset names")),
            strong(format!("kill -9 {}", os_pids.last().copied().unwrap_or_default())),
            String::new(),
            "Crashes and restarts as they happen (Ctrl-C ends everything):".to_owned(),
        ]
    }
}
