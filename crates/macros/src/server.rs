//! What an `impl` block says: its requests and hooks.

use crate::request::{self, Errors, Method, Naming, Parameter, Request, Side, Way, first_span, type_segment};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Result, ReturnType, Signature, Type,
    parse_quote,
};

/// Methods that every handle has, whatever the server.
const HANDLE_METHODS: [&str; 5] = ["new", "named", "at", "addr", "pid"];

/// A server to be generated.
pub(crate) struct Server {
    /// The type of the `impl` block.
    pub(crate) self_type: Type,
    /// The type's own name.
    pub(crate) name: Ident,
    pub(crate) requests: Vec<Request>,
    pub(crate) hooks: Vec<Hook>,
}

/// A method marked as one of the server's other functions.
pub(crate) struct Hook {
    pub(crate) role: Role,
    pub(crate) method: Method,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Call,
    Cast,
    Init,
    Info,
    Terminate,
    IdleTimeout,
    HibernateAfter,
    Hibernate,
    WantsContinue,
    HandleContinue,
    FormatState,
    Inspect,
}

/// Reads the block. What comes first is to stay in the program: the block without the marks, or what was not one.
/// `of_client` says that the messages are those of a client.
pub(crate) fn parse(block: TokenStream, of_client: bool) -> (TokenStream, Result<Server>) {
    let as_it_was = block.clone();
    let Ok(mut item) = syn::parse2::<ItemImpl>(block) else {
        let message = "`#[server]` goes on an inherent `impl` block: `#[server] impl Counter { … }`";
        let error = Error::new(first_span(&as_it_was), message);
        return (as_it_was, Err(error));
    };
    let server = read(&mut item, of_client);
    (item.into_token_stream(), server)
}

/// Reads the block and takes the marks off.
fn read(item: &mut ItemImpl, of_client: bool) -> Result<Server> {
    let mut errors = Errors(None);
    let mut marked = Vec::new();
    for member in &mut item.items {
        if let ImplItem::Fn(function) = member {
            match take_role(function) {
                Ok(Some(role)) => {
                    marked.push((role, function.clone()));
                    function.attrs.push(parse_quote!(#[allow(
                        clippy::boxed_local,
                        clippy::needless_pass_by_ref_mut,
                        clippy::needless_pass_by_value,
                        clippy::unused_async,
                        clippy::unused_self,
                        reason = "a server's methods take what requests bring"
                    )]));
                }
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
    }
    match check_block(item) {
        Ok(()) if marked.is_empty() && errors.0.is_none() => {
            let message = "no method has a role: mark what clients may ask for with `#[call]` or `#[cast]`";
            errors.push(Error::new_spanned(&item.self_ty, message));
        }
        checked => errors.push_failed(checked),
    }
    let self_type = (*item.self_ty).clone();
    let name = type_segment(&self_type).map(|segment| segment.ident.clone());
    let mut server = Server {
        name: name.unwrap_or_else(|| Ident::new("Server", Span::call_site())),
        self_type,
        requests: Vec::new(),
        hooks: Vec::new(),
    };
    for (role, mut function) in marked {
        replace_self_type(&mut function.sig, &server.self_type);
        let member = match role {
            Role::Call | Role::Cast => request(role, &function).map(|request| server.requests.push(request)),
            Role::Info if of_client && is_plain_request(&function) => {
                request(role, &function).map(|request| server.requests.push(request))
            }
            _ => hook(role, &function, &server.hooks).map(|hook| server.hooks.push(hook)),
        };
        errors.push_failed(member);
    }
    match errors.0 {
        Some(error) => Err(error),
        None => Ok(server),
    }
}

fn check_block(item: &ItemImpl) -> Result<()> {
    if let Some((implemented, _)) = &item.trait_ {
        let message = "`#[server]` goes on an inherent `impl` block, such as `impl Counter`, not on the implementation of a trait";
        return Err(Error::new_spanned(implemented, message));
    }
    if !item.generics.params.is_empty() {
        let message =
            "`#[server]` takes no generic servers: name a type, or implement `Server` and `Protocol` by hand";
        return Err(Error::new_spanned(&item.generics, message));
    }
    match type_segment(&item.self_ty) {
        Some(_) => Ok(()),
        None => Err(Error::new_spanned(&item.self_ty, "`#[server]` takes a named type, such as `Counter`")),
    }
}

/// Takes the mark off a method, if it has one.
fn take_role(function: &mut ImplItemFn) -> Result<Option<Role>> {
    let mut found = None;
    let mut result = Ok(());
    function.attrs.retain(|attribute| {
        let Some(role) = Role::of(attribute) else {
            let Some(mark) = mark_meant(attribute) else { return true };
            result = Err(Error::new_spanned(attribute, format!("this role is marked `#[{mark}]`")));
            return false;
        };
        if attribute.meta.require_path_only().is_err() {
            let mark = role.mark();
            let message = match role {
                Role::Call => {
                    "`#[call]` takes no arguments; how long it may take says the caller: `.timeout(…)`"
                        .to_owned()
                }
                _ => format!("`#[{mark}]` takes no arguments"),
            };
            result = Err(Error::new_spanned(attribute, message));
        } else if found.is_some() {
            let message = "a method has one role only: take one of the marks off";
            result = Err(Error::new_spanned(attribute, message));
        }
        found = Some(role);
        false
    });
    result.map(|()| found)
}

/// The mark that is meant by the name of OTP's callback.
fn mark_meant(attribute: &Attribute) -> Option<&'static str> {
    let callbacks = [("handle_call", "call"), ("handle_cast", "cast"), ("handle_info", "info")];
    callbacks.into_iter().find(|(callback, _)| attribute.path().is_ident(callback)).map(|(_, mark)| mark)
}

fn request(role: Role, function: &ImplItemFn) -> Result<Request> {
    let way = match role {
        Role::Call => Way::Call,
        Role::Info => Way::Plain,
        _ => Way::Cast,
    };
    let naming = Naming { taken: &HANDLE_METHODS, atom: None };
    request::request(way, naming, method(function)?, &function.sig)
}

fn method(function: &ImplItemFn) -> Result<Method> {
    request::method(&function.sig, &function.attrs, Side::Server)
}

/// Whether an `#[info]` method takes one plain message of the client's, and not everything else that arrives.
fn is_plain_request(function: &ImplItemFn) -> bool {
    !function.sig.inputs.iter().any(|input| {
        matches!(input, FnArg::Typed(typed) if type_segment(&typed.ty).is_some_and(|segment| segment.ident == "Info"))
    })
}

fn hook(role: Role, function: &ImplItemFn, hooks: &[Hook]) -> Result<Hook> {
    let method = method(function)?;
    if hooks.iter().any(|other| other.role == role) {
        let message = format!("there is another `#[{}]` method: a server has one", role.mark());
        return Err(Error::new_spanned(&method.name, message));
    }
    let values =
        method.parameters.iter().filter(|parameter| !matches!(parameter, Parameter::Context { .. })).count();
    let contexts = method.parameters.len() - values;
    let (fits, expected) = match role {
        Role::Info => (values == 1, "takes an `Info`"),
        Role::Terminate => (values == 1, "takes a `&ExitReason`"),
        Role::IdleTimeout
        | Role::HibernateAfter
        | Role::WantsContinue
        | Role::FormatState
        | Role::Inspect => {
            (values + contexts == 0 && !method.is_async, "takes only `&self`, and is not async")
        }
        Role::Hibernate => {
            (values + contexts == 0 && !method.is_async, "takes only `&mut self`, and is not async")
        }
        Role::Init | Role::HandleContinue | Role::Call | Role::Cast => {
            (values == 0, "takes nothing but, if wanted, the context")
        }
    };
    if !fits || contexts > 1 {
        let message = format!("`#[{}]` {expected}", role.mark());
        return Err(Error::new_spanned(&function.sig.inputs, message));
    }
    if role == Role::Terminate && !matches!(function.sig.output, ReturnType::Default) {
        return Err(Error::new_spanned(&function.sig.output, "`#[terminate]` returns nothing"));
    }
    Ok(Hook { role, method })
}

impl Role {
    fn of(attribute: &Attribute) -> Option<Self> {
        let all = [
            Self::Call,
            Self::Cast,
            Self::Init,
            Self::Info,
            Self::Terminate,
            Self::IdleTimeout,
            Self::HibernateAfter,
            Self::Hibernate,
            Self::WantsContinue,
            Self::HandleContinue,
            Self::FormatState,
            Self::Inspect,
        ];
        all.into_iter().find(|role| attribute.path().is_ident(role.mark()))
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Cast => "cast",
            Self::Init => "init",
            Self::Info => "info",
            Self::Terminate => "terminate",
            Self::IdleTimeout => "idle_timeout",
            Self::HibernateAfter => "hibernate_after",
            Self::Hibernate => "hibernate",
            Self::WantsContinue => "wants_continue",
            Self::HandleContinue => "handle_continue",
            Self::FormatState => "format_state",
            Self::Inspect => "inspect",
        }
    }
}

/// In the generated types `Self` would mean something else.
fn replace_self_type(signature: &mut Signature, self_type: &Type) {
    for input in &mut signature.inputs {
        if let FnArg::Typed(typed) = input {
            replace_self(&mut typed.ty, self_type);
        }
    }
    if let ReturnType::Type(_, returned) = &mut signature.output {
        replace_self(returned, self_type);
    }
}

fn replace_self(inside: &mut Type, self_type: &Type) {
    let replaced = replace_in(inside.to_token_stream(), &self_type.to_token_stream());
    if let Ok(replaced) = syn::parse2(replaced) {
        *inside = replaced;
    }
}

fn replace_in(tokens: TokenStream, by: &TokenStream) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(name) if name == "Self" => by.clone(),
        TokenTree::Group(group) => {
            let mut inner = proc_macro2::Group::new(group.delimiter(), replace_in(group.stream(), by));
            inner.set_span(group.span());
            TokenTree::Group(inner).into()
        }
        token => token.into(),
    });
    replaced.collect()
}
