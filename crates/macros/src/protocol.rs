//! The messages of a protocol and how they travel.

use crate::generate::{Names, conditions, lints};
use crate::request::{Parameter, Request, Way};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

/// What differs between protocols that travel.
#[derive(Clone, Copy)]
pub(crate) struct Travelling<'a> {
    /// The function that the compiler refuses with advice for a type that cannot travel.
    pub(crate) check: &'a str,
    /// Arguments and answers without a value are `nil`.
    pub(crate) is_nil: bool,
}

pub(crate) fn messages(requests: &[Request], names: &Names) -> TokenStream {
    let Names { vis, message, private, handle, owner, .. } = names;
    let lints = lints();
    let variants = requests.iter().map(|request| {
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
    let message_names = requests.iter().map(|request| {
        let (variant, atom, conditions) = (&request.variant, &request.atom, conditions(&request.method));
        quote!(#(#conditions)* Self::#variant { .. } => #atom,)
    });
    let doc = format!("The requests of [`{}`].", owner);
    quote! {
        #[doc = #doc]
        #lints
        #[derive(::core::fmt::Debug)]
        #vis enum #message { #(#variants),* }

        impl #private::Requests for #message {
            type Ref = #handle<#private::Addr<#message>>;

            fn name(&self) -> &'static str {
                match *self { #(#message_names)* }
            }
        }
    }
}

fn field(parameter: &Parameter) -> Option<TokenStream> {
    match parameter {
        Parameter::Context { .. } => None,
        Parameter::Reply { reply, .. } => Some(quote!(#reply)),
        Parameter::Value { value, .. } => Some(quote!(#value)),
    }
}

pub(crate) fn local_protocol(names: &Names) -> TokenStream {
    let (message, private) = (&names.message, &names.private);
    quote!(impl #private::Protocol for #message {})
}

pub(crate) fn protocol(requests: &[Request], names: &Names, travelling: Travelling<'_>) -> TokenStream {
    let Names { private, message, .. } = names;
    let Own { out, request, caller, at } = Own::new();
    let must_travel = must_travel(requests, private, travelling.check);
    let encoded = requests.iter().map(|request| encode(request, names, travelling.is_nil));
    let calls = arrived(requests, Way::Call, names, travelling.is_nil);
    let casts = arrived(requests, Way::Cast, names, travelling.is_nil);
    let plain = arrived(requests, Way::Plain, names, travelling.is_nil);
    quote! {
        const _: () = {
            #must_travel

            impl #private::Protocol for #message {
                fn encode(
                    self,
                    #out: &#private::Outgoing<'_>,
                ) -> ::core::result::Result<(), #private::EncodeError> {
                    match self { #(#encoded)* }
                }

                fn decode(
                    encoded: #private::Encoded,
                    #at: &#private::Arc<#private::Processes>,
                ) -> ::core::result::Result<#private::Mail<Self>, #private::Rejected> {
                    #private::requests::decode(
                        &encoded,
                        #at,
                        |#request, #caller, #at| #calls,
                        |#request| #casts,
                        |#request| #plain,
                    )
                }
            }
        };
    }
}

/// Makes the compiler say about a type without serde what it is needed for.
fn must_travel(requests: &[Request], private: &TokenStream, check: &str) -> TokenStream {
    let check = Ident::new(check, Span::call_site());
    let checks = requests.iter().map(|request| {
        let conditions = conditions(&request.method);
        let values = request.values().map(|(_, value)| quote!(#value));
        let answer = request.answer.types(private);
        let error = answer.clone().filter(|_| request.answer.is_fallible()).map(|(_, error)| error);
        let checks = values.chain(answer.map(|(ok, _)| ok)).chain(error).map(|travelling| {
            let span = travelling.span();
            quote_spanned!(span=> #private::#check::<#travelling>();)
        });
        quote!(#(#conditions)* { #(#checks)* })
    });
    quote!(const _: fn() = || { #(#checks)* };)
}

/// Writes one kind of request.
fn encode(request: &Request, names: &Names, is_nil: bool) -> TokenStream {
    let private = &names.private;
    let (variant, conditions, pattern) = (&request.variant, conditions(&request.method), request.pattern());
    let out = Own::new().out;
    let travelling = request.travelling(private);
    let travelling =
        if is_nil { quote!(&#private::conventions::Nil(#travelling)) } else { quote!(&#travelling) };
    let sent = match request.way {
        Way::Call => {
            let reply = request.reply();
            let decode = if request.answer.is_fallible() {
                quote!(#private::decode_fallible_reply)
            } else {
                quote!(#private::decode_reply)
            };
            quote!(#private::Reply::send_request(#reply, #out, #travelling, #decode))
        }
        Way::Cast => quote!({
            #out.send(#private::wire::cast(#travelling)?);
            ::core::result::Result::Ok(())
        }),
        Way::Plain => quote!({
            #out.send(#private::requests::plain(#travelling)?);
            ::core::result::Result::Ok(())
        }),
    };
    quote!(#(#conditions)* Self::#variant #pattern => #sent,)
}

/// What becomes of a request that arrives this way, by its name and number of arguments.
fn arrived(requests: &[Request], way: Way, names: &Names, is_nil: bool) -> TokenStream {
    let private = &names.private;
    let arrived = Own::new().request;
    let of_way = || requests.iter().filter(|request| request.way == way);
    let arms = of_way().map(|request| decode(request, names, is_nil));
    if way == Way::Plain {
        return quote!(match #arrived.head() { #(#arms)* _ => ::core::option::Option::None });
    }
    let known = of_way().map(|request| {
        let (atom, arguments) = request.head();
        let (known, conditions) = (format!("{atom}/{arguments}"), conditions(&request.method));
        quote!(#(#conditions)* #known)
    });
    quote!(match #arrived.head() {
        #(#arms)*
        _ => ::core::result::Result::Err(#private::requests::Arrived::unknown(#arrived, &[#(#known),*])),
    })
}

fn decode(request: &Request, names: &Names, is_nil: bool) -> TokenStream {
    let Names { private, message, .. } = names;
    let (variant, conditions, pattern) = (&request.variant, conditions(&request.method), request.pattern());
    let ((atom, count), (arguments, brought)) = (request.head(), request.arguments(private));
    let Own { request: arrived, caller, at, .. } = Own::new();
    let read = quote!(#private::requests::Arrived::read::<#arguments>(#arrived));
    let body = match request.way {
        Way::Call => {
            let reply = request.reply();
            let made = match (request.answer.is_fallible(), is_nil) {
                (false, false) => quote!(#private::Reply::from_term),
                (true, false) => quote!(#private::Reply::from_term_fallible),
                (false, true) => quote!(#private::Reply::from_term_nil),
                (true, true) => quote!(#private::Reply::from_term_fallible_nil),
            };
            quote! {
                let #brought = #read?;
                let #reply = #made(::core::clone::Clone::clone(#caller), #at);
                ::core::result::Result::Ok(#message::#variant #pattern)
            }
        }
        Way::Cast => quote! {
            let #brought = #read?;
            ::core::result::Result::Ok(#message::#variant #pattern)
        },
        Way::Plain => quote! {
            let #brought = #read.ok()?;
            ::core::option::Option::Some(#message::#variant #pattern)
        },
    };
    quote!(#(#conditions)* (#atom, #count) => { #body })
}

/// Names in generated code with which those of arguments cannot collide.
struct Own {
    out: Ident,
    request: Ident,
    caller: Ident,
    at: Ident,
}

impl Own {
    fn new() -> Self {
        let own = |name| Ident::new(name, Span::mixed_site());
        Self { out: own("out"), request: own("request"), caller: own("caller"), at: own("at") }
    }
}
