//! The client's handle: one method for each request.

use crate::generate::{Names, lints};
use crate::request::Request;
use proc_macro2::TokenStream;
use quote::quote;

/// The handle on a server that `#[server]` makes.
pub(crate) fn of_server(requests: &[Request], names: &Names) -> TokenStream {
    let Names { vis, private, message, handle, .. } = names;
    let lints = lints();
    let common = common(requests, names, &quote!(#private::Addr<#message>));
    quote! {
        #common

        #lints
        impl #handle {
            /// The handle on whoever is registered as `name` on the node of the process that uses it.
            #[must_use]
            #vis const fn named(name: #private::Atom) -> #handle<#private::Service<#message>> {
                #handle { target: #private::Service::local(name) }
            }

            /// The handle on whoever is registered as `name` on `node`.
            #[must_use]
            #vis const fn at(
                name: #private::Atom,
                node: #private::NodeName,
            ) -> #handle<#private::Service<#message>> {
                #handle { target: #private::Service::at(name, node) }
            }
        }
    }
}

/// The client of a server that is registered as `name`.
pub(crate) fn of_client(name: &str, requests: &[Request], names: &Names) -> TokenStream {
    let Names { vis, private, message, handle, .. } = names;
    let lints = lints();
    let common = common(requests, names, &quote!(#private::Service<#message>));
    quote! {
        #common

        #lints
        impl #handle {
            /// The name under which the server is registered.
            #vis const NAME: #private::Atom = #private::Atom::from_static(#name);

            /// The client of the server on `node`.
            #[must_use]
            #vis const fn at(node: #private::NodeName) -> Self {
                #handle { target: #private::Service::at(Self::NAME, node) }
            }

            /// The client of the server on the node of the process that uses it.
            #[must_use]
            #vis const fn here() -> Self {
                #handle { target: #private::Service::local(Self::NAME) }
            }

            /// The client of the server that is `pid`, on any node.
            #[must_use]
            #vis const fn on(pid: #private::Pid) -> #handle<#private::Addr<#message>> {
                #handle { target: #private::Addr::new(pid) }
            }
        }
    }
}

fn common(requests: &[Request], names: &Names, default: &TokenStream) -> TokenStream {
    let Names { vis, private, message, handle, owner, .. } = names;
    let (lints, doc) = (lints(), format!("A handle on a [`{owner}`]."));
    let methods = requests.iter().map(|request| client_method(request, names));
    let conversions = conversions(names);
    let doc = if names.is_client { format!("A client of the server that `{owner}` describes.") } else { doc };
    quote! {
        #[doc = #doc]
        #lints
        #[derive(
            ::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug, ::core::cmp::PartialEq, ::core::cmp::Eq,
            ::core::hash::Hash,
        )]
        #vis struct #handle<A = #default> {
            target: A,
        }

        #lints
        impl #handle<#private::Addr<#message>> {
            /// The server's address.
            #[must_use]
            #vis const fn addr(&self) -> #private::Addr<#message> {
                self.target
            }

            /// The server's pid.
            #[must_use]
            #vis const fn pid(&self) -> #private::Pid {
                self.target.pid()
            }
        }

        #lints
        impl<A: #private::Target<#message>> #handle<A> {
            /// The handle on the server that `target` names.
            #vis const fn new(target: A) -> Self {
                Self { target }
            }

            #(#methods)*
        }

        #conversions
    }
}

fn conversions(names: &Names) -> TokenStream {
    let Names { private, message, handle, .. } = names;
    quote! {
        impl ::core::convert::From<#private::Addr<#message>> for #handle<#private::Addr<#message>> {
            fn from(target: #private::Addr<#message>) -> Self {
                Self { target }
            }
        }

        impl #private::serde::Serialize for #handle<#private::Addr<#message>> {
            fn serialize<S: #private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                #private::serde::Serialize::serialize(&self.target, serializer)
            }
        }

        impl<'de> #private::serde::Deserialize<'de> for #handle<#private::Addr<#message>> {
            fn deserialize<D: #private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                let target = <#private::Addr<#message> as #private::serde::Deserialize>::deserialize(deserializer)?;
                ::core::result::Result::Ok(Self { target })
            }
        }
    }
}

fn client_method(request: &Request, names: &Names) -> TokenStream {
    let Names { vis, private, message, .. } = names;
    let (method, variant, attributes) = (&request.method.name, &request.variant, &request.method.attributes);
    let arguments = request.values().map(|(name, value)| quote!(#name: #value));
    let (reply, pattern) = (request.reply(), request.pattern());
    match request.answer.types(private) {
        Some((ok, error)) => quote! {
            #(#attributes)*
            #vis fn #method(&self, #(#arguments),*) -> #private::Call<#message, #ok, #error> {
                #private::Call::tracked(&self.target, |#reply| #message::#variant #pattern)
            }
        },
        None => quote! {
            #(#attributes)*
            ///
            /// # Errors
            /// When the request was refused on this node; it comes back.
            #vis fn #method(
                &self,
                #(#arguments),*
            ) -> ::core::result::Result<(), #private::SendError<#message>> {
                #private::Target::send(&self.target, #message::#variant #pattern)
            }
        },
    }
}
