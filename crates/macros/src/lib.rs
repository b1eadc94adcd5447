//! The attributes `#[server]`, which makes protocol, client and server of an `impl` block, `#[client]`, which makes
//! protocol and client of a trait, and `#[term]`, which says what a type is as a term.

mod client;
mod generate;
mod handle;
mod implementation;
mod options;
mod protocol;
mod request;
mod server;
mod term;

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
/// * `#[inspect]`: what the server shows of its state to those who look at it: `sys:get_state/1`, observer,
///   LiveDashboard. A serde type, such as a number, a `Term`, or a struct with `#[term]`; without, they see
///   `{opaque, Type}`. It is shown to every node of the cluster: leave secrets out.
///
/// Those that ask the server something (`idle_timeout`, `wants_continue`, `hibernate_after`, `format_state`, `inspect`) take
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
/// With `#[server(nil)]` a `None` in arguments and answers is the atom `nil`, as Elixir has it, and not `undefined`.
///
/// With `#[server(messages = CacheMsg)]` the messages are those that `#[client]` or another `#[server]` made: no messages
/// and no handle are made, and each request has a method of the same name and types. There `#[info]` also marks a
/// method for a plain message of the client's.
///
/// `#[server(crate = "path")]` names the crate that the generated code uses, `::engset` without.
#[proc_macro_attribute]
pub fn server(arguments: proc_macro::TokenStream, block: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(arguments.into(), block.into()).into()
}

/// Makes a client of a trait that describes a server elsewhere: in Erlang, in Elixir, or in another Rust program.
///
/// The attribute says the name under which the server is registered: `#[client("cache")]`, for an Elixir module
/// `#[client("Elixir.MyApp.Cache")]`. Each method is one request, without a body and with `&self`:
///
/// * `#[call] async fn get(&self, key: String) -> Option<Value>;` is `GenServer.call(Cache, {:get, key})`. What it
///   returns is what the server answers; the caller gets that, or a `CallError`. A `Result<T, E>` is `{:ok, t}` or
///   `{:error, e}`, for a `()` in it `:ok` or `:error` alone.
/// * `#[cast] fn put(&self, key: String, value: Value);` is `GenServer.cast(Cache, {:put, key, value})`.
/// * `#[info] fn tick(&self, count: u64);` is `send(Cache, {:tick, count})`.
///
/// A request without arguments is the bare atom. `#[call(name = "fetch!")]` gives a request another name than its
/// method's; requests of one name are told apart by the number of arguments.
///
/// For `trait Cache` it makes `CacheClient`, the client, and `CacheMsg`, its messages. The trait itself only describes and
/// is gone. A client is made by `CacheClient::at(node)`, `CacheClient::here()` (the node of the process that uses it),
/// `CacheClient::on(pid)`, or of any other target with `CacheClient::new`, such as a `Service` of another name.
///
/// A Rust server takes the same messages with `#[server(messages = CacheMsg)] impl MyCache { … }`, with a method for
/// each request of the same name and types; the compiler tells of those that are missing.
///
/// Where the name is that of an Elixir module, `None` is written as `nil`, for others as `undefined`, unless the attribute
/// says `nil` after the name. Read is either. `crate = "path"` names the crate that the generated code uses, `::engset` without.
#[proc_macro_attribute]
pub fn client(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_client(arguments.into(), item.into()).into()
}

fn expand_client(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match client::parse(arguments, item) {
        Ok(client) => generate::client(&client),
        Err(error) => error.into_compile_error(),
    }
}

/// Derives serde's `Serialize` and `Deserialize` for a type, in a form that Elixir or Erlang has for it.
///
/// On a struct with named fields:
///
/// * `#[term(elixir = "MyApp.User")]`: the Elixir struct `%MyApp.User{name: …}`; on input the module is checked. Fields that
///   are `Option`s are `nil` without a value.
/// * `#[term(record = "user")]`: the record `{user, Name, …}`, which Erlang writes `#user{}`.
/// * `#[term(keyword)]`: the keyword list `[name: …]`.
/// * `#[term]`: a map with atom keys; on an enum an atom or a tagged tuple, as everywhere.
///
/// `nil` beside these, as `#[term(record = "user", nil)]`, makes `nil` of fields that are `Option`s without a value.
///
/// On a field: `#[term(nil)]`, `#[term(atom)]` for strings that are atoms, `#[term(charlist)]` for strings that are
/// charlists. Each holds for all that is in the field: an `Option<Vec<String>>` may be a list of atoms.
///
/// It goes above derives of serde's traits, if there are any; those that are missing it adds. What it writes is
/// `#[serde(rename = "%MyApp.User")]`, `"#user"`, `"[]"`, and `#[serde(with = "engset::terms::nil")]` and its like.
///
/// `#[term(crate = "path")]` names the crate that the generated code uses, `::engset` without.
#[proc_macro_attribute]
pub fn term(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    term::expand(arguments.into(), item.into()).into()
}

fn expand(arguments: TokenStream, block: TokenStream) -> TokenStream {
    let options = options::parse(arguments);
    let of_client = options.as_ref().is_ok_and(|options| options.messages.is_some());
    let (unmarked, server) = server::parse(block, of_client);
    let made = match (options, server) {
        (Ok(options), Ok(server)) => generate::server(&server, &options),
        (Err(mut error), Err(other)) => {
            error.combine(other);
            error.into_compile_error()
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => error.into_compile_error(),
    };
    quote!(#unmarked #made)
}

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod term_tests;
#[cfg(test)]
mod tests;
