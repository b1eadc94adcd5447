//! The code that is made of a server: messages, protocol, handle, server.

use crate::options::Options;
use crate::server::{Answer, Hook, Method, Parameter, Request, Role, Server};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, LitStr, Type};

/// Lints that cannot hold for types whose visibility the `impl` block does not tell.
const LINTS: &[&str] = &["missing_docs", "private_interfaces", "unnameable_types", "unreachable_pub"];

pub(crate) fn generate(server: &Server, options: &Options) -> TokenStream {
    let root = &options.root;
    let names = Names {
        private: quote!(#root::__private),
        message: format_ident!("{}Msg", server.name),
        handle: format_ident!("{}Ref", server.name),
        call: format_ident!("__{}Call", server.name),
        cast: format_ident!("__{}Cast", server.name),
    };
    let messages = messages(server, &names);
    let protocol = if options.local { local_protocol(&names) } else { protocol(server, options, &names) };
    let handle = handle(server, &names);
    let implementation = implementation(server, options, &names);
    quote!(#messages #protocol #handle #implementation)
}

/// What generated code calls things.
struct Names {
    /// The module with everything that generated code needs.
    private: TokenStream,
    message: Ident,
    handle: Ident,
    /// The calls as they travel.
    call: Ident,
    /// The casts as they travel.
    cast: Ident,
}

fn messages(server: &Server, names: &Names) -> TokenStream {
    let (message, private, lints) = (&names.message, &names.private, lints());
    let variants = server.requests.iter().map(|request| {
        let variant = &request.variant;
        let attributes =
            request.method.attributes.iter().filter(|found| !found.path().is_ident("deprecated"));
        let mut fields: Vec<TokenStream> = request.method.parameters.iter().filter_map(field).collect();
        match request.answer.types(private) {
            Some((ok, error)) if !request.answer.is_deferred() => {
                fields.push(quote!(#private::Reply<#ok, #error>));
            }
            _ => {}
        }
        let fields = if fields.is_empty() { TokenStream::new() } else { quote!((#(#fields),*)) };
        quote!(#(#attributes)* #variant #fields)
    });
    let doc = format!("The requests of [`{}`].", server.name);
    quote! {
        #[doc = #doc]
        #lints
        #[derive(::core::fmt::Debug)]
        pub enum #message { #(#variants),* }
    }
}

fn field(parameter: &Parameter) -> Option<TokenStream> {
    match parameter {
        Parameter::Context { .. } => None,
        Parameter::Reply { reply, .. } => Some(quote!(#reply)),
        Parameter::Value { value, .. } => Some(quote!(#value)),
    }
}

fn local_protocol(names: &Names) -> TokenStream {
    let (message, private) = (&names.message, &names.private);
    quote!(impl #private::Protocol for #message {})
}

fn protocol(server: &Server, options: &Options, names: &Names) -> TokenStream {
    let Names { private, message, call, cast, .. } = names;
    let root = &options.root;
    let serde = quote!(#root::__private::serde).to_string().replace(' ', "");
    let serde = LitStr::new(&serde, Span::call_site());
    let (calls, casts): (Vec<&Request>, Vec<&Request>) =
        server.requests.iter().partition(|request| !matches!(request.answer, Answer::None));
    let travelling = |name: &Ident, requests: &[&Request]| {
        let variants = requests.iter().map(|request| travelling_variant(request));
        quote! {
            #[derive(#private::serde::Serialize, #private::serde::Deserialize)]
            #[serde(crate = #serde)]
            enum #name { #(#variants),* }
        }
    };
    let travelling_calls = travelling(call, &calls);
    let travelling_casts = travelling(cast, &casts);
    let (encoded_calls, decoded_calls): (Vec<_>, Vec<_>) =
        calls.iter().map(|request| (encode_call(request, names), decode_call(request, names))).unzip();
    let (encoded_casts, decoded_casts): (Vec<_>, Vec<_>) =
        casts.iter().map(|request| (encode_cast(request, names), decode_cast(request, names))).unzip();
    let must_travel = must_travel(server, private);
    quote! {
        const _: () = {
            #must_travel
            #travelling_calls
            #travelling_casts

            impl #private::Protocol for #message {
                fn encode(
                    self,
                    out: &#private::Outgoing<'_>,
                ) -> ::core::result::Result<(), #private::EncodeError> {
                    match self { #(#encoded_calls)* #(#encoded_casts)* }
                }

                fn decode(
                    encoded: #private::Encoded,
                    at: &#private::Arc<#private::Processes>,
                ) -> ::core::result::Result<#private::Mail<Self>, #private::Rejected> {
                    #private::wire::decode(
                        &encoded,
                        at,
                        |call: #call, caller, at: &#private::Arc<#private::Processes>| match call {
                            #(#decoded_calls)*
                        },
                        |cast: #cast| match cast { #(#decoded_casts)* },
                    )
                }
            }
        };
    }
}

fn travelling_variant(request: &Request) -> TokenStream {
    let (variant, atom, conditions) = (&request.variant, &request.atom, conditions(&request.method));
    let values: Vec<&Type> = request.values().map(|(_, value)| value).collect();
    let fields = if values.is_empty() { TokenStream::new() } else { quote!((#(#values),*)) };
    quote!(#(#conditions)* #[serde(rename = #atom)] #variant #fields)
}

/// Makes the compiler say about a type without serde what it is needed for.
fn must_travel(server: &Server, private: &TokenStream) -> TokenStream {
    let checks = server.requests.iter().map(|request| {
        let conditions = conditions(&request.method);
        let values = request.values().map(|(_, value)| quote!(#value));
        let answer = request.answer.types(private);
        let error = answer.clone().filter(|_| request.answer.is_fallible()).map(|(_, error)| error);
        let checks = values.chain(answer.map(|(ok, _)| ok)).chain(error).map(|travelling| {
            let span = travelling.span();
            quote_spanned!(span=> #private::travels::<#travelling>();)
        });
        quote!(#(#conditions)* { #(#checks)* })
    });
    quote!(const _: fn() = || { #(#checks)* };)
}

fn encode_call(request: &Request, names: &Names) -> TokenStream {
    let Names { private, call, .. } = names;
    let (variant, conditions, pattern) = (&request.variant, conditions(&request.method), request.pattern());
    let (reply, travelling) = (request.reply(), request.travelling(call));
    let decode = if request.answer.is_fallible() {
        quote!(#private::decode_fallible_reply)
    } else {
        quote!(#private::decode_reply)
    };
    quote! {
        #(#conditions)*
        Self::#variant #pattern => #private::Reply::send_request(#reply, out, &#travelling, #decode),
    }
}

fn decode_call(request: &Request, names: &Names) -> TokenStream {
    let Names { private, call, message, .. } = names;
    let (variant, conditions, reply) = (&request.variant, conditions(&request.method), request.reply());
    let (travelling, pattern) = (request.travelling(call), request.pattern());
    let made = if request.answer.is_fallible() {
        quote!(#private::Reply::from_term_fallible(caller, at))
    } else {
        quote!(#private::Reply::from_term(caller, at))
    };
    quote! {
        #(#conditions)*
        #travelling => {
            let #reply = #made;
            #message::#variant #pattern
        }
    }
}

fn encode_cast(request: &Request, names: &Names) -> TokenStream {
    let Names { private, cast, .. } = names;
    let (variant, conditions, pattern) = (&request.variant, conditions(&request.method), request.pattern());
    let travelling = request.travelling(cast);
    quote! {
        #(#conditions)*
        Self::#variant #pattern => {
            out.send(#private::wire::cast(&#travelling)?);
            ::core::result::Result::Ok(())
        }
    }
}

fn decode_cast(request: &Request, names: &Names) -> TokenStream {
    let Names { cast, message, .. } = names;
    let (variant, conditions, pattern) = (&request.variant, conditions(&request.method), request.pattern());
    let travelling = request.travelling(cast);
    quote!(#(#conditions)* #travelling => #message::#variant #pattern,)
}

fn handle(server: &Server, names: &Names) -> TokenStream {
    let Names { private, message, handle, .. } = names;
    let (lints, doc) = (lints(), format!("A handle on a [`{}`].", server.name));
    let methods = server.requests.iter().map(|request| client_method(request, names));
    quote! {
        #[doc = #doc]
        #lints
        #[derive(
            ::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug, ::core::cmp::PartialEq, ::core::cmp::Eq,
            ::core::hash::Hash,
        )]
        pub struct #handle<A = #private::Addr<#message>> {
            target: A,
        }

        #lints
        impl #handle {
            /// The handle on whoever is registered as `name` on the node of the process that uses it.
            #[must_use]
            pub const fn named(name: #private::Atom) -> #handle<#private::Service<#message>> {
                #handle { target: #private::Service::local(name) }
            }

            /// The handle on whoever is registered as `name` on `node`.
            #[must_use]
            pub const fn at(
                name: #private::Atom,
                node: #private::NodeName,
            ) -> #handle<#private::Service<#message>> {
                #handle { target: #private::Service::at(name, node) }
            }

            /// The server's address.
            #[must_use]
            pub const fn addr(&self) -> #private::Addr<#message> {
                self.target
            }

            /// The server's pid.
            #[must_use]
            pub const fn pid(&self) -> #private::Pid {
                self.target.pid()
            }
        }

        #lints
        impl<A: #private::Target<#message>> #handle<A> {
            /// The handle on the server that `target` names.
            pub const fn new(target: A) -> Self {
                Self { target }
            }

            #(#methods)*
        }
    }
    .into_iter()
    .chain(conversions(names))
    .collect()
}

fn conversions(names: &Names) -> TokenStream {
    let Names { private, message, handle, .. } = names;
    quote! {
        impl ::core::convert::From<#private::Addr<#message>> for #handle {
            fn from(target: #private::Addr<#message>) -> Self {
                Self { target }
            }
        }

        impl #private::serde::Serialize for #handle {
            fn serialize<S: #private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                #private::serde::Serialize::serialize(&self.target, serializer)
            }
        }

        impl<'de> #private::serde::Deserialize<'de> for #handle {
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
    let Names { private, message, .. } = names;
    let (method, variant, attributes) = (&request.method.name, &request.variant, &request.method.attributes);
    let arguments = request.values().map(|(name, value)| quote!(#name: #value));
    let (reply, pattern) = (request.reply(), request.pattern());
    match request.answer.types(private) {
        Some((ok, error)) => quote! {
            #(#attributes)*
            pub fn #method(&self, #(#arguments),*) -> #private::Call<#message, #ok, #error> {
                #private::Call::tracked(&self.target, |#reply| #message::#variant #pattern)
            }
        },
        None => quote! {
            #(#attributes)*
            ///
            /// # Errors
            /// When the request was refused on this node; it comes back.
            pub fn #method(
                &self,
                #(#arguments),*
            ) -> ::core::result::Result<(), #private::SendError<#message>> {
                #private::Target::send(&self.target, #message::#variant #pattern)
            }
        },
    }
}

fn implementation(server: &Server, options: &Options, names: &Names) -> TokenStream {
    let Names { private, message, handle, .. } = names;
    let self_type = &server.self_type;
    let arms = server.requests.iter().map(|request| arm(request, names));
    let hooks = server.hooks.iter().map(|hook| hook_method(hook, names));
    let context = context();
    let message_names = server.requests.iter().map(|request| {
        let (variant, atom, conditions) = (&request.variant, &request.atom, conditions(&request.method));
        quote!(#(#conditions)* #message::#variant { .. } => #atom,)
    });
    let format_message = options.report_messages.then(|| {
        quote! {
            fn format_message(message: &#message) -> ::core::option::Option<#private::String> {
                ::core::option::Option::Some(#private::format(::core::format_args!("{message:?}")))
            }
        }
    });
    quote! {
        #[allow(deprecated, reason = "the program's own requests")]
        impl #private::Server for #self_type {
            type Msg = #message;
            type Ref = #handle;

            #(#hooks)*

            fn message_name(message: &#message) -> &'static str {
                match *message { #(#message_names)* }
            }

            #format_message

            async fn handle(
                &mut self,
                message: #message,
                #context: &mut #private::Cx<#message>,
            ) -> ::core::result::Result<(), #private::Exit> {
                let _ = &#context;
                match message { #(#arms)* }
            }
        }
    }
}

/// Serves one kind of request.
fn arm(request: &Request, names: &Names) -> TokenStream {
    let Names { private, message, .. } = names;
    let (variant, conditions, pattern) = (&request.variant, conditions(&request.method), request.pattern());
    let (reply, run) = (request.reply(), request.method.run());
    let body = match &request.answer {
        Answer::None => quote!(#private::outcome(#run)),
        Answer::Deferred { .. } => quote! {
            let ::core::option::Option::Some(#reply) = #reply.begin() else {
                return ::core::result::Result::Ok(());
            };
            #private::outcome(#run)
        },
        Answer::Plain(_) | Answer::Fallible { .. } | Answer::FallibleAlias(_) => {
            let answer = match request.answer {
                Answer::Plain(_) => quote!(::core::result::Result::Ok(answer)),
                _ => quote!(answer),
            };
            quote! {
                let ::core::option::Option::Some(#reply) = #reply.begin() else {
                    return ::core::result::Result::Ok(());
                };
                let answer = #run;
                #reply.answer(#answer);
                ::core::result::Result::Ok(())
            }
        }
    };
    quote!(#(#conditions)* #message::#variant #pattern => { #body })
}

fn hook_method(hook: &Hook, names: &Names) -> TokenStream {
    let Names { private, message, .. } = names;
    let (conditions, context) = (conditions(&hook.method), context());
    let value = hook.method.parameters.iter().find_map(|parameter| match parameter {
        Parameter::Value { name, .. } => Some(name.clone()),
        Parameter::Context { .. } | Parameter::Reply { .. } => None,
    });
    let (run, context) = (hook.method.run(), quote!(#context: &mut #private::Cx<#message>));
    let unused = hook.method.unused_context();
    let outcome = quote!(::core::result::Result<(), #private::Exit>);
    let made = match hook.role {
        Role::Info => quote! {
            async fn info(&mut self, #value: #private::Info, #context) -> #outcome {
                #unused
                #private::outcome(#run)
            }
        },
        Role::Terminate => quote! {
            async fn terminate(&mut self, #value: &#private::ExitReason, #context) {
                #unused
                #run
            }
        },
        Role::IdleTimeout => quote! {
            fn idle_timeout(&self) -> ::core::option::Option<::core::time::Duration> {
                #run
            }
        },
        Role::HibernateAfter => quote! {
            fn hibernate_after(&self) -> ::core::option::Option<::core::time::Duration> {
                #run
            }
        },
        Role::Hibernate => quote! {
            fn hibernate(&mut self) {
                #run
            }
        },
        Role::WantsContinue => quote! {
            fn wants_continue(&self) -> bool {
                #run
            }
        },
        Role::FormatState => quote! {
            fn format_state(&self) -> ::core::option::Option<#private::String> {
                #run
            }
        },
        Role::HandleContinue => quote! {
            async fn handle_continue(&mut self, #context) -> #outcome {
                #unused
                #private::outcome(#run)
            }
        },
        Role::Init | Role::Call | Role::Cast => quote! {
            async fn init(&mut self, #context) -> #outcome {
                #unused
                #private::outcome(#run)
            }
        },
    };
    quote!(#(#conditions)* #made)
}

impl Method {
    /// Calls the method with values that bear its parameters' names.
    fn run(&self) -> TokenStream {
        let name = &self.name;
        let arguments = self.parameters.iter().map(|parameter| match parameter {
            // So that the compiler blames the parameter for a context of another type.
            Parameter::Context { place } => Ident::new("cx", Span::mixed_site().located_at(*place)),
            Parameter::Reply { name, .. } | Parameter::Value { name, .. } => name.clone(),
        });
        let wait = self.is_async.then(|| quote!(.await));
        // So that the compiler blames the method for what it returns.
        let place = Span::call_site().located_at(name.span());
        quote_spanned!(place=> Self::#name(self, #(#arguments),*) #wait)
    }

    fn unused_context(&self) -> Option<TokenStream> {
        let context = context();
        let is_used = self.parameters.iter().any(|parameter| matches!(parameter, Parameter::Context { .. }));
        (!is_used).then(|| quote!(let _ = &#context;))
    }
}

impl Request {
    /// What travels, by name.
    fn values(&self) -> impl Iterator<Item = (&Ident, &Type)> {
        self.method.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Value { name, value } => Some((name, &**value)),
            Parameter::Context { .. } | Parameter::Reply { .. } => None,
        })
    }

    /// What a value or a pattern of the message has in its parentheses.
    fn pattern(&self) -> TokenStream {
        let names = self.method.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Context { .. } => None,
            Parameter::Reply { name, .. } | Parameter::Value { name, .. } => Some(name.clone()),
        });
        let mut names: Vec<Ident> = names.collect();
        if !self.answer.is_deferred() && !matches!(self.answer, Answer::None) {
            names.push(self.reply());
        }
        if names.is_empty() { TokenStream::new() } else { quote!((#(#names),*)) }
    }

    /// The name of the reply; one that the method's own names cannot collide with where the method has none.
    fn reply(&self) -> Ident {
        let own = self.method.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Reply { name, .. } => Some(name.clone()),
            Parameter::Context { .. } | Parameter::Value { .. } => None,
        });
        own.unwrap_or_else(|| Ident::new("reply", Span::mixed_site()))
    }

    /// The request as it travels.
    fn travelling(&self, of: &Ident) -> TokenStream {
        let variant = &self.variant;
        let names: Vec<&Ident> = self.values().map(|(name, _)| name).collect();
        let names = if names.is_empty() { TokenStream::new() } else { quote!((#(#names),*)) };
        quote!(#of::#variant #names)
    }
}

impl Answer {
    fn is_deferred(&self) -> bool {
        matches!(self, Self::Deferred { .. })
    }

    fn is_fallible(&self) -> bool {
        match self {
            Self::None | Self::Plain(_) => false,
            Self::Fallible { .. } | Self::FallibleAlias(_) => true,
            Self::Deferred { error, .. } => error.is_some(),
        }
    }

    /// What a call answers, and with what it fails.
    fn types(&self, private: &TokenStream) -> Option<(TokenStream, TokenStream)> {
        let never = quote!(::core::convert::Infallible);
        match self {
            Self::None => None,
            Self::Plain(ok) => Some((quote!(#ok), never)),
            Self::Fallible { ok, error } => Some((quote!(#ok), quote!(#error))),
            Self::FallibleAlias(alias) => Some((
                quote!(<#alias as #private::Fallible>::Ok),
                quote!(<#alias as #private::Fallible>::Err),
            )),
            Self::Deferred { ok, error } => {
                Some((quote!(#ok), error.as_ref().map_or(never, |error| quote!(#error))))
            }
        }
    }
}

/// The `#[cfg]` attributes, which everything made of a method keeps.
fn conditions(method: &Method) -> Vec<&Attribute> {
    method.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
}

/// The context's name, which the program's own names cannot collide with.
fn context() -> Ident {
    Ident::new("cx", Span::mixed_site())
}

fn lints() -> TokenStream {
    let lints = LINTS.iter().map(|lint| Ident::new(lint, Span::call_site()));
    quote!(#[allow(#(#lints,)* reason = "made by an attribute")])
}
