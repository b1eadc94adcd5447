//! The `Server` that a block becomes: requests and hooks to methods.

use crate::generate::{Names, conditions, context};
use crate::options::Options;
use crate::request::{Answer, Method, Parameter, Request};
use crate::server::{Hook, Role, Server};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

pub(crate) fn implementation(server: &Server, options: &Options, names: &Names) -> TokenStream {
    let Names { private, message, .. } = names;
    let self_type = &server.self_type;
    let arms = server.requests.iter().map(|request| arm(request, names));
    let hooks = server.hooks.iter().map(|hook| hook_method(hook, names));
    let context = context();
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
            type Ref = <#message as #private::Requests>::Ref;

            #(#hooks)*

            fn message_name(message: &#message) -> &'static str {
                #private::Requests::name(message)
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
            // So that the compiler blames the method for an answer of another type.
            let place = Span::call_site().located_at(request.method.name.span());
            let answer = match request.answer {
                Answer::Plain(_) => quote_spanned!(place=> ::core::result::Result::Ok(answer)),
                _ => quote_spanned!(place=> answer),
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
        Role::Inspect => quote! {
            fn inspect(&self) -> ::core::option::Option<#private::Term> {
                #private::shown(&#run)
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
