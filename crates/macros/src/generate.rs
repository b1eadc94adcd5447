//! The code that is made of a server or a client: names, and what both have.

use crate::client::Client;
use crate::options::Options;
use crate::protocol::{self, Travelling};
use crate::request::Method;
use crate::server::Server;
use crate::{handle, implementation};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Attribute, Path, Visibility, parse_quote};

/// Lints that cannot hold for types whose visibility the `impl` block does not tell.
const LINTS: &[&str] = &["missing_docs", "private_interfaces", "unnameable_types", "unreachable_pub"];

/// What generated code calls things.
pub(crate) struct Names {
    /// The visibility of what is made.
    pub(crate) vis: Visibility,
    /// The module with everything that generated code needs.
    pub(crate) private: TokenStream,
    /// What the messages are for.
    pub(crate) owner: Ident,
    pub(crate) is_client: bool,
    pub(crate) message: Path,
    pub(crate) handle: Ident,
}

/// Everything that is made of an `impl` block.
pub(crate) fn server(server: &Server, options: &Options) -> TokenStream {
    let root = &options.root;
    let own = format_ident!("{}Msg", server.name);
    let names = Names {
        vis: parse_quote!(pub),
        private: quote!(#root::__private),
        owner: server.name.clone(),
        is_client: false,
        message: options.messages.clone().unwrap_or_else(|| own.into()),
        handle: format_ident!("{}Ref", server.name),
    };
    let implementation = implementation::implementation(server, options, &names);
    if options.messages.is_some() {
        return implementation;
    }
    let messages = protocol::messages(&server.requests, &names);
    let protocol = if options.local {
        protocol::local_protocol(&names)
    } else {
        protocol::protocol(&server.requests, &names, Travelling { check: "travels", is_nil: options.is_nil })
    };
    let handle = handle::of_server(&server.requests, &names);
    quote!(#messages #protocol #handle #implementation)
}

/// Everything that is made of a trait.
pub(crate) fn client(client: &Client) -> TokenStream {
    let root = &client.root;
    let names = Names {
        vis: client.vis.clone(),
        private: quote!(#root::__private),
        owner: client.name.clone(),
        is_client: true,
        message: format_ident!("{}Msg", client.name).into(),
        handle: format_ident!("{}Client", client.name),
    };
    let messages = protocol::messages(&client.requests, &names);
    let travelling = Travelling { check: "travels_always", is_nil: client.is_nil };
    let protocol = protocol::protocol(&client.requests, &names, travelling);
    let handle = handle::of_client(&client.registered, &client.requests, &names);
    quote!(#messages #protocol #handle)
}

/// The `#[cfg]` attributes, which everything made of a method keeps.
pub(crate) fn conditions(method: &Method) -> Vec<&Attribute> {
    method.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
}

/// The context's name, which the program's own names cannot collide with.
pub(crate) fn context() -> Ident {
    Ident::new("cx", Span::mixed_site())
}

pub(crate) fn lints() -> TokenStream {
    let lints = LINTS.iter().map(|lint| Ident::new(lint, Span::call_site()));
    quote!(#[allow(#(#lints,)* reason = "made by an attribute")])
}
