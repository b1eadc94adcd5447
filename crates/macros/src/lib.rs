//! The `#[server]` attribute: makes protocol, client and server of an `impl` block.

mod generate;
mod options;
mod server;

use proc_macro2::TokenStream;
use quote::quote;

/// Makes a gen_server of an inherent `impl` block.
///
/// The methods that have a role are marked; the others stay what they are:
///
/// * `#[call]`: a request with an answer. Its arguments travel in the message, its return value is the answer.
///   A returned `Result` tells the caller of the callee's own error. A parameter `Reply<T>` or `Reply<T, E>` in place
///   of a return value is a deferred answer, which the method may keep, move and forward. Such a method returns
///   nothing, or `Result<(), Exit>` where it may end the server.
/// * `#[cast]`: a request without an answer. Returns nothing, or `Result<(), Exit>` where it may end the server.
/// * `#[init]`: runs before anything else. Returns nothing or `Result<(), Exit>`.
/// * `#[info]`: takes an `Info`: what is no request. Returns nothing or `Result<(), Exit>`.
/// * `#[terminate]`: takes the `&ExitReason` with which the server ends.
/// * `#[idle_timeout]`: how long nothing may arrive before `#[info]` gets `Info::Timeout`, as `Option<Duration>`.
///
/// * `#[wants_continue]`: whether `#[handle_continue]` runs before anything else is taken, as `bool`; and
///   `#[handle_continue]`: the second half of a start or of a request. Returns nothing or `Result<(), Exit>`.
/// * `#[hibernate_after]`: how long nothing may arrive before memory is given back, as `Option<Duration>`; and
///   `#[hibernate]`: runs then.
/// * `#[format_state]`: what reports of a crash say of the state, as `Option<String>`; without, they do not say it.
///
/// Those that ask the server something (`idle_timeout`, `wants_continue`, `hibernate_after`, `format_state`) take
/// `&self` only, `hibernate` takes `&mut self` only. The others may be `async`, and may take the process's context as a
/// parameter `&mut Cx<…>`.
///
/// For `impl Counter` it makes, beside the block itself: `CounterMsg`, the messages, one variant for each request;
/// `CounterRef`, the client's handle, with a method for each request, for a pid or (`CounterRef::named`,
/// `CounterRef::at`) a registered name; and the implementations of `Protocol` and `Server`.
///
/// Erlang and Elixir nodes see the method's name as an atom and its arguments as a tuple:
/// `gen_server:call(Counter, {add, 3})`, `gen_server:call(Counter, value)`. So arguments and answers must be
/// serde types. With `#[server(local)]` they need not be, and the server is reached from its own node only.
///
/// With `#[server(report_messages)]` reports of a crash say the request that was served in full, by its `Debug`;
/// without, they say its name only, since it may hold secrets.
///
/// `#[server(crate = "path")]` names the crate that the generated code uses, `::engset` without.
#[proc_macro_attribute]
pub fn server(arguments: proc_macro::TokenStream, block: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(arguments.into(), block.into()).into()
}

fn expand(arguments: TokenStream, block: TokenStream) -> TokenStream {
    let options = options::parse(arguments);
    let (unmarked, server) = server::parse(block);
    let made = match (options, server) {
        (Ok(options), Ok(server)) => generate::generate(&server, &options),
        (Err(mut error), Err(other)) => {
            error.combine(other);
            error.into_compile_error()
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => error.into_compile_error(),
    };
    quote!(#unmarked #made)
}

#[cfg(test)]
mod tests;
