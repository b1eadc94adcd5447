//! Running functions on other nodes: `erpc` and `spawn/4` of OTP, from here outwards.
//!
//! A call is a spawn request for `erpc:execute_call/4` with a monitor: the reason with which that process ends is the
//! answer, so a call works towards every node that has `erpc` (OTP 23 and later, and Engset), this one too. What an
//! Engset node runs is only what it allows (`Node::functions`).
//!
//! Messages: the request and its answer go beside the mailbox: the answer is awaited at the reference that is also the
//! monitor. A call that is given up takes both back; its function may still run to its end.
//!
//! ```
//! use engset_otp::rpc;
//! use engset_term::{NodeName, Term};
//! use std::time::Duration;
//!
//! # async fn example() -> Result<(), rpc::RpcError> {
//! let node = NodeName::new("shop@10.0.0.7").expect("a node name");
//! let sorted = rpc::call(node, "lists", "sort", [Term::list([Term::from(2), Term::from(1)])])
//!     .timeout(Duration::from_secs(2))
//!     .await?;
//! assert_eq!(sorted, Term::list([Term::from(1), Term::from(2)]));
//! # Ok(())
//! # }
//! ```

mod calling;
mod error;
mod request;
mod spawn_on;

pub use calling::{MultiCall, MultiCalling, RpcCall, RpcCalling};
pub use error::RpcError;
pub use spawn_on::{SpawnOn, Spawned, Spawning};

use engset_term::{NodeName, Term};
use request::Function;

/// Calls `module:function(args)` on `node` and waits for its value, as `erpc:call/5`.
///
/// What went wrong, and whether the function may have run, says [`RpcError`].
pub fn call(node: NodeName, module: &str, function: &str, args: impl IntoIterator<Item = Term>) -> RpcCall {
    RpcCall::new(node, Function::new(module, function, args))
}

/// Calls `module:function(args)` on all `nodes` at once and waits for all of them, as `erpc:multicall/5`. The answers are
/// in the order of the nodes.
pub fn multicall(
    nodes: impl IntoIterator<Item = NodeName>,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = Term>,
) -> MultiCall {
    MultiCall::new(nodes.into_iter().collect(), Function::new(module, function, args))
}

/// Lets `node` run `module:function(args)`, as `erpc:cast/4`: nobody hears of how that went.
///
/// # Errors
/// [`RpcError::BadFunction`] and [`RpcError::OutsideNode`]; nothing was sent then.
pub fn cast(
    node: NodeName,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = Term>,
) -> Result<(), RpcError> {
    Function::new(module, function, args)?.cast(node)
}

/// Starts a process on `node` that runs `module:function(args)`, as `erlang:spawn_opt/5`, and waits until it is there.
///
/// ```
/// use engset_otp::rpc::{self, SpawnOn};
/// use engset_process::{Cx, Mail};
/// use engset_term::{NodeName, Term};
///
/// # async fn example(mut cx: Cx<Term>) -> Result<(), rpc::RpcError> {
/// let node = NodeName::new("shop@10.0.0.7").expect("a node name");
/// let options = SpawnOn { monitor: true, ..SpawnOn::default() };
/// let spawned = rpc::spawn_on(node, "shop", "count_stock", [], options).await?;
/// match cx.recv().await {
///     Mail::Down(down) => assert_eq!(Some(down.reference), spawned.monitor),
///     _ => {}
/// }
/// # Ok(())
/// # }
/// ```
pub fn spawn_on(
    node: NodeName,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = Term>,
    options: SpawnOn,
) -> Spawning {
    Spawning::new(node, Function::new(module, function, args), options)
}
